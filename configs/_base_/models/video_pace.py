model = dict(
    type='Pretrainer',
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(type='R2Plus1D', depth=10),
    heads=dict(speed=dict(type='SpeedHead', in_channels=512, num_speeds=4)),
)
