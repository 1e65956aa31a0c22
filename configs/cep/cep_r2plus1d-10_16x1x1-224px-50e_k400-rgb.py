_base_ = './cep_resnet3d-18_16x1x1-224px-50e_k400-rgb.py'
model = dict(backbone=dict(_delete_=True, type='R2Plus1D', depth=10))
