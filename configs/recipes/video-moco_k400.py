# VideoMoCo, with and without its generator, fine-tuned as in the auxSKD paper, whose Table 1 (rows 6 and 12) cites the figures
# from VideoMoCo. VideoMoCo's own fine-tuning is ../downstream/finetune_*_video-moco_*.
nets = {'r3d-18': "R3D-18 (torchvision's)", 'torchvision-r2plus1d-18': "R(2+1)D-18 (torchvision's)"}
__pretext = '../video_moco/video-moco_{net}_%s32x1x1-200e_k400-rgb.py'
__finetune = '../downstream/finetune_{net}_16x1x1-25e_%s-rgb.py'
__configs = dict(moco=__pretext % 'without-generator_', generator=__pretext % '')
__titles = dict(moco='VideoMoCo without generator', generator='VideoMoCo')
__note = "the net is torchvision's, which the table does not say"
__figures = dict(
    ucf101=dict(
        cited={'r3d-18': '74.1', 'torchvision-r2plus1d-18': '78.7'},
        # The page of the released weights: the epoch of the fine-tuning that is best on the test split.
        cited_elsewhere={'torchvision-r2plus1d-18': '82.5'},
        note=__note,
    ),
    hmdb51=dict(cited={'r3d-18': '43.6', 'torchvision-r2plus1d-18': '49.2'}, note=__note),
)
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_{net}_video-moco-views_32x1x1-20e_k400-rgb.py'),
    **{method: dict(config=config) for method, config in __configs.items()},
    **{f'{method}_after_aux': dict(config=config, init_from='aux') for method, config in __configs.items()},
    **{
        f'finetune_{data}_{source}': dict(config=__finetune % data, init_from=source)
        for method in __configs
        for source in (method, f'{method}_after_aux')
        for data in __figures
    },
)
table = dict(
    rows=[
        row
        for method, title in __titles.items()
        for data, figures in __figures.items()
        for row in (
            dict(
                name=f'{title}, {{net}}, K-400, {data.upper()}',
                stages=[method, f'finetune_{data}_{method}'],
                **(figures if method == 'generator' else {}),
            ),
            dict(
                name=f'auxSKD + {title}, {{net}}, K-400, {data.upper()}',
                stages=['aux', f'{method}_after_aux', f'finetune_{data}_{method}_after_aux'],
            ),
        )
    ]
)
