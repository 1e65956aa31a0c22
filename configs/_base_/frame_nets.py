# The nets of still images, with their pixels, as each method has them. PyTorch's response norm has Caffe's constants.
# Shuffle & Learn's released code: batch norms without scale and shift, BGR less a mean of each channel. Weights are normal, and
# conv2, fc6 and fc7 begin with biases of 1 (conv4 and conv5, too, where the batch norm takes them away again).
__fc = dict(type='Normal', std=0.005, bias=1)
shuffle_and_learn_net = dict(
    backbone=dict(
        type='CaffeNet',
        batch_norm='plain',
        init_cfg=dict(
            type='Normal',
            layer='Conv3d',
            std=0.01,
            override=[
                dict(name='stage1', type='Normal', std=0.01, bias=1),
                dict(name='fc6', **__fc),
                dict(name='fc7', **__fc),
            ],
        ),
    ),
    data_preprocessor=dict(type='ClipDataPreprocessor', mean=(103.939, 116.779, 123.68), std=(1, 1, 1), to_bgr=True),
)
# OPN's released code: 80 pixels, fc6 of 1024, one mean for the three equal channels. fc6's own weights (0.005, biases of 1) are
# the same behind its batch norm.
opn_net = dict(
    backbone=dict(
        type='CaffeNet', fc_channels=(1024,), fc_size=2, init_cfg=dict(type='Normal', layer='Conv3d', std=0.01)
    ),
    data_preprocessor=dict(type='ClipDataPreprocessor', mean=(96.5, 96.5, 96.5), std=(1, 1, 1)),
)
# For 64 pixels on a CPU, with ImageNet's mean and standard deviation.
small_net = dict(type='CaffeNet', fc_channels=(1024,), fc_size=1)
# In the place of auxSKD's own net.
__projection = dict(in_channels=1024)
shuffle_and_learn_in_aux_skd = dict(
    data_preprocessor=shuffle_and_learn_net['data_preprocessor'],
    backbone=dict(_delete_=True, **shuffle_and_learn_net['backbone']),
    necks=dict(projection=dict(in_channels=4096)),
)
opn_in_aux_skd = dict(
    data_preprocessor=opn_net['data_preprocessor'],
    backbone=dict(_delete_=True, **opn_net['backbone']),
    necks=dict(projection=__projection),
)
small_in_aux_skd = dict(backbone=dict(_delete_=True, **small_net), necks=dict(projection=__projection))
