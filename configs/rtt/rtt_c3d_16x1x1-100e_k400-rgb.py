# The lists that quote the paper's C3D differ in its data, Kinetics-400 or 600. Epochs: those on UCF101 [guess].
_base_ = './rtt_c3d_16x1x1-100e_ucf101-rgb.py'
train_dataloader = dict(dataset=_base_.kinetics400)
