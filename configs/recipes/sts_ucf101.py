# STS, the successor of MAS, fine-tuned as in the auxSKD paper. Its own figures are not known here.
nets = {'r3d-10': 'R3D', 'r2plus1d-10': 'R(2+1)D', 'c3d': 'C3D'}
stages = dict(
    sts=dict(config='../mas/sts_{net}_16x1x1-18e_ucf101-rgb.py'),
    finetune_ucf101=dict(config='../downstream/finetune_{net}_mas_16x1x1-25e_ucf101-rgb.py', init_from='sts'),
    finetune_hmdb51=dict(config='../downstream/finetune_{net}_mas_16x1x1-25e_hmdb51-rgb.py', init_from='sts'),
)
table = dict(
    rows=[
        dict(name='STS, {net}, UCF101, UCF101', stages=['sts', 'finetune_ucf101']),
        dict(name='STS, {net}, UCF101, HMDB51', stages=['sts', 'finetune_hmdb51']),
    ]
)
