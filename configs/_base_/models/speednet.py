_base_ = '../speednet.py'
model = dict(
    type='Pretrainer',
    data_preprocessor=_base_.speednet.data_preprocessor,
    backbone=_base_.speednet.s3dg,
    necks=dict(speediness=dict(type='PoolNeck', mode='space_max_time_mean')),
    # Cross-entropy of two classes is the binary cross-entropy of the difference of their logits.
    heads=dict(
        speediness=dict(
            type='ClipClassificationHead',
            in_channels=1024,
            num_classes=2,
            label='gt_speed',
            name='speediness',
            embedding_name='speediness',
        )
    ),
)
