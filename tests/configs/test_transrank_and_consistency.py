"""The numbers of TransRank, clip consistency and VideoMoCo in the merged configs, and auxSKD in front of them."""

import copy

import pytest
from config_reading import CONFIGS, read, read_recipe, steps

R3D, RESNET = dict(type='R3D', depth=18), dict(type='ResNet3D', depth=18)
R2PLUS1D = dict(type='TorchvisionR2Plus1D', depth=18)
MOCO = 'video_moco/video-moco_r3d-18_without-generator_{}32x1x1-200e_k400-rgb.py'
CONSISTENCY = 'clip_consistency/clip-consistency_resnet3d-18_{}16x1x1-200e_k400-rgb.py'


def clip_kinds(config) -> list[str]:
    return [step.type for step in steps(config.train_dataloader.dataset.pipeline.clips.transforms)]


def sgd(config) -> tuple:
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.momentum, optimizer.weight_decay) == ('SGD', 0.9, 1e-4)
    assert config.train_cfg.max_epochs == 200 and config.auto_scale_lr.enable
    return optimizer.lr, config.auto_scale_lr.base_batch_size


@pytest.mark.parametrize('ranked', [True, False])
def test_transrank_and_its_ablation_differ_in_one_head_alone(ranked):
    config = read(f'transrank/transrank_r3d-18_{"" if ranked else "classification_"}16x1x1-200e_ucf101-rgb.py')
    assert config.model.type == 'Pretrainer' and config.model.backbone == R3D and sgd(config) == (0.01, 64)
    pipeline = config.train_dataloader.dataset.pipeline
    assert [step.type for step in steps(pipeline)][2:] == ['DecodeClips', 'EachClip', 'RotateClips', 'PackClips']
    assert pipeline.sample.type == 'SampleTransformations' and pipeline.sample.with_rotation
    assert [tuple(pair) for pair in pipeline.sample.transformations] == [(1, False), (2, False), (1, True)]
    mlp = dict(in_channels=512, hidden_channels=512, init_cfg=None)
    rotation = dict(type='ClipClassificationHead', label='gt_rotation', num_classes=4, loss_weight=1.0, **mlp)
    own = (
        dict(ranking=dict(type='RankingHead', num_classes=3, margin=0.5, **mlp))
        if ranked
        else dict(transformation=dict(type='ClipClassificationHead', label='gt_transformation', num_classes=3, **mlp))
    )
    assert config.model.heads == dict(**own, rotation=rotation)


@pytest.mark.parametrize('one_clip', [True, False])
def test_clip_consistency_compares_each_view_with_the_other_and_has_no_bank(one_clip):
    config = read(CONSISTENCY.format('one-clip_' if one_clip else ''))
    model, pipeline = config.model, config.train_dataloader.dataset.pipeline
    assert model.backbone == RESNET and 'memory_bank' not in model and sgd(config) == (0.1, 64)
    assert [view for view in zip(model.student_views, model.teacher_views)] == [(0, 1), (1, 0)]
    assert config.custom_hooks == [dict(type='MomentumTeacherHook', momentum=0.99)]
    sampler = dict(type='SamplePace', clip_len=16, num_speeds=1 if one_clip else 2, num_views=2)
    sampler.update(dict(distinct_views=False, shared_start=True) if one_clip else dict(distinct_views=True))
    assert pipeline.sample == sampler and pipeline.clips.groups is None
    assert model.necks.projection.out_channels == model.predictors.projection.in_channels == 256


def test_the_laptops_clip_consistency_only_watches_whether_the_video_is_found():
    model = read('laptop/clip-consistency_r3d-10_16x1x1-64px-20e_videos-rgb.py').model
    assert model.heads.video == dict(
        type='InfoNCEHead', embedding_name='projection', name='video', loss_weight=0.0
    )  # fmt: skip
    assert model.heads.consistency == dict(type='ConsistencyHead') and model.memory_bank.size == 255
    assert (tuple(model.student_views), tuple(model.teacher_views)) == ((0,), (1,))


@pytest.mark.parametrize(
    ('variant', 'decay'),
    [
        ('', dict(decay=0.99999)),
        ('no-decay_', dict(decay=1.0)),
        ('released-decay_', dict(decay=0.99999, decay_place='inside', decay_unit='iterations')),
    ],
)
def test_videomoco_pretrains_as_the_released_code_but_for_the_generator(variant, decay):
    config = read(MOCO.format(variant))
    model, pipeline = config.model, config.train_dataloader.dataset.pipeline
    assert model.backbone == R3D and sgd(config) == (5e-3, 32) and config.train_dataloader.batch_size == 32
    (schedule,) = config.param_scheduler
    assert (schedule.type, list(schedule.milestones), schedule.gamma) == ('MultiStepLR', [120, 160], 0.1)
    assert model.memory_bank == dict(type='MemoryBank', size=65536, dim=128)
    assert model.necks.projection == dict(type='ProjectionNeck', in_channels=512, out_channels=128, num_layers=1)
    assert config.custom_hooks[0] == dict(type='MomentumTeacherHook', momentum=0.999)
    head = dict(type='InfoNCEHead', embedding_name='projection', name='video', temperature=0.07)
    assert model.heads == dict(video=dict(**head, **decay))
    sampler = dict(type='SamplePace', clip_len=32, num_speeds=1, num_views=2, shared_start=True)
    assert pipeline.sample == sampler and pipeline.clips.groups is None
    assert tuple(pipeline.clips.transforms.crop.area_range) == (0.2, 1.0)
    assert clip_kinds(config) == ['RandomResizedCrop', 'Resize', 'Flip', 'RandomGray', 'VideoColorJitter']


