_base_ = './finetune_r3d-18_16x1x1-25e_ucf101-rgb.py'
model = dict(backbone=dict(_delete_=True, type='TorchvisionR2Plus1D', depth=18))
