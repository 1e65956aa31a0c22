# VideoPace's S3D-G.
_base_ = ['./finetune_r2plus1d-10_16x1x1-25e_ucf101-rgb.py', '../_base_/video_pace_s3dg.py']
__s3dg = _base_.video_pace_s3dg
model = dict(backbone=dict(_delete_=True, **__s3dg.backbone), cls_head=dict(in_channels=__s3dg.out_channels))
train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[1].update(clip_len=__s3dg.clip_len)
train_pipeline[3]['transforms'][0] = test_pipeline[3] = __s3dg.resize
train_pipeline[3]['transforms'][1].update(size=__s3dg.crop_size)
test_pipeline[1].update(clip_len=__s3dg.clip_len)
test_pipeline[4].update(crop_size=__s3dg.crop_size)
train_dataloader = dict(batch_size=__s3dg.batch_size, dataset=dict(pipeline=train_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
