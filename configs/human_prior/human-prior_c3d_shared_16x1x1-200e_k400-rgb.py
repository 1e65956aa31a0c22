_base_ = './human-prior_r2plus1d-10_shared_16x1x1-200e_k400-rgb.py'
model = dict(backbone=dict(_delete_=True, type='C3D'))
optim_wrapper = dict(optimizer=dict(lr=0.1))
