_base_ = './clips.py'
__sampler = dict(type='SampleSegmentPace', clip_len=16, num_segments=4, num_speeds=4)
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sampler)))
