_base_ = './pace_k100.py'
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(num_views=2)
train_dataloader = dict(drop_last=True, dataset=dict(pipeline=train_pipeline))
