# Table 2, rows 1 and 2.
_base_ = './aux-skd-vspp_r2plus1d-10_k100.py'
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_r2plus1d-10_16x1x1-20e_ucf101-rgb.py'),
    vspp=dict(config='../vspp/vspp_r2plus1d-10_16x1x1-20e_ucf101-rgb.py'),
    vspp_alone=dict(config='../vspp/vspp_r2plus1d-10_16x1x1-20e_ucf101-rgb.py'),
)
table = dict(
    rows=[
        dict(name='VSPP, R(2+1)D, UCF101, UCF101', stages=['vspp_alone', 'finetune_ucf101_vspp_alone'], cited='76.0'),
        dict(name='VSPP, R(2+1)D, UCF101, HMDB51', stages=['vspp_alone', 'finetune_hmdb51_vspp_alone'], cited='37.4'),
        dict(name='auxSKD + VSPP, R(2+1)D, UCF101, UCF101', stages=['aux', 'vspp', 'finetune_ucf101'], cited='77.3'),
        dict(name='auxSKD + VSPP, R(2+1)D, UCF101, HMDB51', stages=['aux', 'vspp', 'finetune_hmdb51'], cited='38.6'),
    ]
)
