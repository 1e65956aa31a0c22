"""The human prior's numbers, from its paper and RSPNet's released code, in the merged configs, written a second time."""

import re

import pytest
from config_reading import CONFIGS, flat, read

from videossl.registry import MODELS, TRANSFORMS
from videossl.wrappers import innermost_dataset

R2PLUS1D, C3D = dict(net=('R2Plus1D', 10), lr=0.05), dict(net=('C3D', None), lr=0.1)
LIP = dict(dataset='lip', checkpoint='checkpoints/exp-schp-201908261155-lip.pth')
PRETRAINING = dict(
    branches=('human', 'contrast'),
    reads=('contrast', 'contrast', 'human'),
    weights=(1.0, 1.0, 1.0),
    classes=20,
    teacher=LIP,
    map_size=(56, 56),
    decoder=(512, 256, 128, 64),
    middle_frame=True,
    maps=None,
    view=0,
)
SHARED = dict(branches=None, reads=(None, None, None))
CACHED = dict(teacher=None, middle_frame=False, maps=('LoadParsingMap', 'data/kinetics400/parsing_lip', (56, 56), 0))
EXPECTED = {
    'r2plus1d-10': {**R2PLUS1D},
    'c3d': {**C3D},
    'r2plus1d-10_shared': {**R2PLUS1D, **SHARED},
    'c3d_shared': {**C3D, **SHARED},
    'r2plus1d-10_cached-maps': {**R2PLUS1D, **CACHED},
    'c3d_cached-maps': {**C3D, **CACHED},
    'r2plus1d-10_atr': dict(
        **R2PLUS1D, classes=18, teacher=dict(dataset='atr', checkpoint='checkpoints/exp-schp-201908301523-atr.pth')
    ),
    'r2plus1d-10_pascal-person-part': dict(
        **R2PLUS1D,
        classes=7,
        teacher=dict(
            dataset='pascal-person-part', checkpoint='checkpoints/exp-schp-201908270938-pascal-person-part.pth'
        ),
    ),
}
WITHOUT = {f'{net}_without-distillation' for net in ('r2plus1d-10', 'c3d')}
# What the paper takes from RSPNet; that these are RSPNet's numbers is shown by test_rspnet.py.
SAME_AS_RSPNET = ('optim_wrapper', 'param_scheduler', 'train_cfg', 'auto_scale_lr', 'custom_hooks', 'randomness')


def pretraining(name):
    return read(f'human_prior/human-prior_{name}_16x1x1-200e_k400-rgb.py')


def test_the_tables_name_every_pretraining_config():
    names = {f'human_prior/human-prior_{name}_16x1x1-200e_k400-rgb.py' for name in {*EXPECTED, *WITHOUT}}
    assert names == {name for name in CONFIGS if name.startswith('human_prior/')}


@pytest.mark.parametrize('name', EXPECTED)
def test_the_numbers_of_the_paper_and_of_the_decisions_stand_in_the_merged_config(name):
    config = pretraining(name)
    model, backbone = config.model, config.model.backbone
    parsing = dict(model.heads.parsing)
    teacher = parsing.pop('teacher')
    if teacher is not None:
        teacher = dict(teacher)
        assert teacher.pop('type') == 'SCHP'
    head = MODELS.build(parsing)
    branched = backbone.type == 'BranchedBackbone'
    if branched:
        assert backbone.output == 'branches'
        built = MODELS.build(dict(backbone, backbone=dict(backbone.backbone, base_channels=2)))
        assert built.num_shared_stages == 3  # conv1 to conv3 (C3D: conv3b)
    net = backbone.backbone if branched else backbone
    pipeline = innermost_dataset(config.train_dataloader.dataset).pipeline
    maps = [part for part in pipeline if part.type == 'LoadParsingMap']
    loader = TRANSFORMS.build(maps[0]) if maps else None
    necks = {neck: MODELS.build(part) for neck, part in model.necks.items()}
    found = dict(
        net=(net.type, net.get('depth')),
        lr=config.optim_wrapper.optimizer.lr,
        branches=tuple(built.branch_names) if branched else None,
        reads=tuple(necks[neck].branch for neck in ('appearance', 'motion', 'human_map')),
        weights=tuple(
            MODELS.build({key: value for key, value in model.heads[name].items() if key != 'teacher'}).loss_weight
            for name in ('appearance', 'motion', 'parsing')
        ),
        classes=head.num_classes,
        teacher=teacher,
        map_size=head.size,
        view=head.view,
        decoder=(head.decoder[0].conv.in_channels, *(block.conv.out_channels for block in head.decoder)),
        middle_frame=pipeline[3].get('keep_middle_frame', False),
        maps=loader and (maps[0].type, loader.folder, loader.size, loader.view),
    )
    assert found == {**PRETRAINING, **EXPECTED[name]}
    assert head.embedding == 'human_map' and type(necks['human_map']).__name__ == 'MapNeck'
    assert list(model.student_views) == [head.view], 'the clip that is taught is the query'


