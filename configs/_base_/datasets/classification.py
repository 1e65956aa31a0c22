# Training: "the same data augmentation [...] as the pretraining stage". Test: 10 clips a video.
_base_ = './clips.py'
__sampler = dict(type='SampleFrames', clip_len=16, frame_interval=1)
train_dataloader = dict(dataset=dict(pipeline=dict(sample=dict(**__sampler, num_clips=1))))
test_dataloader = dict(
    batch_size=3,  # videos of ten clips: as many clips as in a training batch
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='VideoDataset',
        test_mode=True,
        pipeline=dict(
            open=dict(type='VideoReaderInit'),
            sample=dict(**__sampler, num_clips=10, test_mode=True),
            decode=dict(type='DecodeClips'),
            resize=dict(type='Resize', scale=(171, 128), keep_ratio=False),
            crop=dict(type='CenterCrop', crop_size=112),
            pack=dict(type='PackClips'),
        ),
    ),
)
test_evaluator = dict(
    type='AccMetric', metric_list='top_k_accuracy', metric_options=dict(top_k_accuracy=dict(topk=(1, 5)))
)
test_cfg = dict(type='TestLoop')
# Nothing is selected on the test split: the last epoch is what is tested.
val_dataloader = val_evaluator = val_cfg = None
