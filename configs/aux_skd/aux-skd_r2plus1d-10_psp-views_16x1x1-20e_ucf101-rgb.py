_base_ = ['./aux-skd_r2plus1d-10_16x1x1-20e_ucf101-rgb.py', '../_base_/pixels_0_to_1.py']
model = dict(data_preprocessor=_base_.pixels_0_to_1, backbone=dict(temporal_groups=dict(clip_len=16, group_len=4)))
__sample = dict(_delete_=True, type='SamplePaceOrder', speeds=(-1, 1, 4), clip_len=16, num_views=2)
__clips = dict(transforms=dict(flip=None, color=None))
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample, clips=__clips)))
