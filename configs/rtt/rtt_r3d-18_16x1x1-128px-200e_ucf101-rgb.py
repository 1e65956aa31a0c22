_base_ = './rtt_c3d_16x1x1-100e_ucf101-rgb.py'  # the paper's net is 2D in its first two stages
__head = dict(init_cfg=dict(_delete_=True, type='Normal', layer='Linear', std=1e-3))  # [code]
model = dict(backbone=dict(_delete_=True, type='R3D', depth=18), heads=dict(transform=__head, rate=__head))
__color = dict(type='VideoColorJitter', brightness=0.4, contrast=0, saturation=0.5, hue=0, probability=1.0)
__transforms = dict(  # saturation [code]; brightness, which is added there, is a factor [guess]
    resize=dict(scale=(256, 256)),
    rescale=dict(type='RandomRescale', scale_range=(128, 256), _after_='resize'),
    crop=dict(size=128),
    color=dict(__color, _delete_=True),
    gray=dict(type='RandomGray', probability=0.2),  # of a clip; in the paper's code of each frame
)
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=dict(clips=dict(transforms=__transforms))))
train_cfg = dict(max_epochs=200)
param_scheduler = [dict(type='CosineAnnealingLR', T_max=200, eta_min_ratio=1e-3, by_epoch=True)]
