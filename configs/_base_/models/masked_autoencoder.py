# VideoMAE's ViT-B and its decoder, half as wide [code]. ViT-S and ViT-Ti: see the configs.
model = dict(
    type='MaskedPretrainer',
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(type='ViT', num_heads=12),
    necks=dict(map=dict(type='MapNeck')),
    heads=dict(pixels=dict(type='MaskedPixelHead', in_channels=768, decoder_channels=384, decoder_heads=6)),
)
