# Table 1, rows 20, 21, 27 and 28, fine-tuned as the auxSKD paper does it. Its teacher starts from random weights after the
# auxiliary stage: ../rspnet/rspnet_r2plus1d-10_random-teacher_16x1x1-200e_k100-rgb.py; here it starts as the student.
nets = {'r2plus1d-10': 'R(2+1)D', 'r3d-10': 'R3D'}
__pretext = '../rspnet/rspnet_{net}_16x1x1-200e_k100-rgb.py'
__ucf101 = '../downstream/finetune_{net}_16x1x1-25e_ucf101-rgb.py'
__hmdb51 = '../downstream/finetune_{net}_16x1x1-25e_hmdb51-rgb.py'
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_{net}_rspnet-views_16x1x1-20e_k100-rgb.py'),
    rspnet=dict(config=__pretext, init_from='aux'),
    rspnet_alone=dict(config=__pretext),
    finetune_ucf101=dict(config=__ucf101, init_from='rspnet'),
    finetune_hmdb51=dict(config=__hmdb51, init_from='rspnet'),
    finetune_ucf101_rspnet_alone=dict(config=__ucf101, init_from='rspnet_alone'),
    finetune_hmdb51_rspnet_alone=dict(config=__hmdb51, init_from='rspnet_alone'),
)
table = dict(
    chance=dict(acc_motion=0.5),  # acc_appearance depends on the bank
    rows=[
        dict(
            name='RSPNet, {net}, K-100, UCF101',
            stages=['rspnet_alone', 'finetune_ucf101_rspnet_alone'],
            cited={'r2plus1d-10': '74.7', 'r3d-10': '60.2'},
        ),
        dict(
            name='RSPNet, {net}, K-100, HMDB51',
            stages=['rspnet_alone', 'finetune_hmdb51_rspnet_alone'],
            cited={'r2plus1d-10': '37.4', 'r3d-10': '32.6'},
        ),
        dict(
            name='auxSKD + RSPNet, {net}, K-100, UCF101',
            stages=['aux', 'rspnet', 'finetune_ucf101'],
            cited={'r2plus1d-10': '75.5', 'r3d-10': '61.9'},
        ),
        dict(
            name='auxSKD + RSPNet, {net}, K-100, HMDB51',
            stages=['aux', 'rspnet', 'finetune_hmdb51'],
            cited={'r2plus1d-10': '39.0', 'r3d-10': '33.4'},
        ),
    ],
)
