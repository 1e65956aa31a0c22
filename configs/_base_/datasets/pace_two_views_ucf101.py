_base_ = './pace_ucf101.py'
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(num_views=2)
train_dataloader = dict(drop_last=True, dataset=dict(dataset=dict(pipeline=train_pipeline)))
