# For auxSKD: two clips, each from a tuple of its own, in the auxiliary stage's batches.
_base_ = './clip_order_k100.py'
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(num_views=2)
train_dataloader = dict(batch_size=30, drop_last=True, dataset=dict(pipeline=train_pipeline))
