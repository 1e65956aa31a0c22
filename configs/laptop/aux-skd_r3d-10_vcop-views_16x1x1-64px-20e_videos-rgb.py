_base_ = './aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py'
train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(type='SampleClipOrder', tuple_len=3, clip_len=16, gap=8, num_views=2)
train_pipeline[3].update(transforms=_base_.small_clip_transforms[:2])  # no flip
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
