# Table 1, row 10; Table 2, rows 5 and 6.
_base_ = './aux-skd-vspp_r3d-10_k100.py'
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_r3d-10_16x1x1-20e_k400-rgb.py'),
    vspp=dict(config='../vspp/vspp_r3d-10_16x1x1-20e_k400-rgb.py'),
    vspp_alone=dict(config='../vspp/vspp_r3d-10_16x1x1-20e_k400-rgb.py'),
)
table = dict(
    rows=[
        dict(name='VSPP, R3D, K-400, UCF101', stages=['vspp_alone', 'finetune_ucf101_vspp_alone'], cited='65.8'),
        dict(name='VSPP, R3D, K-400, HMDB51', stages=['vspp_alone', 'finetune_hmdb51_vspp_alone'], cited='28.8'),
        dict(name='auxSKD + VSPP, R3D, K-400, UCF101', stages=['aux', 'vspp', 'finetune_ucf101'], cited='67.9'),
        dict(name='auxSKD + VSPP, R3D, K-400, HMDB51', stages=['aux', 'vspp', 'finetune_hmdb51'], cited='32.6'),
    ]
)
