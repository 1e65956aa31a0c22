_base_ = './relative_speed_k400.py'
train_pipeline = _base_.train_pipeline
# A clip from each of the two windows, each cropped and coloured on its own.
train_pipeline[1].update(num_views=2)
train_pipeline[3].update(groups=None)
train_dataloader = dict(batch_size=30, drop_last=True, dataset=dict(pipeline=train_pipeline))
