_base_ = './vspp_r2plus1d-10_16x1x1-20e_k100-rgb.py'
# Ten draws of each video an epoch, on this small data set only: the paper's "10x more iterations" for temporal
# jittering. (Its "90K iterations per epoch" are 95,370 samples in its released code.)
train_dataloader = dict(sampler=dict(repeats=10), dataset=_base_.ucf101.train)
