# The batch: 6 on each of 2 GPUs.
_base_ = './finetune_r2plus1d-10_rspnet_16x1x1-30e_hmdb51-rgb.py'
model = dict(backbone=dict(_delete_=True, type='C3D'))
train_dataloader = dict(batch_size=12)
optim_wrapper = dict(optimizer=dict(lr=5e-3))
param_scheduler = [dict(type='MultiStepLR', milestones=[50, 70, 90], gamma=0.1, by_epoch=True)]
train_cfg = dict(max_epochs=100)
