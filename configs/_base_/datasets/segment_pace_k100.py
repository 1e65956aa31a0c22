train_pipeline = [
    dict(type='DecordInit'),
    dict(type='SampleSegmentPace', clip_len=16, num_segments=4, num_speeds=4),
    dict(type='DecodeClips'),
    dict(
        type='EachClip',
        transforms=[
            dict(type='Resize', scale=(171, 128), keep_ratio=False),
            dict(type='RandomCrop', size=112),
            dict(type='Flip', flip_ratio=0.5),
            dict(type='VideoColorJitter', brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2),
        ]),
    dict(type='PackClips'),
]
train_dataloader = dict(
    batch_size=30,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='DrawSampler', shuffle=True),
    dataset=dict(
        type='VideoDataset', data_root='data/kinetics100', ann_file='kinetics100_train.txt', pipeline=train_pipeline))
