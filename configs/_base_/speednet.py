# What the configs of SpeedNet share.
speednet = dict(
    # S3D-G without strides over time: its map has as many frames as the clip. The constants of its batch norms are not known:
    # S3D's for the variance, PyTorch's for the momentum.
    s3dg=dict(type='S3DG', time_strides=(1, 1, 1), bn_momentum=0.1),
    # I3D is the same net with full convolutions and without gates. That it has no strides over time either is a guess.
    i3d=dict(stem_conv='full_7x7x7', block_conv='full', gating=None),
    # The whole frame, whatever its shape. Every batch is then resized to a side of its own, so nothing is cropped.
    transforms=dict(resize=dict(scale=(224, 224)), crop=None, color=None),
    data_preprocessor=dict(type='ClipDataPreprocessor', random_size=(64, 336)),
)
