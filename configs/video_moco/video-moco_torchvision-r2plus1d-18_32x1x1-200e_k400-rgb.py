# The net whose weights VideoMoCo has released.
_base_ = './video-moco_r3d-18_32x1x1-200e_k400-rgb.py'
model = dict(backbone=dict(_delete_=True, type='TorchvisionR2Plus1D', depth=18))
