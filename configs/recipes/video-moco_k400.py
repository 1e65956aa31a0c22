# VideoMoCo, with and without its generator, fine-tuned as in the auxSKD paper, whose Table 1 (rows 6 and 12) cites the figures
# from VideoMoCo. VideoMoCo's own fine-tuning is ../downstream/finetune_*_video-moco_*.
nets = {'r3d-18': "R3D-18 (torchvision's)", 'torchvision-r2plus1d-18': "R(2+1)D-18 (torchvision's)"}
__pretext = '../video_moco/video-moco_{net}_32x1x1-200e_k400-rgb.py'
__finetune = '../downstream/finetune_{net}_16x1x1-25e_'
__methods = dict(
    moco=('VideoMoCo without generator', __pretext.replace('_32x1x1', '_without-generator_32x1x1'), {}),
    generator=(
        'VideoMoCo',
        __pretext,
        dict(
            ucf101={'r3d-18': '74.1', 'torchvision-r2plus1d-18': '78.7'},
            hmdb51={'r3d-18': '43.6', 'torchvision-r2plus1d-18': '49.2'},
        ),
    ),
)
__note = "the net is torchvision's, which the table does not say"
# From the page of the released weights: the epoch of the fine-tuning that is best on the test split.
__elsewhere = dict(generator_ucf101={'torchvision-r2plus1d-18': '82.5'})
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_{net}_video-moco-views_32x1x1-20e_k400-rgb.py'),
    **{
        name: stage
        for method, (_, config, _) in __methods.items()
        for name, stage in {
            method: dict(config=config),
            f'{method}_after_aux': dict(config=config, init_from='aux'),
        }.items()
    },
    **{
        f'finetune_{data}_{source}': dict(config=f'{__finetune}{data}-rgb.py', init_from=source)
        for method in __methods
        for source in (method, f'{method}_after_aux')
        for data in ('ucf101', 'hmdb51')
    },
)
table = dict(
    rows=[
        row
        for method, (title, _, cited) in __methods.items()
        for data in ('ucf101', 'hmdb51')
        for row in (
            dict(
                name=f'{title}, {{net}}, K-400, {data.upper()}',
                stages=[method, f'finetune_{data}_{method}'],
                **({} if data not in cited else dict(cited=cited[data], note=__note)),
                **(
                    {}
                    if f'{method}_{data}' not in __elsewhere
                    else dict(cited_elsewhere=__elsewhere[f'{method}_{data}'])
                ),
            ),
            dict(
                name=f'auxSKD + {title}, {{net}}, K-400, {data.upper()}',
                stages=['aux', f'{method}_after_aux', f'finetune_{data}_{method}_after_aux'],
            ),
        )
    ]
)
