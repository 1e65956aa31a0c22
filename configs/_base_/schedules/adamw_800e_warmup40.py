# VideoMAE's pretraining [code]. The learning rate is that of a total batch (over all processes) of 256 and is scaled with it.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1.5e-4, betas=(0.9, 0.95), weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
)
__by_epoch = dict(by_epoch=True, convert_to_iter_based=True)
param_scheduler = [
    dict(type='LinearLR', start_factor=1 / 150, end=40, **__by_epoch),
    dict(type='CosineAnnealingLR', begin=40, T_max=760, end=800, eta_min_ratio=1 / 15, **__by_epoch),
]
train_cfg = dict(type='ResumableEpochBasedTrainLoop', max_epochs=800)
auto_scale_lr = dict(base_batch_size=256, enable=True)
