# VideoMoCo without its generator, fine-tuned as in the auxSKD paper. Its figures there (Table 1, row 6: 74.1 on UCF101, 43.6 on
# HMDB51) are not cited: they are of the whole method.
__pretext = dict(config='../video_moco/video-moco_r3d-18_without-generator_32x1x1-200e_k400-rgb.py')
__finetune = '../downstream/finetune_r3d-18_16x1x1-25e_'
stages = dict(
    moco=dict(**__pretext),
    finetune_ucf101=dict(config=f'{__finetune}ucf101-rgb.py', init_from='moco'),
    finetune_hmdb51=dict(config=f'{__finetune}hmdb51-rgb.py', init_from='moco'),
    aux=dict(config='../aux_skd/aux-skd_r3d-18_video-moco-views_32x1x1-20e_k400-rgb.py'),
    moco_after_aux=dict(**__pretext, init_from='aux'),
    finetune_ucf101_after_aux=dict(config=f'{__finetune}ucf101-rgb.py', init_from='moco_after_aux'),
    finetune_hmdb51_after_aux=dict(config=f'{__finetune}hmdb51-rgb.py', init_from='moco_after_aux'),
)
__name = 'VideoMoCo without generator, R3D-18, K-400'
table = dict(
    rows=[
        row
        for data in ('UCF101', 'HMDB51')
        for row in (
            dict(name=f'{__name}, {data}', stages=['moco', f'finetune_{data.lower()}']),
            dict(
                name=f'auxSKD + {__name}, {data}',
                stages=['aux', 'moco_after_aux', f'finetune_{data.lower()}_after_aux'],
            ),
        )
    ]
)
