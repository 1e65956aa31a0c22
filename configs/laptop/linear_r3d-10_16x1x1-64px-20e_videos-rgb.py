# A hundredth of the full epochs: a learning rate of ten times as much.
_base_ = './finetune_r3d-10_16x1x1-64px-20e_videos-rgb.py'
model = dict(backbone=dict(frozen_stages=4, norm_eval=True))
optim_wrapper = dict(optimizer=dict(_delete_=True, type='Adam', lr=1e-2, weight_decay=1e-3))
