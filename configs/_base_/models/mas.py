# One linear layer for each kind of statistics on the pooled map of C3D with batch norm, as STS has it [code]; 14 and 13 numbers,
# counted from 1, not scaled [code]. Weight of the appearance: STS [code]. Pixels 0..255, blue first [code].
_base_ = '../released_code.py'
__head = dict(type='RegressionHead', in_channels=512)
model = dict(
    type='Pretrainer',
    data_preprocessor=dict(type='ClipDataPreprocessor', **_base_.released_code.data_preprocessor),
    backbone=dict(type='C3D'),
    heads=dict(
        motion=dict(num_targets=14, label='gt_motion_statistics', loss_weight=1.0, **__head),
        appearance=dict(num_targets=13, label='gt_appearance_statistics', loss_weight=0.1, **__head),
    ),
)
