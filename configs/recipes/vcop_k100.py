# Table 1, rows 16, 17, 23 and 24: VCOP alone and behind auxSKD, fine-tuned as the auxSKD paper does it.
nets = {'r2plus1d-10': 'R(2+1)D', 'r3d-10': 'R3D'}
__pretext = '../vcop/vcop_{net}_16x1x1-200e_k100-rgb.py'
__ucf101 = '../downstream/finetune_{net}_16x1x1-25e_ucf101-rgb.py'
__hmdb51 = '../downstream/finetune_{net}_16x1x1-25e_hmdb51-rgb.py'
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_{net}_vcop-views_16x1x1-20e_k100-rgb.py'),
    vcop=dict(config=__pretext, init_from='aux'),
    vcop_alone=dict(config=__pretext),
    finetune_ucf101=dict(config=__ucf101, init_from='vcop'),
    finetune_hmdb51=dict(config=__hmdb51, init_from='vcop'),
    finetune_ucf101_vcop_alone=dict(config=__ucf101, init_from='vcop_alone'),
    finetune_hmdb51_vcop_alone=dict(config=__hmdb51, init_from='vcop_alone'),
)
table = dict(
    chance=dict(acc_order=1 / 6),
    rows=[
        dict(
            name='VCOP, {net}, K-100, UCF101',
            stages=['vcop_alone', 'finetune_ucf101_vcop_alone'],
            cited={'r2plus1d-10': '71.4', 'r3d-10': '58.2'},
        ),
        dict(
            name='VCOP, {net}, K-100, HMDB51',
            stages=['vcop_alone', 'finetune_hmdb51_vcop_alone'],
            cited={'r2plus1d-10': '32.1', 'r3d-10': '25.2'},
        ),
        dict(
            name='auxSKD + VCOP, {net}, K-100, UCF101',
            stages=['aux', 'vcop', 'finetune_ucf101'],
            cited={'r2plus1d-10': '72.6', 'r3d-10': '60.7'},
        ),
        dict(
            name='auxSKD + VCOP, {net}, K-100, HMDB51',
            stages=['aux', 'vcop', 'finetune_hmdb51'],
            cited={'r2plus1d-10': '32.5', 'r3d-10': '28.4'},
        ),
    ],
)
