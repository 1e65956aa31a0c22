# One linear layer without dropout, with PyTorch's initialisation [secondary]. Pixels from 0 to 1 [secondary].
_base_ = '../pixels_0_to_1.py'
model = dict(
    type='Pretrainer',
    data_preprocessor=dict(type='ClipDataPreprocessor', **_base_.pixels_0_to_1),
    backbone=dict(type='R2Plus1D', depth=10),
    heads=dict(
        operation=dict(
            type='TupleHead', in_channels=512, tuple_len=3, num_classes=5, label='gt_operation', init_cfg=None
        )
    ),
)
