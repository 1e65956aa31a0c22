_base_ = './finetune_r2plus1d-10_16x1x1-25e_ucf101-rgb.py'
model = dict(backbone=dict(type='R3D'))
