_base_ = '../pixels_0_to_1.py'
model = dict(
    type='Pretrainer',
    data_preprocessor=dict(type='ClipDataPreprocessor', **_base_.pixels_0_to_1),
    backbone=dict(type='R2Plus1D', depth=10),
    necks=dict(rate=dict(type='ConvPoolNeck', in_channels=512, out_channels=512), map=dict(type='MapNeck')),
    heads=dict(
        rate=dict(
            type='ClipClassificationHead',
            in_channels=512,
            num_classes=4,
            label='gt_rate',
            embedding_name='rate',
            init_cfg=None,  # PyTorch's own, as in the released code
            loss_weight=0.1,  # the released code's
        ),
        reconstruction=dict(type='ReconstructionHead', in_channels=512, rates=(1, 2, 4, 8)),
    ),
)
