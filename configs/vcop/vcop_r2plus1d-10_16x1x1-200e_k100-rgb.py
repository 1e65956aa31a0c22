# As the auxSKD paper has it.
_base_ = './vcop_r2plus1d-10_16x1x1-300e_ucf101-rgb.py'
train_cfg = dict(max_epochs=200)
train_dataloader = dict(dataset=_base_.kinetics100)
