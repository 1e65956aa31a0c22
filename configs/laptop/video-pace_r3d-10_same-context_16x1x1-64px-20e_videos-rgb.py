# Two clips of each video, which are to be close together and far from those of other videos, beside their pace. Unlike the paper's
# 0.1, both losses count alike [guess]: with few videos the contrast teaches more than the pace.
_base_ = './video-pace_r3d-10_16x1x1-64px-20e_videos-rgb.py'
model = dict(
    necks=dict(projection=dict(type='ProjectionNeck', in_channels=512, out_channels=64, num_layers=2, norm='batch')),
    heads=dict(contrast=dict(type='NTXentHead', positives='same_context', loss_weight=1.0)),
)
__crop = dict(_delete_=True, type='RandomResizedCrop', area_range=(0.5, 1.0), aspect_ratio_range=(0.85, 1.18))
__transforms = dict(crop=__crop, size=dict(type='Resize', scale=(64, 64), keep_ratio=False, _after_='crop'))
train_dataloader = dict(
    batch_size=20,  # 40 clips
    dataset=dict(pipeline=dict(sample=dict(num_views=2), clips=dict(transforms=__transforms))),
)
