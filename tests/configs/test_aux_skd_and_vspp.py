"""The numbers of the auxSKD paper, auxiliary stage, VSPP and fine-tuning, in the merged configs and recipes."""

import pytest
from config_reading import flat, read, read_recipe, steps
from mmengine.config import Config

from videossl.registry import MODELS, TRANSFORMS
from videossl.wrappers import innermost_dataset

# The paper's numbers, section 4.2, written down here a second time.

EVERYWHERE = dict(
    batch=30,
    optimizer='SGD',
    momentum=0.9,
    weight_decay=5e-4,
    schedule=[('StepLR', 6, 0.1)],
    clip_len=16,
    crop=112,
    scale=(171, 128),
    flip=0.5,
    jitter=(0.8, 0.8, 0.8, 0.2, 0.8),
    consistent=False,
    mean=(123.675, 116.28, 103.53),
    std=(58.395, 57.12, 57.375),
    to_bgr=False,
    times=1,
    keep_checkpoints=(1, 2),
)
SAMPLING = dict(
    overrun='fit', inclusive_end=False, lookahead=1, distinct_views=False, ignore_segment_at_speed_one=False
)
VSPP = dict(
    EVERYWHERE,
    **SAMPLING,
    lr=1e-3,
    epochs=20,
    heads=dict(speed=4, segment=4),
    speeds=4,
    segments=4,
    views=1,
    drop_last=False,
)
AUX = dict(
    EVERYWHERE,
    **SAMPLING,
    lr=1e-3,
    epochs=20,
    heads=dict(distill=(0.02, 0.02)),
    speeds=4,
    segments=4,
    views=2,
    drop_last=True,
    bank=(16384, 128),
    teacher_momentum=0.999,
    projection=(512, 128),
    predictor=(128, 1024, 128),
)
FINETUNE = dict(
    EVERYWHERE,
    lr=3e-3,
    epochs=25,
    drop_last=False,
    dropout=0,
    average_clips='prob',
    frame_interval=1,
    views=1,
    test_clips=10,
    test_crop=112,
    test_scale=(171, 128),
    test_frame_interval=1,
    test_clip_len=16,
)
# What the released code does otherwise (and what it shares with the paper stands above).
RELEASED = dict(weight_decay=5e-3, inclusive_end=True, overrun='loop', mean=(0, 0, 0), std=(1, 1, 1), to_bgr=True)

DATA = dict(
    k100=dict(data='data/kinetics100/kinetics100_train_list_videos.txt'),
    k400=dict(data='data/kinetics400/kinetics400_train_list_videos.txt'),
    ucf101=dict(data='data/ucf101/ucf101_train_split_1_videos.txt', times=10),
)
TEST = dict(
    ucf101=dict(
        data='data/ucf101/ucf101_train_split_1_videos.txt',
        test_data='data/ucf101/ucf101_val_split_1_videos.txt',
        classes=101,
    ),
    hmdb51=dict(
        data='data/hmdb51/hmdb51_train_split_1_videos.txt',
        test_data='data/hmdb51/hmdb51_val_split_1_videos.txt',
        classes=51,
    ),
)
R2PLUS1D, R3D, C3D = dict(backbone=('R2Plus1D', 10)), dict(backbone=('R3D', 10)), dict(backbone=('C3D', None))
NETS = {'r2plus1d-10': R2PLUS1D, 'r3d-10': R3D, 'c3d': C3D}

