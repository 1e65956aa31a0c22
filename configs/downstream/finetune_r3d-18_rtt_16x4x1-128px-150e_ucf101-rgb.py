# Twice the epochs of C3D, frames of 128 to 256 pixels in training and of 192 in the test [code].
_base_ = './finetune_c3d_rtt_16x4x1-75e_ucf101-rgb.py'
model = dict(backbone=dict(_delete_=True, type='R3D', depth=18))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=150, eta_min_ratio=1e-3, by_epoch=True)]
train_cfg = dict(max_epochs=150)
__transforms = dict(
    resize=dict(scale=(256, 256)),
    rescale=dict(type='RandomRescale', scale_range=(128, 256), _after_='resize'),
    crop=dict(size=128),
)
train_dataloader = dict(dataset=dict(pipeline=dict(clips=dict(transforms=__transforms))))
__pipeline = dict(resize=dict(scale=(192, 192)), crop=dict(crop_size=128))
test_dataloader = dict(dataset=dict(pipeline=__pipeline))
