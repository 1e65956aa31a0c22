_base_ = './sts_c3d_16x1x1-18e_ucf101-rgb.py'
model = dict(backbone=dict(type='R2Plus1D', depth=10))
