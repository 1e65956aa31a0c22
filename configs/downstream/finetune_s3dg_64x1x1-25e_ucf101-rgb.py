# VideoPace's S3D-G.
_base_ = ['./finetune_r2plus1d-10_16x1x1-25e_ucf101-rgb.py', '../_base_/video_pace_s3dg.py']
__s3dg = _base_.video_pace_s3dg
model = dict(backbone=dict(_delete_=True, **__s3dg.backbone), cls_head=dict(in_channels=1024))
train_dataloader = __s3dg.train_dataloader
test_dataloader = dict(
    dataset=dict(pipeline=dict(sample=dict(clip_len=64), resize=__s3dg.resize, crop=dict(crop_size=224)))
)
