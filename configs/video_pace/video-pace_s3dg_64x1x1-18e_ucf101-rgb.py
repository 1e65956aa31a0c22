_base_ = ['./video-pace_r2plus1d-10_16x1x1-18e_ucf101-rgb.py', '../_base_/video_pace_s3dg.py']
model = dict(
    backbone=dict(_delete_=True, **_base_.video_pace_s3dg.backbone),
    heads=dict(speed=dict(in_channels=_base_.video_pace_s3dg.out_channels)),
)
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(clip_len=_base_.video_pace_s3dg.clip_len)
train_pipeline[3]['transforms'][0] = _base_.video_pace_s3dg.resize
train_pipeline[3]['transforms'][1].update(size=_base_.video_pace_s3dg.crop_size)
train_dataloader = dict(
    batch_size=_base_.video_pace_s3dg.batch_size, dataset=dict(dataset=dict(pipeline=train_pipeline))
)
