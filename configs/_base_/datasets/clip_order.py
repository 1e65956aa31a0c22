_base_ = './clips.py'
train_pipeline = [
    dict(type='VideoReaderInit'),
    dict(type='SampleClipOrder', tuple_len=3, clip_len=_base_.clip_len, gap=8),
    dict(type='DecodeClips'),
    # Each clip has a crop of its own; the released code neither flips nor changes colours.
    dict(type='EachClip', transforms=_base_.clip_transforms[:2]),
    dict(type='PackClips'),
]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
