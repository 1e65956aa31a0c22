_base_ = './vspp_r2plus1d-10_16x1x1-20e_k400-rgb.py'
model = dict(backbone=dict(type='R3D'))
