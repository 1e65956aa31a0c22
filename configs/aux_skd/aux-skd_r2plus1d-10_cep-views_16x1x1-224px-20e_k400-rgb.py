_base_ = './aux-skd_resnet3d-18_cep-views_16x1x1-224px-20e_k400-rgb.py'
model = dict(backbone=dict(_delete_=True, type='R2Plus1D', depth=10))
