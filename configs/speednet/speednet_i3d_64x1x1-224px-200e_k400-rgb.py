_base_ = './speednet_s3dg_64x1x1-224px-200e_k400-rgb.py'
model = dict(backbone=_base_.speednet.i3d)
