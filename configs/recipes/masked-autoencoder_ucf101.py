# VideoMAE on UCF101, and a small net, alone and behind auxSKD. The paper's 62.6 on HMDB51 is not cited: it is pretrained there.
__pretext = dict(
    vit_b='../masked_autoencoder/masked-autoencoder_vit-b_16x4x1-224px-3200e_ucf101-rgb.py',
    vit_ti='../masked_autoencoder/masked-autoencoder_vit-ti_16x4x1-112px-800e_ucf101-rgb.py',
)
__finetune = dict(
    vit_b='../downstream/finetune_vit-b_masked-autoencoder_16x4x1-224px-100e_{}-rgb.py',
    vit_ti='../downstream/finetune_vit-ti_masked-autoencoder_16x4x1-112px-100e_{}-rgb.py',
)
# A pretraining, its net, its title.
__rows = dict(
    vit_b=('vit_b', 'masked autoencoder, ViT-B'),
    vit_ti=('vit_ti', 'masked autoencoder, ViT-Ti'),
    vit_ti_after_aux=('vit_ti', 'auxSKD + masked autoencoder, ViT-Ti'),
)
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_vit-ti_masked-autoencoder-views_16x4x1-112px-20e_ucf101-rgb.py'),
    vit_b=dict(config=__pretext['vit_b']),
    vit_ti=dict(config=__pretext['vit_ti']),
    vit_ti_after_aux=dict(config=__pretext['vit_ti'], init_from='aux'),
    **{
        f'finetune_{data}_{name}': dict(config=__finetune[net].format(data), init_from=name)
        for name, (net, _) in __rows.items()
        for data in ('ucf101', 'hmdb51')
    },
)
table = dict(
    rows=[
        dict(
            name=f'{title}, UCF101, {data}',
            stages=[*(['aux'] if name.endswith('aux') else []), name, f'finetune_{data.lower()}_{name}'],
            **(dict(cited='91.3') if (name, data) == ('vit_b', 'UCF101') else {}),
        )
        for name, (_, title) in __rows.items()
        for data in ('UCF101', 'HMDB51')
    ]
)
