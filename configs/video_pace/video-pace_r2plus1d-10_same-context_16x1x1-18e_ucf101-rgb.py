# Unverified: the authors never released their contrastive terms, which are recalled from the paper.
_base_ = './video-pace_r2plus1d-10_16x1x1-18e_ucf101-rgb.py'
model = dict(
    necks=dict(projection=dict(type='ProjectionNeck', in_channels=512, out_channels=128)),
    heads=dict(contrast=dict(type='NTXentHead', positives='same_context', loss_weight=0.1)),
)
# The two clips of a video have different paces.
__sampling = dict(num_views=2, distinct_views=True)
train_dataloader = dict(drop_last=True, dataset=dict(pipeline=dict(sample=__sampling)))
