_base_ = ['./pace.py', './small_clips.py']
train_pipeline = _base_.train_pipeline
train_pipeline[3].update(transforms=_base_.small_clip_transforms)
train_dataloader = dict(
    drop_last=True,
    dataset=dict(
        **_base_.small_dataset,
        dataset=dict(type='VideoDataset', data_root='data/videos', ann_file=None, pipeline=train_pipeline),
    ),
)
