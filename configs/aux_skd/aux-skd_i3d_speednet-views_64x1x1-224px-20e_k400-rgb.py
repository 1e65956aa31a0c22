_base_ = './aux-skd_s3dg_speednet-views_64x1x1-224px-20e_k400-rgb.py'
model = dict(backbone=_base_.speednet.i3d)
