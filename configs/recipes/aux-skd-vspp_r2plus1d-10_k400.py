# Table 1, row 15. The paper has no figure for VSPP alone here.
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_r2plus1d-10_16x1x1-20e_k400-rgb.py'),
    vspp=dict(config='../vspp/vspp_r2plus1d-10_16x1x1-20e_k400-rgb.py', init_from='aux'),
    finetune_ucf101=dict(config='../downstream/finetune_r2plus1d-10_16x1x1-25e_ucf101-rgb.py', init_from='vspp'),
    finetune_hmdb51=dict(config='../downstream/finetune_r2plus1d-10_16x1x1-25e_hmdb51-rgb.py', init_from='vspp'),
)
table = dict(
    chance=dict(acc_speed=0.25, acc_segment=0.25),
    rows=[
        dict(name='auxSKD + VSPP, R(2+1)D, K-400, UCF101', stages=['aux', 'vspp', 'finetune_ucf101'], cited='77.6'),
        dict(name='auxSKD + VSPP, R(2+1)D, K-400, HMDB51', stages=['aux', 'vspp', 'finetune_hmdb51'], cited='40.4'),
    ],
)
