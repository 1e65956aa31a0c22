_base_ = './relative_speed_k400.py'
train_pipeline = _base_.train_pipeline
# As it is before grey and colour jitter: what a parsing teacher sees.
train_pipeline[3].update(keep_middle_frame=True)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
