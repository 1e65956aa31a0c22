"""The numbers of VideoPace, from its paper, its released code and the auxSKD paper's tables, in the merged configs."""

import pytest
from config_reading import flat, read, read_recipe, steps
from mmengine.config import Config

from videossl.registry import MODELS, TRANSFORMS
from videossl.wrappers import innermost_dataset

PRETEXT = dict(
    batch=30,
    lr=1e-3,
    momentum=0.9,
    weight_decay=5e-4,
    epochs=18,
    schedule=[('StepLR', 6, 0.1)],
    drop_last=False,
    clip_len=16,
    speeds=4,
    views=1,
    overrun='fit',
    lookahead=1,
    distinct_views=False,
    resize=((171, 128), False),
    crop=112,
    flip=0.5,
    jitter=(0.8, 0.8, 0.8, 0.2, 0.8, False),
    to_bgr=False,
    mean=(123.675, 116.28, 103.53),
    std=(58.395, 57.12, 57.375),
    features=512,
    classes=4,
    contrast=None,
)
# What the released code does otherwise.
RELEASED = dict(weight_decay=5e-3, overrun='loop', to_bgr=True, mean=(0, 0, 0), std=(1, 1, 1))
CONTRAST = dict(views=2, drop_last=True)
DATA = dict(
    k100=dict(data='data/kinetics100/kinetics100_train_list_videos.txt', times=1),
    k400=dict(data='data/kinetics400/kinetics400_train_list_videos.txt', times=1),
    ucf101=dict(data='data/ucf101/ucf101_train_split_1_videos.txt', times=10),
)
R2PLUS1D, R3D = dict(net=dict(type='R2Plus1D', depth=10)), dict(net=dict(type='R3D', depth=10))
C3D = dict(net=dict(type='C3D'))
# The net of HowTo100M with full 3-D convolutions in its stem and gates made of linear layers; 64 frames of 224 pixels.
S3DG = dict(
    net=dict(type='S3DG', stem_conv='full', gating='linear', pool_padding='far_side', bn_eps=1e-5, bn_momentum=0.1),
    features=1024,
    batch=32,
    clip_len=64,
    resize=((256, 256), False),
    crop=224,
)

EXPECTED = {
    **{
        f'video_pace/video-pace_{name}_16x1x1-18e_{data}-rgb.py': {**PRETEXT, **net, **DATA[data]}
        for name, net in {'r2plus1d-10': R2PLUS1D, 'r3d-10': R3D}.items()
        for data in DATA
    },
    'video_pace/video-pace_c3d_16x1x1-18e_ucf101-rgb.py': {**PRETEXT, **C3D, **DATA['ucf101']},
    'video_pace/video-pace_s3dg_64x1x1-18e_ucf101-rgb.py': {**PRETEXT, **S3DG, **DATA['ucf101']},
    **{
        f'video_pace/video-pace_r2plus1d-10_released-code_16x1x1-18e_{data}-rgb.py': {
            **PRETEXT,
            **R2PLUS1D,
            **DATA[data],
            **RELEASED,
            'times': 10,
        }
        for data in ('k100', 'ucf101')
    },
    'video_pace/video-pace_r2plus1d-10_same-context_16x1x1-18e_ucf101-rgb.py': {
        **PRETEXT,
        **R2PLUS1D,
        **DATA['ucf101'],
        **CONTRAST,
        'distinct_views': True,
        'contrast': ('same_context', 0.1, 0.1, (512, 128)),
    },
    'video_pace/video-pace_r2plus1d-10_same-pace_16x1x1-18e_ucf101-rgb.py': {
        **PRETEXT,
        **R2PLUS1D,
        **DATA['ucf101'],
        **CONTRAST,
        'contrast': ('same_pace', 0.1, 0.1, (512, 128)),
    },
}


