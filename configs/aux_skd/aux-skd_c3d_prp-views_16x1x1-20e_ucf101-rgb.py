_base_ = './aux-skd_r2plus1d-10_prp-views_16x1x1-20e_ucf101-rgb.py'
model = dict(backbone=dict(_delete_=True, type='C3D'))
