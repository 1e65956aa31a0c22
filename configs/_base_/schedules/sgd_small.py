# A small run sees tens of thousands of clips where the papers' see millions: a higher learning rate, dropped twice.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=1e-2, momentum=0.9, weight_decay=5e-4),
)
param_scheduler = [dict(type='MultiStepLR', milestones=[12, 17], gamma=0.1, by_epoch=True)]
train_cfg = dict(type='ResumableEpochBasedTrainLoop', max_epochs=20)
