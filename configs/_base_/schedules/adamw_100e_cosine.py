# RTT's [code]. Its AdamW subtracts 1e-4 of a weight in a step, times the cosine that the learning rate follows, too; PyTorch's
# subtracts the learning rate times weight_decay. 1e-4 / 3e-4 makes them equal. There the cosine falls with each step, here with
# each epoch.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=3e-4, betas=(0.9, 0.99), weight_decay=1 / 3),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [dict(type='CosineAnnealingLR', T_max=100, eta_min_ratio=1e-3, by_epoch=True)]
train_cfg = dict(type='ResumableEpochBasedTrainLoop', max_epochs=100)
