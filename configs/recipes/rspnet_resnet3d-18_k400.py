# Table 1, row 7: listed as R3D-18, the figures are those that RSPNet gives for its ResNet-18.
_base_ = './rspnet_r2plus1d-10_k400.py'
stages = dict(
    rspnet=dict(config='../rspnet/rspnet_resnet3d-18_16x1x1-200e_k400-rgb.py'),
    finetune_ucf101=dict(config='../downstream/finetune_resnet3d-18_rspnet_16x1x1-30e_ucf101-rgb.py'),
    finetune_hmdb51=dict(config='../downstream/finetune_resnet3d-18_rspnet_16x1x1-30e_hmdb51-rgb.py'),
)
table = dict(
    rows=[
        dict(name='RSPNet, 3D ResNet-18, K-400, UCF101', stages=['rspnet', 'finetune_ucf101'], cited='74.3'),
        dict(name='RSPNet, 3D ResNet-18, K-400, HMDB51', stages=['rspnet', 'finetune_hmdb51'], cited='41.8'),
    ]
)
