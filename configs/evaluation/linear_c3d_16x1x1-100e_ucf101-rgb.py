_base_ = './linear_r2plus1d-10_16x1x1-100e_ucf101-rgb.py'
model = dict(backbone=dict(_delete_=True, type='C3D', frozen_stages=4, norm_eval=True))