@pytest.mark.parametrize('name', EXPECTED)
def test_clips_bank_contrast_and_schedule_are_rspnets(name):
    config, rspnet = pretraining(name), read(f'rspnet/rspnet_{name.split("_")[0]}_16x1x1-200e_k400-rgb.py')
    for key in SAME_AS_RSPNET:
        assert config[key] == rspnet[key], key
    ours, theirs = (flat(loaded.train_dataloader) for loaded in (config, rspnet))
    if 'cached-maps' not in name:
        assert ours.pop('dataset.pipeline.3.keep_middle_frame') is True
        assert ours == theirs
    else:
        pipeline = config.train_dataloader.dataset.pipeline
        kinds = [part.type for part in pipeline]
        assert kinds.index('LoadParsingMap') == kinds.index('EachClip') + 1 == kinds.index('PackClips') - 1
        assert not pipeline[3].keep_middle_frame
        without = [dict(part) for part in pipeline if part.type != 'LoadParsingMap']
        without[3].pop('keep_middle_frame')
        assert without == rspnet.train_dataloader.dataset.pipeline
    for key in ('memory_bank', 'student_views', 'teacher_views', 'enqueue', 'shuffle_teacher'):
        assert config.model[key] == rspnet.model[key], key
    for part in ('appearance', 'motion'):
        assert {**rspnet.model.heads[part], 'loss_weight': 1.0} == config.model.heads[part]
        assert {**rspnet.model.necks[part], 'branch': config.model.necks[part].branch} == config.model.necks[part]


@pytest.mark.parametrize('net', ['r2plus1d-10', 'c3d'])
def test_without_distillation_is_rspnet_key_for_key(net):
    ours, rspnet = pretraining(f'{net}_without-distillation'), read(f'rspnet/rspnet_{net}_16x1x1-200e_k400-rgb.py')
    assert ours._cfg_dict == rspnet._cfg_dict


def test_missing_weights_are_an_error_that_says_where_they_come_from():
    with pytest.raises(FileNotFoundError) as error:
        MODELS.build(pretraining('r2plus1d-10').model)
    for part in ('exp-schp-201908261155-lip.pth', 'Google Drive', 'model.heads.parsing.teacher.checkpoint=PATH'):
        assert part in str(error.value)


# --- fine-tuning ----------------------------------------------------------------------------------------------------

COSINE = [('CosineAnnealingLR', 100, 1e-3)]
# RSPNet's fine-tuning, but for 100 epochs; C3D on HMDB51 has 100 there too, and steps. Batch: per process times processes.
FINETUNING = {
    ('r2plus1d-10', 'ucf101'): dict(net=('R2Plus1D', 10), batch=8 * 4, lr=0.1, schedule=COSINE),
    ('r2plus1d-10', 'hmdb51'): dict(net=('R2Plus1D', 10), batch=16 * 2, lr=0.1, schedule=COSINE),
    ('c3d', 'ucf101'): dict(net=('C3D', None), batch=20 * 4, lr=0.005, schedule=COSINE),
    ('c3d', 'hmdb51'): dict(net=('C3D', None), batch=6 * 2, lr=0.005, schedule=[('MultiStepLR', [50, 70, 90], 0.1)]),
}


@pytest.mark.parametrize('both_branches', [True, False])
@pytest.mark.parametrize(('net', 'data'), FINETUNING)
def test_fine_tuning_takes_100_epochs_and_the_channels_of_both_branches(net, data, both_branches):
    name = f'human-prior-{net}' if both_branches else f'{net}_rspnet'
    config = read(f'downstream/finetune_{name}_16x1x1-100e_{data}-rgb.py')
    backbone, head = config.model.backbone, config.model.cls_head
    if both_branches:
        assert backbone.type == 'BranchedBackbone' and set(backbone) == {'type', 'backbone'}
        built = MODELS.build(dict(backbone, backbone=dict(backbone.backbone, base_channels=4)))
        assert built.output == 'concat' and built.branch_names == ['human', 'contrast']
        assert built.out_channels * 16 == head.in_channels
    inner = backbone.backbone if both_branches else backbone
    found = dict(
        net=(inner.type, inner.get('depth')),
        batch=config.train_dataloader.batch_size,
        lr=config.optim_wrapper.optimizer.lr,
        schedule=[
            (entry.type, entry.get('T_max', entry.get('milestones')), entry.get('eta_min_ratio', entry.get('gamma')))
            for entry in config.param_scheduler
        ],
    )
    assert found == FINETUNING[net, data]
    assert config.train_cfg.max_epochs == 100
    assert (head.in_channels, head.num_classes) == (1024 if both_branches else 512, dict(ucf101=101, hmdb51=51)[data])
    assert data in config.train_dataloader.dataset.ann_file and data in config.test_dataloader.dataset.ann_file
    assert (head.dropout_ratio, head.average_clips, config.get('val_dataloader')) == (0.0, 'score', None)


