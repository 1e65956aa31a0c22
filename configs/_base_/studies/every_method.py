# Rows and columns of all studies. A study inherits them, names its recipe and data, and may leave rows out with None.
recipe = '../recipes/every_method.py'
seeds = [0, 1, 2, 3, 4]
columns = ['probe', 'knn', 'R@1', 'R@5', 'finetune']
# The net before training; batch norm has measured the videos. Without pretraining everything is learnt from the labels.
baseline = dict(features='random', finetune='scratch')
__methods = dict(
    vspp='VSPP',
    video_pace='VideoPace',
    vcop='VCOP',
    rspnet='RSPNet',
    vcp='VCP',
    rtt='RTT',
    speednet='SpeedNet',
    psp='PSP',
    prp='PRP',
    shuffle_and_learn='Shuffle & Learn',
    opn='OPN',
    transrank='TransRank',
    clip_consistency='clip consistency',
    video_moco='VideoMoCo without generator',
    cep='CEP',
    ascnet='ASCNet',
    video_moco_generator='VideoMoCo',
    mas='MAS',
    masked_autoencoder='masked autoencoder',
    human_prior='human prior',
)
# Other nets are compared with one of theirs before training, too. The human prior reads maps of tools/data/extract_parsing.py,
# in a folder beside the videos.
__frames = dict(against=['random_frames'])
__more = dict(
    shuffle_and_learn=__frames,
    opn=__frames,
    masked_autoencoder=dict(against=['random_vit']),
    human_prior=dict(needs='parsing_lip'),
)
rows = dict(
    random=dict(title='random net', untrained='vspp'),
    scratch=dict(title='from scratch', finetune='finetune_scratch'),
    aux=dict(title='auxSKD alone', features='aux', finetune='finetune_aux'),
    random_frames=dict(title='random CaffeNet', untrained='opn'),
    random_vit=dict(title='random ViT-Ti', untrained='masked_autoencoder'),
    **{
        name: row
        for method, title in __methods.items()
        for name, row in {
            method: dict(title=title, features=method, finetune=f'finetune_{method}', **__more.get(method, {})),
            f'aux_{method}': {
                **__more.get(method, {}),
                **dict(title=f'auxSKD + {title}', features=f'{method}_after_aux', against=[method]),
                **dict(finetune=f'finetune_{method}_after_aux'),
            },
        }.items()
    },
)
# Fine-tuning with few labels repeats the list more often, so that it takes as many iterations as with all.
few_labels = dict(counts=[1, 2, 5, 10], finetune=[5], repeats='train_dataloader.sampler.repeats')
protocol = 'auxskd'
views = dict(size=64, resize=72)
options = {'all.default_hooks.checkpoint.max_keep_ckpts': 1}
