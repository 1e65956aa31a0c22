_base_ = ['./video-pace_r2plus1d-10_16x1x1-18e_ucf101-rgb.py', '../_base_/video_pace_s3dg.py']
__s3dg = _base_.video_pace_s3dg
model = dict(backbone=dict(_delete_=True, **__s3dg.backbone), heads=dict(speed=dict(in_channels=1024)))
train_dataloader = __s3dg.train_dataloader
