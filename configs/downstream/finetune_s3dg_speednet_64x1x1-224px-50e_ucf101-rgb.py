# How SpeedNet was fine-tuned is not known: RSPNet's fine-tuning of this net, on SpeedNet's without strides over time.
_base_ = ['./finetune_s3dg_rspnet_64x1x1-224px-50e_ucf101-rgb.py', '../_base_/speednet.py']
model = dict(backbone=dict(_delete_=True, **_base_.speednet.s3dg))
