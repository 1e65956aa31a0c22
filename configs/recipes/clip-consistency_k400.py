# Clip consistency alone and behind auxSKD, fine-tuned as RSPNet. ASCNet's figures are not cited: this is one of its two tasks.
__pretext = dict(config='../clip_consistency/clip-consistency_resnet3d-18_16x1x1-200e_k400-rgb.py')
__finetune = '../downstream/finetune_resnet3d-18_rspnet_16x1x1-30e_'
stages = dict(
    consistency=dict(**__pretext),
    finetune_ucf101=dict(config=f'{__finetune}ucf101-rgb.py', init_from='consistency'),
    finetune_hmdb51=dict(config=f'{__finetune}hmdb51-rgb.py', init_from='consistency'),
    aux=dict(config='../aux_skd/aux-skd_resnet3d-18_clip-consistency-views_16x1x1-20e_k400-rgb.py'),
    consistency_after_aux=dict(**__pretext, init_from='aux'),
    finetune_ucf101_after_aux=dict(config=f'{__finetune}ucf101-rgb.py', init_from='consistency_after_aux'),
    finetune_hmdb51_after_aux=dict(config=f'{__finetune}hmdb51-rgb.py', init_from='consistency_after_aux'),
)
table = dict(
    rows=[
        row
        for data in ('UCF101', 'HMDB51')
        for row in (
            dict(name=f'clip consistency, K-400, {data}', stages=['consistency', f'finetune_{data.lower()}']),
            dict(
                name=f'auxSKD + clip consistency, K-400, {data}',
                stages=['aux', 'consistency_after_aux', f'finetune_{data.lower()}_after_aux'],
            ),
        )
    ]
)