@pytest.mark.parametrize(
    ('variant', 'net', 'sees', 'decay'),
    [
        ('r3d-18_', R3D, 'adversarial', {}),
        ('torchvision-r2plus1d-18_', R2PLUS1D, 'adversarial', {}),
        ('r3d-18_released-code_', R3D, 'both', dict(decay_place='inside', decay_unit='iterations')),
    ],
)
def test_videomocos_generator_is_added_and_begins_after_half_of_the_epochs(variant, net, sees, decay):
    config = read(f'video_moco/video-moco_{variant}32x1x1-200e_k400-rgb.py')
    without = copy.deepcopy(read(MOCO.format('')))
    adversary = config.model.adversary
    assert (adversary.ratio, adversary.drop, adversary.loss_weight) == (0.25, 'smallest', 100.0)
    assert adversary.generator_sees == sees and adversary.generator.hidden_channels == 64
    assert config.custom_hooks == [*without.custom_hooks, dict(type='AdversaryHook', start_epoch=100)]
    assert config.find_unused_parameters
    without.model.heads.video.update(decay)
    assert config.model == dict(without.model, backbone=net, adversary=adversary)
    for key in ('train_dataloader', 'optim_wrapper', 'param_scheduler', 'train_cfg'):
        assert config[key] == without[key]


def test_the_laptops_generator_begins_half_way_whatever_the_number_of_epochs():
    config = read('laptop/video-moco_r3d-10_generator_16x1x1-64px-20e_videos-rgb.py')
    without = read('laptop/video-moco_r3d-10_16x1x1-64px-20e_videos-rgb.py')
    assert config.custom_hooks == [*without.custom_hooks, dict(type='AdversaryHook')]
    assert config.model == dict(without.model, adversary=dict(type='FrameDropAdversary'))
    assert config.find_unused_parameters and config.train_dataloader == without.train_dataloader


@pytest.mark.parametrize(('data', 'classes'), [('ucf101', 101), ('hmdb51', 51)])
@pytest.mark.parametrize(('name', 'net'), [('r3d-18', R3D), ('torchvision-r2plus1d-18', R2PLUS1D)])
def test_videomocos_own_fine_tuning(name, net, data, classes):
    config = read(f'downstream/finetune_{name}_video-moco_32x1x1-224px-10e_{data}-rgb.py')
    assert config.model.backbone == dict(norm_eval=True, **net) and config.model.cls_head.num_classes == classes
    assert config.model.cls_head.average_clips == 'score'
    assert (config.optim_wrapper.optimizer.lr, config.optim_wrapper.optimizer.weight_decay) == (5e-3, 1e-4)
    assert config.train_cfg.max_epochs == 10 and list(config.param_scheduler[0].milestones) == [6, 8]
    train, test = config.train_dataloader, config.test_dataloader
    assert (train.batch_size, train.sampler.repeats) == (256, 10)
    assert train.dataset.ann_file == f'{data}_train_split_1_videos.txt'
    assert test.dataset.ann_file == f'{data}_val_split_1_videos.txt'
    assert train.dataset.pipeline.sample.clip_len == test.dataset.pipeline.sample.clip_len == 32
    assert tuple(train.dataset.pipeline.clips.transforms.resize.scale) == (224, 224)
    assert test.dataset.pipeline.crop.crop_size == 224 and test.dataset.pipeline.sample.num_clips == 10


@pytest.mark.parametrize('recipe', ['transrank_ucf101.py', 'clip-consistency_k400.py'])
def test_recipes_have_the_method_alone_and_behind_auxskd_and_cite_nothing(recipe):
    """The papers' figures are of other nets, or of more than what is built here."""
    rows = read_recipe(recipe).table.rows
    assert {row.stages[0] == 'aux' for row in rows} == {True, False}
    assert not any(row.get('cited') for row in rows)
    assert {len(row.stages) for row in rows} == {2, 3}


@pytest.mark.parametrize(
    ('net', 'cited', 'elsewhere'),
    [('r3d-18', ['74.1', '43.6'], []), ('torchvision-r2plus1d-18', ['78.7', '49.2'], ['82.5'])],
)
def test_videomocos_recipe_cites_the_figures_beside_the_whole_method_alone(net, cited, elsewhere):
    recipe = read_recipe('video-moco_k400.py', net)
    rows = recipe.table.rows
    assert [len(row.stages) for row in rows] == [2, 3] * 4
    assert [row.cited for row in rows if row.get('cited')] == cited
    assert [row.cited_elsewhere for row in rows if row.get('cited_elsewhere')] == elsewhere
    for row in rows:
        whole = 'without-generator' not in recipe.stages[row.stages[-2]].config
        assert bool(row.get('cited')) == (whole and len(row.stages) == 2)
        assert ('without generator' in row.name) == (not whole)


def test_no_config_of_these_methods_is_left_out():
    folders = ('transrank/', 'clip_consistency/', 'video_moco/')
    assert len([name for name in CONFIGS if name.startswith(folders)]) == 2 + 2 + 7


def test_clip_contrast_draws_two_natural_clips_of_each_video_once_an_epoch():
    config = read('laptop/clip-contrast_r3d-10_16x1x1-64px-200e_videos-rgb.py')
    assert config.model.type == 'Pretrainer', 'no teacher and no bank'
    assert config.model.heads == dict(contrast=dict(type='NTXentHead', positives='same_context', loss_weight=1.0))
    loader = config.train_dataloader
    sample = loader.dataset.pipeline.sample
    assert (sample.type, sample.num_views, sample.num_speeds) == ('SamplePace', 2, 1)
    assert loader.sampler.repeats == 1 and loader.drop_last, 'no video is its own negative'
    assert clip_kinds(config) == ['Resize', 'RandomResizedCrop', 'Flip', 'Resize']
