_base_ = './rspnet_r2plus1d-10_16x1x1-200e_k100-rgb.py'
train_dataloader = dict(dataset=_base_.kinetics400)
