# auxSKD in front of the human prior, in neither paper: its plain net fills the shared stages and both branches.
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_r2plus1d-10_rspnet-views_16x1x1-20e_k400-rgb.py'),
    human_prior=dict(config='../human_prior/human-prior_r2plus1d-10_16x1x1-200e_k400-rgb.py', init_from='aux'),
    finetune_ucf101=dict(
        config='../downstream/finetune_human-prior-r2plus1d-10_16x1x1-100e_ucf101-rgb.py', init_from='human_prior'
    ),
    finetune_hmdb51=dict(
        config='../downstream/finetune_human-prior-r2plus1d-10_16x1x1-100e_hmdb51-rgb.py', init_from='human_prior'
    ),
)
table = dict(
    chance=dict(acc_motion=0.5),
    rows=[
        dict(
            name=f'auxSKD + human prior, R(2+1)D, K-400, {data}',
            stages=['aux', 'human_prior', f'finetune_{data.lower()}'],
        )
        for data in ('UCF101', 'HMDB51')
    ],
)
