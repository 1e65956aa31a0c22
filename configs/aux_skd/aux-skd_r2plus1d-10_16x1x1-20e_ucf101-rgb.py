_base_ = './aux-skd_r2plus1d-10_16x1x1-20e_k100-rgb.py'
# Ten draws of each video an epoch, on this small data set only: the paper's "10x more iterations" for temporal
# jittering. (Its "90K iterations per epoch" are 95,370 samples in the released code of VSPP; the auxiliary stage takes each
# video once there.)
train_dataloader = dict(sampler=dict(repeats=10), dataset=_base_.ucf101.train)
