# Unverified: the authors never released their contrastive terms, which are recalled from the paper.
_base_ = [
    '../_base_/models/video_pace.py',
    '../_base_/datasets/pace_two_views_ucf101.py',
    '../_base_/schedules/sgd_18e_step6.py',
    '../_base_/default_runtime.py',
]
model = dict(
    necks=dict(projection=dict(type='ProjectionNeck', in_channels=512, out_channels=128)),
    heads=dict(contrast=dict(type='NTXentHead', positives='same_context', loss_weight=0.1)),
)
# The two clips of a video have different paces.
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(distinct_views=True)
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
