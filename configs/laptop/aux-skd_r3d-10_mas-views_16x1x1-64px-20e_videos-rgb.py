_base_ = './aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py'
__sample = dict(_delete_=True, type='SamplePace', clip_len=16, num_speeds=1, num_views=2)
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample)))
