# VideoMAE's fine-tuning at 112 pixels; its constants are those of ViT-B [guess].
_base_ = './finetune_vit-b_masked-autoencoder_16x4x1-224px-100e_ucf101-rgb.py'
model = dict(backbone=dict(num_heads=3), cls_head=dict(in_channels=192))
train_dataloader = dict(dataset=dict(pipeline=dict(clips=dict(transforms=dict(resize=dict(scale=(112, 112)))))))
__pipeline = dict(resize=dict(scale=(-1, 112)), crop=dict(crop_size=112))
test_dataloader = dict(dataset=dict(pipeline=__pipeline))
