# Fine-tuning as RSPNet's released code does it: a random part of the frame, no colour jitter; test with the largest
# centred square. It takes the epoch that is best on the test split; here nothing is selected on it, the last epoch is
# what is tested.
_base_ = './classification.py'
train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[3].update(
    transforms=[
        dict(type='RandomResizedCrop', area_range=(0.25, 1.0), aspect_ratio_range=(3 / 4, 4 / 3)),
        dict(type='Resize', scale=(_base_.crop_size, _base_.crop_size), keep_ratio=False),
        dict(type='Flip', flip_ratio=0.5),
    ]
)
test_pipeline[3] = dict(type='Resize', scale=(-1, _base_.crop_size))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
