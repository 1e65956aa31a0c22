_base_ = [
    '../_base_/models/vcop.py',
    '../_base_/datasets/pace_order.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# ImageNet's mean and standard deviation, as the laptop's fine-tuning.
model = dict(
    data_preprocessor=dict(_delete_=True, type='ClipDataPreprocessor'),
    backbone=dict(type='R3D', temporal_groups=dict(clip_len=16, group_len=4)),
)
train_dataloader = dict(_base_.small_clips, batch_size=10)  # 30 clips
