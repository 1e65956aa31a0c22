# auxSKD paper, Table 1, row 3: VCOP's own figures, so fine-tuned as VCOP's released code does it.
stages = dict(
    vcop=dict(config='../vcop/vcop_c3d_16x1x1-300e_ucf101-rgb.py'),
    finetune_ucf101=dict(config='../downstream/finetune_c3d_vcop_16x1x1-150e_ucf101-rgb.py', init_from='vcop'),
    finetune_hmdb51=dict(config='../downstream/finetune_c3d_vcop_16x1x1-150e_hmdb51-rgb.py', init_from='vcop'),
)
table = dict(
    chance=dict(acc_order=1 / 6),
    rows=[
        dict(name='VCOP, C3D, UCF101, UCF101', stages=['vcop', 'finetune_ucf101'], cited='65.6'),
        dict(name='VCOP, C3D, UCF101, HMDB51', stages=['vcop', 'finetune_hmdb51'], cited='28.4'),
    ],
)
