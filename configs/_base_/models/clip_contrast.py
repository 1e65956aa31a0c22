# Two clips of a video are to be close together and far from those of the batch's other videos: SimCLR on clips, as in
# "Spatiotemporal Contrastive Video Representation Learning", Qian, Meng, Gong, Yang, Wang, Belongie, Cui, 2021. The projection
# is a guess.
model = dict(
    type='Pretrainer',
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(type='R3D', depth=10),
    necks=dict(projection=dict(type='ProjectionNeck', in_channels=512, out_channels=64, num_layers=2, norm='batch')),
    heads=dict(contrast=dict(type='NTXentHead', positives='same_context', loss_weight=1.0)),
)
