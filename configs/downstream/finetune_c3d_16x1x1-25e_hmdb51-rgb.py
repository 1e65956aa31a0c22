_base_ = './finetune_r2plus1d-10_16x1x1-25e_hmdb51-rgb.py'
model = dict(backbone=dict(_delete_=True, type='C3D'))
