_base_ = [
    '../_base_/models/human_prior.py',
    '../_base_/datasets/relative_speed.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# The bank and its teacher's momentum are those of the laptop's RSPNet; a parsing of 32x32 is the decoder's own size.
model = dict(backbone=dict(backbone=dict(type='R3D')), memory_bank=dict(size=255), heads=dict(parsing=dict(size=None)))
custom_hooks = [dict(type='MomentumTeacherHook', momentum=0.99), dict(type='MemoryBankHook')]
__clips = dict(_base_.small_clips.dataset.pipeline.clips, keep_middle_frame=True)
__dataset = dict(_base_.small_clips.dataset, pipeline=dict(clips=__clips))
train_dataloader = dict(_base_.small_clips, batch_size=32, dataset=__dataset)
