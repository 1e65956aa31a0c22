_base_ = './rspnet_r2plus1d-10_16x1x1-200e_k400-rgb.py'
model = dict(
    backbone=dict(_delete_=True, type='S3DG'),
    necks=dict(appearance=dict(in_channels=1024), motion=dict(in_channels=1024)),
)
__resize = dict(scale=(224, 224))
train_dataloader = dict(dataset=dict(pipeline=dict(clips=dict(transforms=dict(resize=__resize)))))
