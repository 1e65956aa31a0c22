# PRP's own figures, split 1. The human prior paper, Table 1, has 72.4 for R(2+1)D.
nets = {'r2plus1d-10': 'R(2+1)D', 'r3d-10': 'R3D', 'c3d': 'C3D'}
__pretext = '../prp/prp_{net}_16x1x1-300e_ucf101-rgb.py'
__ucf101 = '../downstream/finetune_{net}_prp_16x1x1-160e_ucf101-rgb.py'
__hmdb51 = '../downstream/finetune_{net}_prp_16x1x1-160e_hmdb51-rgb.py'
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_{net}_prp-views_16x1x1-20e_ucf101-rgb.py'),
    prp=dict(config=__pretext),
    prp_after_aux=dict(config=__pretext, init_from='aux'),
    finetune_ucf101=dict(config=__ucf101, init_from='prp'),
    finetune_hmdb51=dict(config=__hmdb51, init_from='prp'),
    finetune_ucf101_after_aux=dict(config=__ucf101, init_from='prp_after_aux'),
    finetune_hmdb51_after_aux=dict(config=__hmdb51, init_from='prp_after_aux'),
)
table = dict(
    chance=dict(acc_rate=1 / 4),
    rows=[
        dict(
            name='PRP, {net}, UCF101, UCF101',
            stages=['prp', 'finetune_ucf101'],
            cited={'r2plus1d-10': '72.1', 'r3d-10': '66.5', 'c3d': '69.1'},
            cited_elsewhere={'r2plus1d-10': '72.4'},
        ),
        dict(
            name='PRP, {net}, UCF101, HMDB51',
            stages=['prp', 'finetune_hmdb51'],
            cited={'r2plus1d-10': '35.0', 'r3d-10': '29.7', 'c3d': '34.5'},
        ),
        dict(name='auxSKD + PRP, {net}, UCF101, UCF101', stages=['aux', 'prp_after_aux', 'finetune_ucf101_after_aux']),
        dict(name='auxSKD + PRP, {net}, UCF101, HMDB51', stages=['aux', 'prp_after_aux', 'finetune_hmdb51_after_aux']),
    ],
)
