# Table 1, rows 22 and 29; Table 2, rows 3, 4, 7 and 8.
nets = {'r2plus1d-10': 'R(2+1)D', 'r3d-10': 'R3D'}
__pretext = '../vspp/vspp_{net}_16x1x1-20e_k100-rgb.py'
__ucf101 = '../downstream/finetune_{net}_16x1x1-25e_ucf101-rgb.py'
__hmdb51 = '../downstream/finetune_{net}_16x1x1-25e_hmdb51-rgb.py'
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_{net}_16x1x1-20e_k100-rgb.py'),
    vspp=dict(config=__pretext, init_from='aux'),
    vspp_alone=dict(config=__pretext),
    finetune_ucf101=dict(config=__ucf101, init_from='vspp'),
    finetune_hmdb51=dict(config=__hmdb51, init_from='vspp'),
    finetune_ucf101_vspp_alone=dict(config=__ucf101, init_from='vspp_alone'),
    finetune_hmdb51_vspp_alone=dict(config=__hmdb51, init_from='vspp_alone'),
)
table = dict(
    chance=dict(acc_speed=0.25, acc_segment=0.25),
    rows=[
        dict(
            name='VSPP, {net}, K-100, UCF101',
            stages=['vspp_alone', 'finetune_ucf101_vspp_alone'],
            cited={'r2plus1d-10': '74.0', 'r3d-10': '60.8'},
        ),
        dict(
            name='VSPP, {net}, K-100, HMDB51',
            stages=['vspp_alone', 'finetune_hmdb51_vspp_alone'],
            cited={'r2plus1d-10': '37.3', 'r3d-10': '26.3'},
        ),
        dict(
            name='auxSKD + VSPP, {net}, K-100, UCF101',
            stages=['aux', 'vspp', 'finetune_ucf101'],
            cited={'r2plus1d-10': '76.3', 'r3d-10': '62.9'},
        ),
        dict(
            name='auxSKD + VSPP, {net}, K-100, HMDB51',
            stages=['aux', 'vspp', 'finetune_hmdb51'],
            cited={'r2plus1d-10': '39.6', 'r3d-10': '33.0'},
        ),
    ],
)
