# auxSKD paper, Table 1, row 4, quotes I3D's figures; S3D-G is SpeedNet's main net. Optimiser and fine-tuning are guesses.
nets = {'s3dg': 'S3D-G', 'i3d': 'I3D'}
__pretext = '../speednet/speednet_{net}_64x1x1-224px-200e_k400-rgb.py'
__ucf101 = '../downstream/finetune_{net}_speednet_64x1x1-224px-50e_ucf101-rgb.py'
__hmdb51 = '../downstream/finetune_{net}_speednet_64x1x1-224px-50e_hmdb51-rgb.py'
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_{net}_speednet-views_64x1x1-224px-20e_k400-rgb.py'),
    speednet=dict(config=__pretext),
    speednet_after_aux=dict(config=__pretext, init_from='aux'),
    finetune_ucf101=dict(config=__ucf101, init_from='speednet'),
    finetune_hmdb51=dict(config=__hmdb51, init_from='speednet'),
    finetune_ucf101_after_aux=dict(config=__ucf101, init_from='speednet_after_aux'),
    finetune_hmdb51_after_aux=dict(config=__hmdb51, init_from='speednet_after_aux'),
)
table = dict(
    chance=dict(acc_speediness=1 / 2),
    rows=[
        dict(
            name='SpeedNet, {net}, K-400, UCF101',
            stages=['speednet', 'finetune_ucf101'],
            cited={'s3dg': '81.1', 'i3d': '66.7'},
        ),
        dict(
            name='SpeedNet, {net}, K-400, HMDB51',
            stages=['speednet', 'finetune_hmdb51'],
            cited={'s3dg': '48.8', 'i3d': '43.7'},
        ),
        dict(
            name='auxSKD + SpeedNet, {net}, K-400, UCF101',
            stages=['aux', 'speednet_after_aux', 'finetune_ucf101_after_aux'],
        ),
        dict(
            name='auxSKD + SpeedNet, {net}, K-400, HMDB51',
            stages=['aux', 'speednet_after_aux', 'finetune_hmdb51_after_aux'],
        ),
    ],
)
