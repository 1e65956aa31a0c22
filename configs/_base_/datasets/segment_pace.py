_base_ = './clips.py'
train_pipeline = [
    dict(type='VideoReaderInit'),
    dict(type='SampleSegmentPace', clip_len=_base_.clip_len, num_segments=4, num_speeds=4),
    dict(type='DecodeClips'),
    dict(type='EachClip', transforms=_base_.clip_transforms),
    dict(type='PackClips'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