EXPECTED = {
    **{
        f'vspp/vspp_{net}_16x1x1-20e_{data}-rgb.py': {**VSPP, **NETS[net], **DATA[data]}
        for net in NETS
        for data in DATA
    },
    **{
        f'aux_skd/aux-skd_{net}_16x1x1-20e_{data}-rgb.py': {**AUX, **NETS[net], **DATA[data]}
        for net in ('r2plus1d-10', 'r3d-10')
        for data in DATA
    },
    **{
        f'downstream/finetune_{net}_16x1x1-25e_{data}-rgb.py': {**FINETUNE, **NETS[net], **TEST[data]}
        for net in NETS
        for data in TEST
    },
    # Table 3
    **{
        f'aux_skd/aux-skd_r2plus1d-10_teacher-{teacher}-student-{student}_16x1x1-20e_k100-rgb.py': {
            **AUX,
            **R2PLUS1D,
            **DATA['k100'],
            'heads': dict(distill=(teacher, student)),
        }
        for teacher, student in [(0.01, 0.01), (0.05, 0.05), (0.07, 0.07), (0.1, 0.1), (0.01, 0.1), (0.02, 0.1)]
    },
    # Table 4
    **{
        f'vspp/vspp_r3d-10_{setting}_16x1x1-20e_k100-rgb.py': {**VSPP, **R3D, **DATA['k100'], **differs}
        for setting, differs in {
            '1-segment': dict(segments=1, heads=dict(speed=4)),
            '2-segments': dict(segments=2, heads=dict(speed=4, segment=2)),
            '3-segments': dict(segments=3, heads=dict(speed=4, segment=3)),
            'speed-only': dict(heads=dict(speed=4)),
            'segment-only': dict(heads=dict(segment=4)),
        }.items()
    },
    # Figure 4
    'vspp/vspp_r2plus1d-10_16x1x1-40e_k100-rgb.py': {
        **VSPP,
        **R2PLUS1D,
        **DATA['k100'],
        'epochs': 40,
        'keep_checkpoints': (10, -1),
    },
    # Not the paper's
    **{
        f'vspp/vspp_{net}_ignore-speed-one_16x1x1-20e_k100-rgb.py': {
            **VSPP,
            **NETS[net],
            **DATA['k100'],
            'ignore_segment_at_speed_one': True,
        }
        for net in ('r2plus1d-10', 'r3d-10')
    },
    **{
        f'vspp/vspp_{net}_released-code_16x1x1-20e_k100-rgb.py': {
            **VSPP,
            **NETS[net],
            **DATA['k100'],
            **RELEASED,
            'times': 10,
        }
        for net in ('r2plus1d-10', 'r3d-10')
    },
    **{
        f'aux_skd/aux-skd_{net}_released-code_16x1x1-25e_k100-rgb.py': {
            **AUX,
            **NETS[net],
            **DATA['k100'],
            **RELEASED,
            'bank': (15360, 128),
            'heads': dict(distill=(0.02, 0.1)),
            'epochs': 25,
            'lookahead': 3,
            'distinct_views': True,
        }
        for net in ('r2plus1d-10', 'r3d-10')
    },
}


def facts(config: Config) -> dict:
    """What a merged config says, under the names of the table above, from the parts that a run builds; what the config
    leaves to the default of a sampler, a transform or a preprocessor is read from the built part."""
    model, loader, optimizer = config.model, config.train_dataloader, config.optim_wrapper.optimizer
    dataset = innermost_dataset(loader.dataset)
    opens, sampler, decodes, each_clip, packs = steps(dataset.pipeline)
    transforms = steps(each_clip.transforms)
    kinds = [part.type for part in (opens, decodes, each_clip, *transforms, packs)]
    assert kinds == [
        'VideoReaderInit',
        'DecodeClips',
        'EachClip',
        'Resize',
        'RandomCrop',
        'Flip',
        'VideoColorJitter',
        'PackClips',
    ]
    kind, sampler = sampler.type, TRANSFORMS.build(sampler)
    resize, crop, flip, jitter = transforms
    jitter = TRANSFORMS.build(jitter)
    preprocessor = MODELS.build(model.data_preprocessor)
    found = dict(
        batch=loader.batch_size,
        drop_last=loader.get('drop_last', False),
        optimizer=optimizer.type,
        lr=optimizer.lr,
        momentum=optimizer.momentum,
        weight_decay=optimizer.weight_decay,
        epochs=config.train_cfg.max_epochs,
        schedule=[(entry.type, entry.step_size, entry.gamma) for entry in config.param_scheduler],
        keep_checkpoints=(config.default_hooks.checkpoint.interval, config.default_hooks.checkpoint.max_keep_ckpts),
        backbone=(model.backbone.type, model.backbone.get('depth')),
        data=f'{dataset.data_root}/{dataset.ann_file}',
        times=loader.sampler.get('repeats', 1),
        clip_len=sampler.clip_len,
        scale=tuple(resize.scale),
        crop=crop.size,
        flip=flip.flip_ratio,
        consistent=jitter.consistent,
        jitter=(jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue, jitter.probability),
        mean=tuple(round(value, 3) for value in preprocessor.mean.flatten().tolist()),
        std=tuple(round(value, 3) for value in preprocessor.std.flatten().tolist()),
        to_bgr=preprocessor.to_bgr,
    )
    if kind == 'SampleSegmentPace':
        found.update(
            {key: getattr(sampler, key) for key in SAMPLING},
            speeds=sampler.num_speeds,
            segments=sampler.num_segments,
            views=sampler.num_views,
        )
        found['heads'] = {
            name: (head.teacher_temperature, head.student_temperature)
            if head.type == 'SimilarityDistillHead'
            else head.get('num_speeds', head.get('num_segments'))
            for name, head in model.heads.items()
        }
    if 'memory_bank' in model:
        projection, predictor = model.necks.projection, model.predictors.projection
        found.update(
            bank=(model.memory_bank['size'], model.memory_bank.dim),
            teacher_momentum=config.custom_hooks[0].momentum,
            projection=(projection.in_channels, projection.out_channels),
            predictor=(predictor.in_channels, predictor.hidden_channels, predictor.out_channels),
        )
    if config.get('test_dataloader') is not None:
        test = config.test_dataloader.dataset
        _, test_sampler, _, test_resize, test_crop, _ = steps(test.pipeline)
        assert test.test_mode and test_sampler.test_mode and test_crop.type == 'CenterCrop'
        found.update(
            classes=model.cls_head.num_classes,
            dropout=model.cls_head.dropout_ratio,
            average_clips=model.cls_head.average_clips,
            views=sampler.num_clips,
            frame_interval=sampler.frame_interval,
            test_data=f'{test.data_root}/{test.ann_file}',
            test_clips=test_sampler.num_clips,
            test_clip_len=test_sampler.clip_len,
            test_frame_interval=test_sampler.frame_interval,
            test_scale=tuple(test_resize.scale),
            test_crop=test_crop.crop_size,
        )
    return found


