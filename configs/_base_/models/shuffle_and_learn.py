_base_ = '../frame_nets.py'
model = dict(
    type='Pretrainer',
    **_base_.shuffle_and_learn_net,
    # Dropout is the released code's, and so is the initial range: 3 divided by the 3 * 4096 inputs, the square root.
    heads=dict(
        tuple=dict(
            type='TupleHead',
            in_channels=4096,
            tuple_len=3,
            num_classes=2,
            label='gt_tuple',
            dropout=0.5,
            init_cfg=dict(type='Uniform', layer='Linear', a=-1 / 64, b=1 / 64),
        )
    ),
)
