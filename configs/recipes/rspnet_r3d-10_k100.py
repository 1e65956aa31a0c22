# Table 1, rows 27 and 28, fine-tuned as the auxSKD paper does it.
_base_ = './rspnet_r2plus1d-10_k100.py'
__rspnet = '../rspnet/rspnet_r3d-10_16x1x1-200e_k100-rgb.py'
__ucf101 = '../downstream/finetune_r3d-10_16x1x1-25e_ucf101-rgb.py'
__hmdb51 = '../downstream/finetune_r3d-10_16x1x1-25e_hmdb51-rgb.py'
stages = dict(
    rspnet_alone=dict(config=__rspnet),
    finetune_ucf101_rspnet_alone=dict(config=__ucf101),
    finetune_hmdb51_rspnet_alone=dict(config=__hmdb51),
    aux=dict(config='../aux_skd/aux-skd_r3d-10_rspnet-views_16x1x1-20e_k100-rgb.py'),
    rspnet=dict(config=__rspnet),
    finetune_ucf101=dict(config=__ucf101),
    finetune_hmdb51=dict(config=__hmdb51),
)
table = dict(
    rows=[
        dict(name='RSPNet, R3D, K-100, UCF101', stages=['rspnet_alone', 'finetune_ucf101_rspnet_alone'], cited='60.2'),
        dict(name='RSPNet, R3D, K-100, HMDB51', stages=['rspnet_alone', 'finetune_hmdb51_rspnet_alone'], cited='32.6'),
        dict(name='auxSKD + RSPNet, R3D, K-100, UCF101', stages=['aux', 'rspnet', 'finetune_ucf101'], cited='61.9'),
        dict(name='auxSKD + RSPNet, R3D, K-100, HMDB51', stages=['aux', 'rspnet', 'finetune_hmdb51'], cited='33.4'),
    ]
)
