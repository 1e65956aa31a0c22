# RSPNet has no R3D; it has the learning rate of R(2+1)D, the same net with factorised convolutions.
_base_ = './rspnet_r2plus1d-10_16x1x1-200e_k400-rgb.py'
model = dict(backbone=dict(type='R3D'))
