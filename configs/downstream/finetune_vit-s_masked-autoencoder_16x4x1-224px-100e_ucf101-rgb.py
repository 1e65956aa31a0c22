_base_ = './finetune_vit-b_masked-autoencoder_16x4x1-224px-100e_ucf101-rgb.py'
model = dict(backbone=dict(num_heads=6), cls_head=dict(in_channels=384))
