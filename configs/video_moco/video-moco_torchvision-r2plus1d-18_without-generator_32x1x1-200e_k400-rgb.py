_base_ = './video-moco_r3d-18_without-generator_32x1x1-200e_k400-rgb.py'
model = dict(backbone=dict(_delete_=True, type='TorchvisionR2Plus1D', depth=18))