# --- recipes --------------------------------------------------------------------------------------------------------

# Table 2: top-1/top-5 on UCF101, then HMDB51, of w/o KD, TI and the full model.
CITED = {
    'c3d': ['77.6/93.7', '45.4/75.7', '79.3/92.1', '44.8/67.5', '80.4/95.7', '46.1/78.4'],
    'r2plus1d-10': ['79.4/94.3', '43.0/74.5', '80.1/94.3', '44.6/74.4', '81.6/95.3', '46.1/74.8'],
}


@pytest.mark.parametrize('net', CITED)
def test_the_recipe_has_all_rows_of_table_2_with_their_figures(net):
    recipe = read(f'recipes/human_prior_{net}.py')
    rows = recipe.table.rows
    assert [row.cited for row in rows] == CITED[net]
    assert [row.name.split(',')[0] for row in rows] == ['w/o KD'] * 2 + ['TI'] * 2 + ['full model'] * 2
    infixes = ['_without-distillation'] * 2 + ['_shared'] * 2 + [''] * 2
    for row, infix, data in zip(rows, infixes, ['ucf101', 'hmdb51'] * 3):
        pretext, finetune = (recipe.stages[stage] for stage in row.stages)
        assert pretext.config == f'../human_prior/human-prior_{net}{infix}_16x1x1-200e_k400-rgb.py'
        tuned = f'{net}_rspnet' if infix else f'human-prior-{net}'
        assert finetune.config == f'../downstream/finetune_{tuned}_16x1x1-100e_{data}-rgb.py'
        assert finetune.init_from == row.stages[0] and row.name.lower().endswith(data)
    assert recipe.table.chance == dict(acc_motion=0.5)


def test_auxskd_in_front_has_clips_of_the_same_sampler_and_no_figures():
    recipe = read('recipes/aux-skd-human-prior_r2plus1d-10_k400.py')
    assert not any('cited' in row for row in recipe.table.rows)
    assert recipe.stages.human_prior.init_from == 'aux'
    aux, k100 = (read(f'aux_skd/aux-skd_r2plus1d-10_rspnet-views_16x1x1-20e_k{size}-rgb.py') for size in (400, 100))
    differing = {path for path, leaf in flat(aux.train_dataloader).items() if flat(k100.train_dataloader)[path] != leaf}
    assert differing == {'dataset.data_root', 'dataset.ann_file'} and aux.model == k100.model
    assert aux.train_dataloader.dataset.ann_file == 'kinetics400_train_list_videos.txt'


# --- the laptop's ---------------------------------------------------------------------------------------------------


def test_the_laptop_configs_are_small_and_keep_the_method():
    videos, shapes = (
        read(f'laptop/human-prior_r3d-10_16x1x1-64px-20e_{data}-rgb.py') for data in ('videos', 'moving-shapes')
    )
    rspnet, paper = read('laptop/rspnet_r3d-10_16x1x1-64px-20e_videos-rgb.py'), pretraining('r2plus1d-10')
    for config in (videos, shapes):
        assert config.model.memory_bank == rspnet.model.memory_bank and config.custom_hooks == rspnet.custom_hooks
        for key in ('optim_wrapper', 'param_scheduler', 'train_cfg'):
            assert config[key] == rspnet[key], key
        assert config.model.backbone.backbone.type == 'R3D' and config.model.necks == paper.model.necks
        assert config.model.heads.parsing['size'] is None  # 32x32 from clips of 64x64
        assert config.train_dataloader.batch_size == 32 and config.train_dataloader.drop_last
    pipelines = [innermost_dataset(config.train_dataloader.dataset).pipeline for config in (rspnet, videos, shapes)]
    assert pipelines[1][3] == {**pipelines[0][3], 'keep_middle_frame': True}
    assert [part.type for part in pipelines[2]] == [
        'VideoReaderInit',
        'SampleRelativeSpeed',
        'DecodeClips',
        'EachClip',
        'LoadShapeMask',
        'PackClips',
    ]
    assert pipelines[2][3] == {**pipelines[0][3], 'keep_middle_frame': False}
    assert videos.model.heads.parsing.teacher == paper.model.heads.parsing.teacher
    assert (shapes.model.heads.parsing.num_classes, shapes.model.heads.parsing.teacher) == (2, None)
    dataset = innermost_dataset(shapes.train_dataloader.dataset)
    assert (dataset.data_root, dataset.ann_file) == ('data/moving_shapes', 'train.txt')


def test_the_log_shows_the_parsings_quality_as_means_over_the_window():
    pattern = re.compile(read('_base_/default_runtime.py').log_processor.mean_pattern)
    for name in ('miou_parsing', 'miou_parts', 'miou_parsing_constant', 'kl_parsing', 'loss_parsing', 'std_teacher'):
        assert pattern.match(name), name
    assert not pattern.match('lr')
