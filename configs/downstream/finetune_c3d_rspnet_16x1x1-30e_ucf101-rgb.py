# The batch: 20 on each of 4 GPUs.
_base_ = './finetune_r2plus1d-10_rspnet_16x1x1-30e_ucf101-rgb.py'
model = dict(backbone=dict(_delete_=True, type='C3D'))
train_dataloader = dict(batch_size=80)
optim_wrapper = dict(optimizer=dict(lr=5e-3))
