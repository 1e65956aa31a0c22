# RSPNet's S3D-G sees longer clips in fine-tuning than in pretraining. The batch: 4 on each of 2 GPUs, the number that the
# released code's instructions show.
_base_ = './finetune_r2plus1d-10_rspnet_16x1x1-30e_ucf101-rgb.py'
model = dict(backbone=dict(_delete_=True, type='S3DG'), cls_head=dict(in_channels=1024))
optim_wrapper = dict(optimizer=dict(lr=5e-3))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=50, eta_min_ratio=1e-3, by_epoch=True)]
train_cfg = dict(max_epochs=50)
__sample, __square = dict(clip_len=64), dict(scale=(-1, 224))
__clips = dict(transforms=dict(resize=dict(scale=(224, 224))))
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=dict(sample=__sample, clips=__clips)))
test_dataloader = dict(
    batch_size=1, dataset=dict(pipeline=dict(sample=__sample, resize=__square, crop=dict(crop_size=224)))
)
