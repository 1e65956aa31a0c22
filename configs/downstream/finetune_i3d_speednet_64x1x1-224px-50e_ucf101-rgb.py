_base_ = './finetune_s3dg_speednet_64x1x1-224px-50e_ucf101-rgb.py'
model = dict(backbone=_base_.speednet.i3d)
