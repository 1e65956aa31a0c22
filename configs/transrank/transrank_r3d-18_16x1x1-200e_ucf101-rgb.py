# After TransRank. Net, data and epochs are those in the name of its example config [code], at 16 frames of 112 pixels [guess].
# SGD with a cosine at a learning rate of 0.01 for 64 videos [guess]; the paper's constants are not known here.
_base_ = [
    '../_base_/models/transrank.py',
    '../_base_/datasets/transformations.py',
    '../_base_/schedules/sgd_200e_cosine.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=0.01))
train_dataloader = dict(dataset=_base_.ucf101.train)
