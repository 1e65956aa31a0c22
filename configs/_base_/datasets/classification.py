_base_ = './clips.py'
train_pipeline = [
    dict(type='VideoReaderInit'),
    dict(type='SampleFrames', clip_len=_base_.clip_len, frame_interval=1, num_clips=1),
    dict(type='DecodeClips'),
    # "The same data augmentation [...] as the pretraining stage"
    dict(type='EachClip', transforms=_base_.clip_transforms),
    dict(type='PackClips'),
]
test_pipeline = [
    dict(type='VideoReaderInit'),
    dict(type='SampleFrames', clip_len=_base_.clip_len, frame_interval=1, num_clips=10, test_mode=True),
    dict(type='DecodeClips'),
    dict(type='Resize', scale=_base_.video_scale, keep_ratio=False),
    dict(type='CenterCrop', crop_size=_base_.crop_size),
    dict(type='PackClips'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_dataloader = dict(
    batch_size=3,  # videos of ten clips: as many clips as in a training batch
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='VideoDataset', test_mode=True, pipeline=test_pipeline),
)
test_evaluator = dict(
    type='AccMetric', metric_list='top_k_accuracy', metric_options=dict(top_k_accuracy=dict(topk=(1, 5)))
)
test_cfg = dict(type='TestLoop')
# Nothing is selected on the test split: the last epoch is what is tested.
val_dataloader = val_evaluator = val_cfg = None
