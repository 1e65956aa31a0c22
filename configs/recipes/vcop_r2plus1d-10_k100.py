# Table 1, rows 16 and 17: VCOP alone and behind auxSKD, fine-tuned as the auxSKD paper does it.
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_r2plus1d-10_vcop-views_16x1x1-20e_k100-rgb.py'),
    vcop=dict(config='../vcop/vcop_r2plus1d-10_16x1x1-200e_k100-rgb.py', init_from='aux'),
    vcop_alone=dict(config='../vcop/vcop_r2plus1d-10_16x1x1-200e_k100-rgb.py'),
    finetune_ucf101=dict(config='../downstream/finetune_r2plus1d-10_16x1x1-25e_ucf101-rgb.py', init_from='vcop'),
    finetune_hmdb51=dict(config='../downstream/finetune_r2plus1d-10_16x1x1-25e_hmdb51-rgb.py', init_from='vcop'),
    finetune_ucf101_vcop_alone=dict(
        config='../downstream/finetune_r2plus1d-10_16x1x1-25e_ucf101-rgb.py', init_from='vcop_alone'
    ),
    finetune_hmdb51_vcop_alone=dict(
        config='../downstream/finetune_r2plus1d-10_16x1x1-25e_hmdb51-rgb.py', init_from='vcop_alone'
    ),
)
table = dict(
    chance=dict(acc_order=1 / 6),
    rows=[
        dict(name='VCOP, R(2+1)D, K-100, UCF101', stages=['vcop_alone', 'finetune_ucf101_vcop_alone'], cited='71.4'),
        dict(name='VCOP, R(2+1)D, K-100, HMDB51', stages=['vcop_alone', 'finetune_hmdb51_vcop_alone'], cited='32.1'),
        dict(name='auxSKD + VCOP, R(2+1)D, K-100, UCF101', stages=['aux', 'vcop', 'finetune_ucf101'], cited='72.6'),
        dict(name='auxSKD + VCOP, R(2+1)D, K-100, HMDB51', stages=['aux', 'vcop', 'finetune_hmdb51'], cited='32.5'),
    ],
)
