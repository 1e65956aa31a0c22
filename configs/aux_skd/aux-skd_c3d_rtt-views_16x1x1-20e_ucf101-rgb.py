# The auxiliary stage in front of RTT: two clips with a transformation and a rate of their own, and RTT's pixels.
_base_ = './aux-skd_r2plus1d-10_16x1x1-20e_ucf101-rgb.py'
__rtt = dict(mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5))
model = dict(data_preprocessor=__rtt, backbone=dict(_delete_=True, type='C3D'))
__sample = dict(_delete_=True, type='SampleTemporalTransform', clip_len=16, num_rates=4, num_views=2)
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample, clips=dict(transforms=dict(color=None)))))
