# Two clips from independent places of a video, one at natural and one at double speed, in random order [paper: that the speeds
# differ; secondary: 1 and 2; guess: the rest]. Crops and colours are RSPNet's [guess].
_base_ = './relative_speed.py'
__sample = dict(_delete_=True, type='SamplePace', clip_len=16, num_speeds=2, num_views=2, distinct_views=True)
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample, clips=dict(groups=None))))
