# VideoMoCo's views [code]: the same frames twice, each with a crop, flip and colours of its own. The released code draws colours
# and flips for each frame, which is plainly not intended; here they are drawn for a clip.
_base_ = './relative_speed.py'
__sample = dict(_delete_=True, type='SamplePace', clip_len=32, num_speeds=1, num_views=2, shared_start=True)
__clips = dict(groups=None, transforms=dict(crop=dict(area_range=(0.2, 1.0))))
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=dict(sample=__sample, clips=__clips)))
