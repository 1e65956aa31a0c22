# The human prior paper, Table 1, quotes PSP's figures. Paces, norms, optimiser and fine-tuning are guesses.
__pretext = '../psp/psp_r2plus1d-10_16x1x1-300e_ucf101-rgb.py'
__ucf101 = '../downstream/finetune_r2plus1d-10_psp_16x1x1-150e_ucf101-rgb.py'
__hmdb51 = '../downstream/finetune_r2plus1d-10_psp_16x1x1-150e_hmdb51-rgb.py'
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_r2plus1d-10_psp-views_16x1x1-20e_ucf101-rgb.py'),
    psp=dict(config=__pretext),
    psp_after_aux=dict(config=__pretext, init_from='aux'),
    finetune_ucf101=dict(config=__ucf101, init_from='psp'),
    finetune_hmdb51=dict(config=__hmdb51, init_from='psp'),
    finetune_ucf101_after_aux=dict(config=__ucf101, init_from='psp_after_aux'),
    finetune_hmdb51_after_aux=dict(config=__hmdb51, init_from='psp_after_aux'),
)
table = dict(
    chance=dict(acc_order=1 / 6),
    rows=[
        dict(name='PSP, R(2+1)D, UCF101, UCF101', stages=['psp', 'finetune_ucf101'], cited='74.8'),
        dict(name='PSP, R(2+1)D, UCF101, HMDB51', stages=['psp', 'finetune_hmdb51'], cited='36.8'),
        dict(
            name='auxSKD + PSP, R(2+1)D, UCF101, UCF101', stages=['aux', 'psp_after_aux', 'finetune_ucf101_after_aux']
        ),
        dict(
            name='auxSKD + PSP, R(2+1)D, UCF101, HMDB51', stages=['aux', 'psp_after_aux', 'finetune_hmdb51_after_aux']
        ),
    ],
)
