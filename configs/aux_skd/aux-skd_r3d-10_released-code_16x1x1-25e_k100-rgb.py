_base_ = './aux-skd_r2plus1d-10_released-code_16x1x1-25e_k100-rgb.py'
model = dict(backbone=dict(type='R3D'))
