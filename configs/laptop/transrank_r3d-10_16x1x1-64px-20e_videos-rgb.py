_base_ = [
    '../_base_/models/transrank.py',
    '../_base_/datasets/transformations.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(depth=10))
train_dataloader = dict(_base_.small_clips, batch_size=10)  # 30 clips
