_base_ = './vspp_r2plus1d-10_16x1x1-20e_k100-rgb.py'
train_dataloader = dict(dataset=_base_.kinetics400)
