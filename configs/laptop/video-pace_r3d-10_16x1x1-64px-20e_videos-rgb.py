_base_ = [
    '../_base_/models/video_pace.py',
    '../_base_/datasets/pace.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(type='R3D'))
train_dataloader = _base_.small_clips
