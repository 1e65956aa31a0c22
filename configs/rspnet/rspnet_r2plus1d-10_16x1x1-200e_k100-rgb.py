_base_ = [
    '../_base_/models/rspnet.py',
    '../_base_/datasets/relative_speed.py',
    '../_base_/schedules/sgd_200e_cosine.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=0.05))
train_dataloader = dict(dataset=_base_.kinetics100)
