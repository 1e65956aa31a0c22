_base_ = './finetune_r3d-18_video-moco_32x1x1-224px-10e_hmdb51-rgb.py'
model = dict(backbone=dict(_delete_=True, type='TorchvisionR2Plus1D', depth=18, norm_eval=True))
