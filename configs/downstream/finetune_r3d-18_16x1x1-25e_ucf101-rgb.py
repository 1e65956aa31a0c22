_base_ = './finetune_r3d-10_16x1x1-25e_ucf101-rgb.py'
model = dict(backbone=dict(depth=18))
