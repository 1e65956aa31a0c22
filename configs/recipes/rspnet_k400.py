# Table 1, rows 7 and 13, which cite RSPNet: its own fine-tuning. (The released code keeps the epoch that is best on the test
# split; here the last one is tested.) Row 7 is listed as R3D-18, its figures are those that RSPNet gives for its ResNet-18.
nets = {'r2plus1d-10': 'R(2+1)D', 'resnet3d-18': '3D ResNet-18'}
stages = dict(
    rspnet=dict(config='../rspnet/rspnet_{net}_16x1x1-200e_k400-rgb.py'),
    finetune_ucf101=dict(config='../downstream/finetune_{net}_rspnet_16x1x1-30e_ucf101-rgb.py', init_from='rspnet'),
    finetune_hmdb51=dict(config='../downstream/finetune_{net}_rspnet_16x1x1-30e_hmdb51-rgb.py', init_from='rspnet'),
)
table = dict(
    chance=dict(acc_motion=0.5),  # acc_appearance depends on the bank
    rows=[
        dict(
            name='RSPNet, {net}, K-400, UCF101',
            stages=['rspnet', 'finetune_ucf101'],
            cited={'r2plus1d-10': '81.1', 'resnet3d-18': '74.3'},
        ),
        dict(
            name='RSPNet, {net}, K-400, HMDB51',
            stages=['rspnet', 'finetune_hmdb51'],
            cited={'r2plus1d-10': '44.6', 'resnet3d-18': '41.8'},
        ),
    ],
)
