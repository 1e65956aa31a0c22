_base_ = './video-pace_r2plus1d-10_16x1x1-18e_k100-rgb.py'
train_dataloader = dict(dataset=_base_.kinetics400)
