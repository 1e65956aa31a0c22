# The same 80,000 iterations, of 8,000 an epoch [guess].
_base_ = './mas_c3d_16x1x1-252e_ucf101-rgb.py'
train_cfg = dict(max_epochs=10)
train_dataloader = dict(dataset=_base_.kinetics400)
