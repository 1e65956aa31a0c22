# RSPNet's fine-tuning: once an epoch the learning rate falls along a cosine, down to a thousandth. It is not scaled with
# the batch.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
)
param_scheduler = [dict(type='CosineAnnealingLR', T_max=30, eta_min_ratio=1e-3, by_epoch=True)]
train_cfg = dict(type='ResumableEpochBasedTrainLoop', max_epochs=30)
