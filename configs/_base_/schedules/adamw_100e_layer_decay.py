# VideoMAE's fine-tuning on UCF101 [code]. The learning rate is that of 512 clips, two of each video, and is scaled with them.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='LayerDecayOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=5e-4, betas=(0.9, 0.999), weight_decay=0.05),
    paramwise_cfg=dict(layer_decay=0.7, norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
)
__by_epoch = dict(by_epoch=True, convert_to_iter_based=True)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, end=5, **__by_epoch),  # from nearly 0, as there
    dict(type='CosineAnnealingLR', begin=5, T_max=95, end=100, eta_min_ratio=1 / 50, **__by_epoch),
]
train_cfg = dict(type='ResumableEpochBasedTrainLoop', max_epochs=100)
auto_scale_lr = dict(base_batch_size=512, enable=True)
