_base_ = './finetune_r2plus1d-10_prp_16x1x1-160e_ucf101-rgb.py'
model = dict(backbone=dict(type='R3D'))
