_base_ = './vspp_r2plus1d-10_16x1x1-20e_k100-rgb.py'
model = dict(backbone=dict(_delete_=True, type='C3D'))
