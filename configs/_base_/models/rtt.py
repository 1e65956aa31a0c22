# Two linear layers on one embedding; pixels from -1 to 1 [code]. The layers begin as mmaction2's do; the leaves have the code's.
model = dict(
    type='Pretrainer',
    data_preprocessor=dict(type='ClipDataPreprocessor', mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5)),
    backbone=dict(type='R2Plus1D', depth=10),
    heads=dict(
        transform=dict(type='ClipClassificationHead', in_channels=512, num_classes=4, label='gt_transform'),
        rate=dict(type='ClipClassificationHead', in_channels=512, num_classes=4, label='gt_rate'),
    ),
)
