# VCOP: one learning rate throughout. Its code makes a scheduler that would lower the rate when the loss stops falling,
# but never steps it; param_scheduler takes any other.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4),
)
param_scheduler = []
train_cfg = dict(type='ResumableEpochBasedTrainLoop', max_epochs=300)
