# Fine-tuning as VCOP's released code does it: clips as in its pretraining, cropped, not flipped, colours as they are.
_base_ = './classification.py'
train_pipeline = _base_.train_pipeline
train_pipeline[3].update(transforms=_base_.clip_transforms[:2])
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
