# "RSPNet*" of the human prior's Table 1: RSPNet's fine-tuning for 100 epochs.
_base_ = './finetune_r2plus1d-10_rspnet_16x1x1-30e_ucf101-rgb.py'
param_scheduler = [dict(type='CosineAnnealingLR', T_max=100, eta_min_ratio=1e-3, by_epoch=True)]
train_cfg = dict(max_epochs=100)
