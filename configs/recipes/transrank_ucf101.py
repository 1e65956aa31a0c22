# TransRank against classification of the same transformations, fine-tuned as in the auxSKD paper. The paper's figures, 90.7 on
# UCF101 and 64.2 on HMDB51 over three splits as others quote them, are not cited: their net and data are not known here.
__pretext = dict(
    transrank='../transrank/transrank_r3d-18_16x1x1-200e_ucf101-rgb.py',
    classification='../transrank/transrank_r3d-18_classification_16x1x1-200e_ucf101-rgb.py',
)
__aux = '../aux_skd/aux-skd_r3d-18_transrank-views_16x1x1-20e_ucf101-rgb.py'
__titles = dict(transrank='TransRank', classification='classification', transrank_after_aux='auxSKD + TransRank')
stages = dict(
    **{name: dict(config=config) for name, config in __pretext.items()},
    aux=dict(config=__aux),
    transrank_after_aux=dict(config=__pretext['transrank'], init_from='aux'),
    **{
        f'finetune_{data}_{name}': dict(
            config=f'../downstream/finetune_r3d-18_16x1x1-25e_{data}-rgb.py', init_from=name
        )
        for name in __titles
        for data in ('ucf101', 'hmdb51')
    },
)
table = dict(
    chance=dict(acc_ranking=1 / 3, acc_transformation=1 / 3, acc_rotation=1 / 4),
    rows=[
        dict(
            name=f'{title}, R3D-18, UCF101, {data}',
            stages=[*(['aux'] if name.endswith('aux') else []), name, f'finetune_{data.lower()}_{name}'],
        )
        for name, title in __titles.items()
        for data in ('UCF101', 'HMDB51')
    ],
)
