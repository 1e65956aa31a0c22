_base_ = './aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py'
model = dict(backbone=dict(temporal_groups=dict(clip_len=16, group_len=4)))
__sample = dict(_delete_=True, type='SamplePaceOrder', speeds=(-1, 1, 4), clip_len=16, num_views=2)
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample)))
