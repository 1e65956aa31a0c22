_base_ = '../frame_nets.py'
model = dict(
    type='Pretrainer',
    **_base_.opn_net,
    # The released code's, but for a scale and shift of each pair's own behind the batch norm.
    heads=dict(
        order=dict(
            type='OrderHead',
            in_channels=1024,
            tuple_len=4,
            hidden_channels=512,
            dropout=0.5,
            up_to_reversal=True,
            batch_norm=True,
            input_dropout=0.5,
            name='frame_order',
        )
    ),
)
