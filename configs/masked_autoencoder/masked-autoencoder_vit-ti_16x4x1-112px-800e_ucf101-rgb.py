# A small one: DeiT's ViT-Ti on UCF101 at 112 pixels, 16 pixels a patch. No paper has it; sizes, decoder and epochs are guesses.
_base_ = './masked-autoencoder_vit-b_16x4x1-224px-3200e_ucf101-rgb.py'
model = dict(backbone=dict(num_heads=3), heads=dict(pixels=dict(in_channels=192, decoder_channels=96, decoder_heads=3)))
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=760, end=800)]
train_cfg = dict(max_epochs=800)
__transforms = dict(crop=dict(input_size=112), resize=dict(scale=(112, 112)))
train_dataloader = dict(batch_size=192, dataset=dict(pipeline=dict(clips=dict(transforms=__transforms))))
