# Net, batch, optimiser and learning rate are RSPNet's, which has the same first author [guess]; epochs [secondary].
_base_ = [
    '../_base_/models/ascnet.py',
    '../_base_/datasets/two_speeds.py',
    '../_base_/schedules/sgd_200e_cosine.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(dataset=_base_.kinetics400)
