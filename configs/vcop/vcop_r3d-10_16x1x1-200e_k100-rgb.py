_base_ = './vcop_r2plus1d-10_16x1x1-200e_k100-rgb.py'
model = dict(backbone=dict(type='R3D'))
