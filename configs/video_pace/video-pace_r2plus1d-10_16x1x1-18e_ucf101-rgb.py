_base_ = './video-pace_r2plus1d-10_16x1x1-18e_k100-rgb.py'
# Ten draws of each video an epoch, as the released code has it.
train_dataloader = dict(sampler=dict(repeats=10), dataset=_base_.ucf101.train)
