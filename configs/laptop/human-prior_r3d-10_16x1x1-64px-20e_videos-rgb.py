_base_ = [
    '../_base_/models/human_prior.py',
    '../_base_/datasets/relative_speed_64px.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# The bank and its teacher's momentum are those of the laptop's RSPNet; a parsing of 32x32 is the decoder's own size.
model = dict(backbone=dict(backbone=dict(type='R3D')), memory_bank=dict(size=255), heads=dict(parsing=dict(size=None)))
custom_hooks = [dict(type='MomentumTeacherHook', momentum=0.99), dict(type='MemoryBankHook')]
train_pipeline = _base_.train_pipeline
train_pipeline[3].update(keep_middle_frame=True)
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
