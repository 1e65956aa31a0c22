_base_ = './prp_r2plus1d-10_16x1x1-300e_ucf101-rgb.py'
model = dict(backbone=dict(_delete_=True, type='C3D'))
