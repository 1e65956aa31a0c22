_base_ = './video-pace_r2plus1d-10_16x1x1-18e_ucf101-rgb.py'
model = dict(backbone=dict(type='R3D'))