@pytest.mark.parametrize('name', EXPECTED)
def test_the_papers_numbers_stand_in_the_merged_config(name):
    assert facts(read(name)) == EXPECTED[name]


def test_only_pretraining_on_ucf101_repeats_its_videos_and_the_released_code_of_vspp_any():
    repeating = {name for name in EXPECTED if read(name).train_dataloader.sampler.get('repeats', 1) == 10}
    released = {name for name in EXPECTED if name.startswith('vspp') and 'released-code' in name}
    assert repeating == released | {name for name in EXPECTED if 'ucf101' in name and not name.startswith('downstream')}


SAMPLER = 'train_dataloader.dataset.pipeline.sample'
RELEASED_BY_PATH = {
    'optim_wrapper.optimizer.weight_decay': 5e-3,
    'model.data_preprocessor.mean': (0, 0, 0),
    'model.data_preprocessor.std': (1, 1, 1),
    'model.data_preprocessor.to_bgr': True,
    f'{SAMPLER}.inclusive_end': True,
    f'{SAMPLER}.overrun': 'loop',
}


@pytest.mark.parametrize(
    'released, paper, differs',
    [
        *[
            (
                f'aux_skd/aux-skd_{net}_released-code_16x1x1-25e_k100-rgb.py',
                f'aux_skd/aux-skd_{net}_16x1x1-20e_k100-rgb.py',
                {
                    'model.memory_bank.size': 15360,
                    'model.heads.distill.student_temperature': 0.1,
                    'train_cfg.max_epochs': 25,
                    f'{SAMPLER}.lookahead': 3,
                    f'{SAMPLER}.distinct_views': True,
                    **RELEASED_BY_PATH,
                },
            )
            for net in ('r2plus1d-10', 'r3d-10')
        ],
        *[
            (
                f'vspp/vspp_{net}_released-code_16x1x1-20e_k100-rgb.py',
                f'vspp/vspp_{net}_16x1x1-20e_k100-rgb.py',
                {
                    'model.heads.speed.init_cfg': None,
                    'model.heads.segment.init_cfg': None,
                    f'{SAMPLER}.lookahead': 1,
                    'train_dataloader.sampler.repeats': 10,
                    **RELEASED_BY_PATH,
                },
            )
            for net in ('r2plus1d-10', 'r3d-10')
        ],
    ],
)
def test_the_released_codes_variant_differs_from_the_papers_by_the_listed_values_alone(released, paper, differs):
    # The first is what the parts were made of, not what is built.
    released, paper = (
        {path: leaf for path, leaf in flat(read(name)._cfg_dict).items() if not path.startswith('released_code')}
        for name in (released, paper)
    )
    assert {path: leaf for path, leaf in released.items() if path not in paper or paper[path] != leaf} == differs
    assert paper.keys() <= released.keys()


# Top-1 on UCF101 and HMDB51, from Tables 1 to 4.
CITED = {
    ('aux-skd-vspp_ucf101.py', None): ['76.0', '37.4', '77.3', '38.6'],
    ('aux-skd-vspp_k100.py', 'r2plus1d-10'): ['74.0', '37.3', '76.3', '39.6'],
    ('aux-skd-vspp_k400.py', 'r2plus1d-10'): [None, None, '77.6', '40.4'],
    ('aux-skd-vspp_k400.py', 'r3d-10'): ['65.8', '28.8', '67.9', '32.6'],
    ('aux-skd-vspp_k100.py', 'r3d-10'): ['60.8', '26.3', '62.9', '33.0'],
    ('table3_temperatures.py', None): ['75.0', '76.3', '75.3', '74.9', '74.9', '75.5', '75.0'],
    ('table4_vspp_ablation.py', None): ['57.5', '57.5', '59.5', '60.8', '58.3', '59.9'],
}


@pytest.mark.parametrize('name, net', CITED)
def test_a_recipe_cites_the_papers_figures(name, net):
    assert [row.cited for row in read_recipe(name, net).table.rows] == CITED[name, net]
