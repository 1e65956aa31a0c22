# VCOP on Kinetics-100, as the auxSKD paper has it.
_base_ = './sgd_300e_constant.py'
train_cfg = dict(max_epochs=200)
