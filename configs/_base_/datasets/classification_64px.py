_base_ = ['./classification.py', './small_clips.py']
train_pipeline = _base_.train_pipeline
train_pipeline[3].update(transforms=_base_.small_clip_transforms)
test_pipeline = _base_.test_pipeline
test_pipeline[3] = _base_.small_resize
test_pipeline[4].update(crop_size=_base_.small_crop_size)
train_dataloader = dict(
    batch_size=20,
    drop_last=True,
    dataset=dict(
        **_base_.small_dataset,
        dataset=dict(type='VideoDataset', data_root='data/videos', ann_file='train.txt', pipeline=train_pipeline),
    ),
)
test_dataloader = dict(dataset=dict(data_root='data/videos', ann_file='test.txt', pipeline=test_pipeline))
