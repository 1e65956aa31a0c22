# Table 2, C3D, top-1/top-5: both branches, one representation for all tasks ("TI"), and RSPNet alone ("w/o KD").
__net = 'c3d'
__settings = dict(
    [
        # name of the stage: infix of the pretraining, net of the fine-tuning, name of the rows, figures on UCF101 and HMDB51
        ('without_distillation', ('_without-distillation', f'{__net}_rspnet', 'w/o KD', '77.6/93.7', '45.4/75.7')),
        ('shared', ('_shared', f'{__net}_rspnet', 'TI', '79.3/92.1', '44.8/67.5')),
        ('human_prior', ('', f'human-prior-{__net}', 'full model', '80.4/95.7', '46.1/78.4')),
    ]
)
stages = {
    name: stage
    for setting, (infix, finetuned, *_) in __settings.items()
    for name, stage in {
        setting: dict(config=f'../human_prior/human-prior_{__net}{infix}_16x1x1-200e_k400-rgb.py'),
        **{
            f'finetune_{data}_{setting}': dict(
                config=f'../downstream/finetune_{finetuned}_16x1x1-100e_{data}-rgb.py', init_from=setting
            )
            for data in ('ucf101', 'hmdb51')
        },
    }.items()
}
table = dict(
    chance=dict(acc_motion=0.5),  # acc_appearance depends on the bank, acc_parsing on the videos
    rows=[
        dict(name=f'{name}, C3D, K-400, {data}', stages=[setting, f'finetune_{data.lower()}_{setting}'], cited=cited)
        for setting, (_, _, name, *figures) in __settings.items()
        for data, cited in zip(('UCF101', 'HMDB51'), figures)
    ],
)
