# VideoMAE's ViT-S [code], which has no config for 800 epochs.
_base_ = './masked-autoencoder_vit-b_16x4x1-224px-800e_k400-rgb.py'
model = dict(
    backbone=dict(num_heads=6), heads=dict(pixels=dict(in_channels=384, decoder_channels=192, decoder_heads=3))
)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=1560, end=1600)]
train_cfg = dict(max_epochs=1600)
