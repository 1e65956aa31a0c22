# Table 1, row 13, which cites RSPNet: its own fine-tuning. (The released code keeps the epoch that is best on the test
# split; here the last one is tested.)
stages = dict(
    rspnet=dict(config='../rspnet/rspnet_r2plus1d-10_16x1x1-200e_k400-rgb.py'),
    finetune_ucf101=dict(
        config='../downstream/finetune_r2plus1d-10_rspnet_16x1x1-30e_ucf101-rgb.py', init_from='rspnet'
    ),
    finetune_hmdb51=dict(
        config='../downstream/finetune_r2plus1d-10_rspnet_16x1x1-30e_hmdb51-rgb.py', init_from='rspnet'
    ),
)
table = dict(
    chance=dict(acc_motion=0.5),  # acc_appearance depends on the bank
    rows=[
        dict(name='RSPNet, R(2+1)D, K-400, UCF101', stages=['rspnet', 'finetune_ucf101'], cited='81.1'),
        dict(name='RSPNet, R(2+1)D, K-400, HMDB51', stages=['rspnet', 'finetune_hmdb51'], cited='44.6'),
    ],
)