def facts(config: Config) -> dict:
    """What a merged config says, under the names of the table above; what it leaves to the default of a sampler, a
    transform, a preprocessor or a head is read from the built part."""
    model, loader, optimizer = config.model, config.train_dataloader, config.optim_wrapper.optimizer
    assert (model.type, optimizer.type) == ('Pretrainer', 'SGD')
    dataset = innermost_dataset(loader.dataset)
    opens, sampler, decodes, each_clip, packs = steps(dataset.pipeline)
    transforms = steps(each_clip.transforms)
    kinds = [part.type for part in (opens, sampler, decodes, each_clip, *transforms, packs)]
    assert kinds == [
        'VideoReaderInit',
        'SamplePace',
        'DecodeClips',
        'EachClip',
        'Resize',
        'RandomCrop',
        'Flip',
        'VideoColorJitter',
        'PackClips',
    ]
    sampler, (resize, crop, flip, jitter) = TRANSFORMS.build(sampler), map(TRANSFORMS.build, transforms)
    preprocessor = MODELS.build(model.data_preprocessor)
    heads = {name: MODELS.build(head) for name, head in model.heads.items()}
    speed, contrast = heads.pop('speed'), heads.pop('contrast', None)
    assert not heads and (speed.loss_weight, speed.embedding_name, speed.dropout.p) == (1, 'pooled', 0)
    if contrast is not None:
        projection = model.necks[contrast.embedding_name]
        contrast = (
            contrast.positives,
            contrast.temperature,
            contrast.loss_weight,
            (projection.in_channels, projection.out_channels),
        )
    return dict(
        net=dict(model.backbone),
        features=speed.classifier.in_features,
        classes=speed.num_classes,
        contrast=contrast,
        batch=loader.batch_size,
        drop_last=loader.get('drop_last', False),
        times=loader.sampler.get('repeats', 1),
        data=f'{dataset.data_root}/{dataset.ann_file}',
        lr=optimizer.lr,
        momentum=optimizer.momentum,
        weight_decay=optimizer.weight_decay,
        epochs=config.train_cfg.max_epochs,
        schedule=[(entry.type, entry.step_size, entry.gamma) for entry in config.param_scheduler],
        clip_len=sampler.clip_len,
        speeds=sampler.num_speeds,
        views=sampler.num_views,
        overrun=sampler.overrun,
        lookahead=sampler.lookahead,
        distinct_views=sampler.distinct_views,
        resize=(tuple(transforms[0].scale), resize.keep_ratio),
        crop=crop.size,
        flip=flip.flip_ratio,
        jitter=(
            jitter.brightness,
            jitter.contrast,
            jitter.saturation,
            jitter.hue,
            jitter.probability,
            jitter.consistent,
        ),
        mean=tuple(round(value, 3) for value in preprocessor.mean.flatten().tolist()),
        std=tuple(round(value, 3) for value in preprocessor.std.flatten().tolist()),
        to_bgr=preprocessor.to_bgr,
    )


@pytest.mark.parametrize('name', EXPECTED)
def test_the_papers_numbers_stand_in_the_merged_config(name):
    assert facts(read(name)) == EXPECTED[name]


@pytest.mark.parametrize('data', ['k100', 'ucf101'])
def test_the_released_codes_variant_differs_from_the_papers_by_the_listed_values_alone(data):
    # The first is what the parts were made of, not what is built.
    released, paper = (
        {path: leaf for path, leaf in flat(read(name)._cfg_dict).items() if not path.startswith('released_code')}
        for name in (
            f'video_pace/video-pace_r2plus1d-10_released-code_16x1x1-18e_{data}-rgb.py',
            f'video_pace/video-pace_r2plus1d-10_16x1x1-18e_{data}-rgb.py',
        )
    )
    sampler = 'train_dataloader.dataset.pipeline.sample'
    repeats = {} if data == 'ucf101' else {'train_dataloader.sampler.repeats': 10}
    assert {path: leaf for path, leaf in released.items() if path not in paper or paper[path] != leaf} == {
        **repeats,
        'model.data_preprocessor.mean': (0, 0, 0),
        'model.data_preprocessor.std': (1, 1, 1),
        'model.data_preprocessor.to_bgr': True,
        'model.heads.speed.init_cfg': None,
        'optim_wrapper.optimizer.weight_decay': 5e-3,
        f'{sampler}.overrun': 'loop',
        f'{sampler}.lookahead': 1,
    }
    assert paper.keys() <= released.keys()


