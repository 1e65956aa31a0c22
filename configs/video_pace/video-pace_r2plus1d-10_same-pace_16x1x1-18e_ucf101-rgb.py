# Unverified, as same-context.
_base_ = './video-pace_r2plus1d-10_same-context_16x1x1-18e_ucf101-rgb.py'
model = dict(heads=dict(contrast=dict(positives='same_pace')))
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(distinct_views=False)
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
