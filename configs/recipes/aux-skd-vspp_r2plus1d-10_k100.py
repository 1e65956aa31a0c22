# Table 1, row 22; Table 2, rows 3 and 4.
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_r2plus1d-10_16x1x1-20e_k100-rgb.py'),
    vspp=dict(config='../vspp/vspp_r2plus1d-10_16x1x1-20e_k100-rgb.py', init_from='aux'),
    vspp_alone=dict(config='../vspp/vspp_r2plus1d-10_16x1x1-20e_k100-rgb.py'),
    finetune_ucf101=dict(config='../downstream/finetune_r2plus1d-10_16x1x1-25e_ucf101-rgb.py', init_from='vspp'),
    finetune_hmdb51=dict(config='../downstream/finetune_r2plus1d-10_16x1x1-25e_hmdb51-rgb.py', init_from='vspp'),
    finetune_ucf101_vspp_alone=dict(
        config='../downstream/finetune_r2plus1d-10_16x1x1-25e_ucf101-rgb.py', init_from='vspp_alone'
    ),
    finetune_hmdb51_vspp_alone=dict(
        config='../downstream/finetune_r2plus1d-10_16x1x1-25e_hmdb51-rgb.py', init_from='vspp_alone'
    ),
)
table = dict(
    chance=dict(acc_speed=0.25, acc_segment=0.25),
    rows=[
        dict(name='VSPP, R(2+1)D, K-100, UCF101', stages=['vspp_alone', 'finetune_ucf101_vspp_alone'], cited='74.0'),
        dict(name='VSPP, R(2+1)D, K-100, HMDB51', stages=['vspp_alone', 'finetune_hmdb51_vspp_alone'], cited='37.3'),
        dict(name='auxSKD + VSPP, R(2+1)D, K-100, UCF101', stages=['aux', 'vspp', 'finetune_ucf101'], cited='76.3'),
        dict(name='auxSKD + VSPP, R(2+1)D, K-100, HMDB51', stages=['aux', 'vspp', 'finetune_hmdb51'], cited='39.6'),
    ],
)