def test_the_two_contrastive_variants_differ_in_the_positives_and_in_whether_paces_must_differ():
    context, pace = (
        flat(
            {
                key: read(f'video_pace/video-pace_r2plus1d-10_{name}_16x1x1-18e_ucf101-rgb.py')[key]
                for key in ('model', 'train_dataloader', 'optim_wrapper', 'param_scheduler', 'train_cfg')
            }
        )
        for name in ('same-context', 'same-pace')
    )
    assert {path: (leaf, pace[path]) for path, leaf in context.items() if pace[path] != leaf} == {
        'model.heads.contrast.positives': ('same_context', 'same_pace'),
        'train_dataloader.dataset.pipeline.sample.distinct_views': (True, False),
    }


def test_the_s3dg_sees_as_many_and_as_large_frames_downstream_as_in_the_pretext_task():
    config = read('downstream/finetune_s3dg_64x1x1-25e_ucf101-rgb.py')
    assert dict(config.model.backbone) == S3DG['net']
    assert (config.model.cls_head.in_channels, config.model.cls_head.num_classes) == (1024, 101)
    assert (config.train_dataloader.batch_size, config.train_cfg.max_epochs) == (32, 25)
    assert config.optim_wrapper.optimizer.lr == 3e-3
    train, test = (steps(config[f'{loader}_dataloader'].dataset.pipeline) for loader in ('train', 'test'))
    train_resize, train_crop, *_ = steps(train[3].transforms)
    assert (train[1].clip_len, train[1].num_clips, train[1].frame_interval) == (64, 1, 1)
    assert (test[1].clip_len, test[1].num_clips, test[1].frame_interval) == (64, 10, 1)
    for resize, crop in ((train_resize, train_crop['size']), (test[3], test[4].crop_size)):
        assert tuple(resize.scale) == (256, 256) and not resize.keep_ratio and crop == 224


def test_the_laptops_pace_prediction_is_the_laptops_vspp_but_for_sampler_and_head():
    names = ('video-pace', 'vspp')
    pace, vspp = (
        flat(
            {
                key: read(f'laptop/{name}_r3d-10_16x1x1-64px-20e_videos-rgb.py')[key]
                for key in ('model', 'train_dataloader', 'optim_wrapper', 'param_scheduler', 'train_cfg')
            }
        )
        for name in names
    )
    sampler, segment = 'train_dataloader.dataset.pipeline.sample', 'model.heads.segment'
    assert {path for path in pace.keys() | vspp.keys() if pace.get(path) != vspp.get(path)} == {
        f'{sampler}.type',
        f'{sampler}.num_segments',
        f'{segment}.type',
        f'{segment}.in_channels',
        f'{segment}.num_segments',
    }
    assert pace[f'{sampler}.type'] == 'SamplePace' and pace[f'{sampler}.num_speeds'] == 4


# Top-1 on UCF101 and HMDB51 in Table 1 of the auxSKD paper.
CITED = {
    ('video-pace_k400.py', 'r3d-10'): ['63.7', '27.9'],  # row 5
    ('video-pace_k400.py', 'r2plus1d-10'): ['77.1', '36.6'],  # row 11
    ('video-pace_k100.py', 'r2plus1d-10'): ['73.8', '36.2', '76.1', '38.6'],  # rows 18 and 19
    ('video-pace_k100.py', 'r3d-10'): ['57.5', '23.5', '60.9', '27.1'],  # rows 25 and 26
}


@pytest.mark.parametrize('name, net', CITED)
def test_a_recipe_cites_the_papers_figures_beside_the_data_they_belong_to(name, net):
    table = read_recipe(name, net).table
    assert table.chance == dict(acc_speed=1 / 4)
    assert [row.cited for row in table.rows] == CITED[name, net]
    for row, data in zip(table.rows, ['UCF101', 'HMDB51'] * 2):
        assert row.name.endswith(data) and data.lower() in row.stages[-1]
        assert row.name.startswith('auxSKD') == (row.stages[0] == 'aux')
