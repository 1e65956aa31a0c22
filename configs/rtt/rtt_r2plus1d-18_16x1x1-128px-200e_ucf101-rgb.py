_base_ = './rtt_r3d-18_16x1x1-128px-200e_ucf101-rgb.py'
model = dict(backbone=dict(type='R2Plus1D'))
