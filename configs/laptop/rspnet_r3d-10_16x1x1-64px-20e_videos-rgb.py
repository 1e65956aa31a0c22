_base_ = [
    '../_base_/models/rspnet.py',
    '../_base_/datasets/relative_speed.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# A bank larger than the data would hold every video several times; with 255 rows the video is to be found among 256, of
# which guessing finds one. A young teacher must move faster than one that has a million steps.
model = dict(backbone=dict(type='R3D'), memory_bank=dict(size=255))
custom_hooks = [dict(type='MomentumTeacherHook', momentum=0.99), dict(type='MemoryBankHook')]
train_dataloader = dict(_base_.small_clips, batch_size=32)
