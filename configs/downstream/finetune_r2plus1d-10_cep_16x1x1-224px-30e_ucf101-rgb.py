_base_ = './finetune_resnet3d-18_cep_16x1x1-224px-30e_ucf101-rgb.py'
model = dict(backbone=dict(_delete_=True, type='R2Plus1D', depth=10))
