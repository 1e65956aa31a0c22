# Some of the training videos are held out to choose the epoch by; the test split has no part in that.
_base_ = './classification_vcop.py'
val_pipeline = [
    dict(type='VideoReaderInit'),
    # one clip from the middle
    dict(type='SampleFrames', clip_len=_base_.clip_len, frame_interval=1, num_clips=1, test_mode=True),
    *_base_.test_pipeline[2:],
]
val_dataloader = dict(
    _delete_=True,
    batch_size=30,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='VideoDataset', test_mode=True, pipeline=val_pipeline),
)
val_evaluator = dict(_delete_=True, **_base_.test_evaluator)
val_cfg = dict(_delete_=True, type='ValLoop')
