# MAS. The human prior paper, Table 1, quotes its figures for C3D without the data of the pretraining.
__note = (
    'the data of the pretraining is not named where the figure is quoted; the net of the method has five convolutions'
)
__k400 = '../mas/mas_c3d_16x1x1-10e_k400-rgb.py'
__ucf101 = '../mas/mas_c3d_16x1x1-252e_ucf101-rgb.py'
__titles = dict(mas_k400='MAS, C3D, K-400', mas='MAS, C3D, UCF101', mas_after_aux='auxSKD + MAS, C3D, UCF101')
stages = dict(
    mas_k400=dict(config=__k400),
    mas=dict(config=__ucf101),
    aux=dict(config='../aux_skd/aux-skd_c3d_mas-views_16x1x1-20e_ucf101-rgb.py'),
    mas_after_aux=dict(config=__ucf101, init_from='aux'),
    **{
        f'finetune_{data}_{name}': dict(
            config=f'../downstream/finetune_c3d_mas_16x1x1-25e_{data}-rgb.py', init_from=name
        )
        for name in __titles
        for data in ('ucf101', 'hmdb51')
    },
)
table = dict(
    rows=[
        dict(
            name=f'{title}, {data}',
            stages=[*(['aux'] if name.endswith('aux') else []), name, f'finetune_{data.lower()}_{name}'],
            **(dict(cited=figure, note=__note) if name == 'mas_k400' else {}),
        )
        for name, title in __titles.items()
        for data, figure in (('UCF101', '61.2'), ('HMDB51', '33.4'))
    ]
)
