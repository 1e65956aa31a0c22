_base_ = '../pixels_0_to_1.py'
model = dict(
    type='Pretrainer',
    data_preprocessor=dict(type='ClipDataPreprocessor', **_base_.pixels_0_to_1),
    backbone=dict(type='R2Plus1D', depth=10),
    heads=dict(order=dict(type='OrderHead', in_channels=512, tuple_len=3, hidden_channels=512, dropout=0.5)),
)
