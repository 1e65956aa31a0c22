# auxSKD paper, Table 1, row 8. The auxiliary stage is that of clip consistency, which has the same two clips.
__pretext = dict(config='../ascnet/ascnet_resnet3d-18_16x1x1-200e_k400-rgb.py')
__finetune = '../downstream/finetune_resnet3d-18_rspnet_16x1x1-30e_'
stages = dict(
    ascnet=dict(**__pretext),
    finetune_ucf101=dict(config=f'{__finetune}ucf101-rgb.py', init_from='ascnet'),
    finetune_hmdb51=dict(config=f'{__finetune}hmdb51-rgb.py', init_from='ascnet'),
    aux=dict(config='../aux_skd/aux-skd_resnet3d-18_clip-consistency-views_16x1x1-20e_k400-rgb.py'),
    ascnet_after_aux=dict(**__pretext, init_from='aux'),
    finetune_ucf101_after_aux=dict(config=f'{__finetune}ucf101-rgb.py', init_from='ascnet_after_aux'),
    finetune_hmdb51_after_aux=dict(config=f'{__finetune}hmdb51-rgb.py', init_from='ascnet_after_aux'),
)
__note = (
    "unverified: no code is released, and the net that the table calls R3D-18 is not known; the 3D ResNet is RSPNet's, which has "
    'the same first author'
)
table = dict(
    chance=dict(acc_same_speed=1 / 2),
    rows=[
        row
        for data, figure in (('UCF101', '80.5'), ('HMDB51', '52.3'))
        for row in (
            dict(
                name=f'ASCNet, K-400, {data}', stages=['ascnet', f'finetune_{data.lower()}'], cited=figure, note=__note
            ),
            dict(
                name=f'auxSKD + ASCNet, K-400, {data}',
                stages=['aux', 'ascnet_after_aux', f'finetune_{data.lower()}_after_aux'],
            ),
        )
    ],
)
