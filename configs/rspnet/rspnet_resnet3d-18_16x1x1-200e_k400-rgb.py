_base_ = './rspnet_r2plus1d-10_16x1x1-200e_k400-rgb.py'
model = dict(backbone=dict(_delete_=True, type='ResNet3D', depth=18))
optim_wrapper = dict(optimizer=dict(lr=0.1))
