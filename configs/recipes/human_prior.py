# Table 2, top-1/top-5: both branches, one representation for all tasks ("TI"), and RSPNet alone ("w/o KD").
nets = {'r2plus1d-10': 'R(2+1)D', 'c3d': 'C3D'}
__stages = ('without_distillation', 'shared', 'human_prior')
__infixes = ('_without-distillation', '_shared', '')
__finetuned = ('{net}_rspnet', '{net}_rspnet', 'human-prior-{net}')
stages = {
    **{
        stage: dict(config=f'../human_prior/human-prior_{{net}}{infix}_16x1x1-200e_k400-rgb.py')
        for stage, infix in zip(__stages, __infixes)
    },
    **{
        f'finetune_{data}_{stage}': dict(
            config=f'../downstream/finetune_{finetuned}_16x1x1-100e_{data}-rgb.py', init_from=stage
        )
        for stage, finetuned in zip(__stages, __finetuned)
        for data in ('ucf101', 'hmdb51')
    },
}
__cited = {
    'r2plus1d-10': ['79.4/94.3', '43.0/74.5', '80.1/94.3', '44.6/74.4', '81.6/95.3', '46.1/74.8'],
    'c3d': ['77.6/93.7', '45.4/75.7', '79.3/92.1', '44.8/67.5', '80.4/95.7', '46.1/78.4'],
}
__rows = [
    (name, stage, data)
    for name, stage in zip(('w/o KD', 'TI', 'full model'), __stages)
    for data in ('UCF101', 'HMDB51')
]
table = dict(
    chance=dict(acc_motion=0.5),  # acc_appearance depends on the bank, acc_parsing on the videos
    rows=[
        dict(
            name=f'{name}, {{net}}, K-400, {data}',
            stages=[stage, f'finetune_{data.lower()}_{stage}'],
            cited={net: figures[row] for net, figures in __cited.items()},
        )
        for row, (name, stage, data) in enumerate(__rows)
    ],
)
