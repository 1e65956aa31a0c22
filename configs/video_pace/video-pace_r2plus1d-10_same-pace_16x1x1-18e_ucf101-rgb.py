# Unverified, as same-context.
_base_ = './video-pace_r2plus1d-10_same-context_16x1x1-18e_ucf101-rgb.py'
model = dict(heads=dict(contrast=dict(positives='same_pace')))
train_dataloader = dict(dataset=dict(pipeline=dict(sample=dict(distinct_views=False))))
