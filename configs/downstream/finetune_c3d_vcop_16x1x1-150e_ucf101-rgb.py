_base_ = './finetune_r2plus1d-10_vcop_16x1x1-150e_ucf101-rgb.py'
model = dict(backbone=dict(_delete_=True, type='C3D'))
