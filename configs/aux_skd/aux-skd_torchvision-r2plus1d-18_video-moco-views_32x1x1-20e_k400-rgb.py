_base_ = './aux-skd_r3d-18_video-moco-views_32x1x1-20e_k400-rgb.py'
model = dict(backbone=dict(_delete_=True, type='TorchvisionR2Plus1D', depth=18))
