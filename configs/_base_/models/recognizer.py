model = dict(
    type='Recognizer3D',
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(type='R2Plus1D', depth=10),
    # The paper has no dropout, and averages the softmax of the clips ('prob').
    cls_head=dict(
        type='RecognitionHead',
        in_channels=512,
        num_classes=101,
        spatial_type='avg',
        dropout_ratio=0.0,
        average_clips='prob',
    ),
)
