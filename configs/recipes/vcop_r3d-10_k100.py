# Table 1, rows 23 and 24: VCOP alone and behind auxSKD, fine-tuned as the auxSKD paper does it.
_base_ = './vcop_r2plus1d-10_k100.py'
__pretext = '../vcop/vcop_r3d-10_16x1x1-200e_k100-rgb.py'
__ucf101 = '../downstream/finetune_r3d-10_16x1x1-25e_ucf101-rgb.py'
__hmdb51 = '../downstream/finetune_r3d-10_16x1x1-25e_hmdb51-rgb.py'
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_r3d-10_vcop-views_16x1x1-20e_k100-rgb.py'),
    vcop=dict(config=__pretext),
    vcop_alone=dict(config=__pretext),
    finetune_ucf101=dict(config=__ucf101),
    finetune_hmdb51=dict(config=__hmdb51),
    finetune_ucf101_vcop_alone=dict(config=__ucf101),
    finetune_hmdb51_vcop_alone=dict(config=__hmdb51),
)
table = dict(
    rows=[
        dict(name='VCOP, R3D, K-100, UCF101', stages=['vcop_alone', 'finetune_ucf101_vcop_alone'], cited='58.2'),
        dict(name='VCOP, R3D, K-100, HMDB51', stages=['vcop_alone', 'finetune_hmdb51_vcop_alone'], cited='25.2'),
        dict(name='auxSKD + VCOP, R3D, K-100, UCF101', stages=['aux', 'vcop', 'finetune_ucf101'], cited='60.7'),
        dict(name='auxSKD + VCOP, R3D, K-100, HMDB51', stages=['aux', 'vcop', 'finetune_hmdb51'], cited='28.4'),
    ]
)
