"""The numbers of CEP and ASCNet in the merged configs, and auxSKD in front of them."""

import pytest
from config_reading import CONFIGS, read, read_recipe, steps

R2PLUS1D, RESNET = dict(type='R2Plus1D', depth=10), dict(type='ResNet3D', depth=18)
CEP, ASCNET = 'cep/cep_{}50e_k400-rgb.py', 'ascnet/ascnet_resnet3d-18_{}16x1x1-200e_k400-rgb.py'
LAPTOP = 'laptop/{}_r3d-10_16x1x1-64px-20e_videos-rgb.py'


def clip_kinds(config) -> list[str]:
    return [step.type for step in steps(config.train_dataloader.dataset.pipeline.clips.transforms)]


@pytest.mark.parametrize(
    ('name', 'backbone', 'side', 'batch'),
    [
        ('resnet3d-18_16x1x1-', RESNET, 112, 16),
        ('resnet3d-18_16x1x1-224px-', RESNET, 224, 4),
        ('r2plus1d-10_16x1x1-224px-', R2PLUS1D, 224, 4),
        (
            'r2plus1d-10_released-code_16x1x1-224px-',
            dict(temporal_groups=dict(clip_len=16, num_groups=2), **R2PLUS1D),
            224,
            4,
        ),
    ],
)
def test_cep_pretrains_as_the_released_code(name, backbone, side, batch):
    config = read(CEP.format(name))
    model, loader = config.model, config.train_dataloader
    assert model.backbone == backbone and model.pass_per_view
    projection = dict(type='ProjectionNeck', in_channels=512, out_channels=2048, num_layers=2)
    assert model.necks == dict(appearance=projection, cycle=dict(**projection, norm='layer'))
    assert model.memory_bank == dict(type='MemoryBank', size=16384, dim=2048)
    assert (tuple(model.student_views), tuple(model.teacher_views)) == ((0, 1, 2), (3, 0, 1, 2))
    assert tuple(model.enqueue) == ('appearance', 0)
    appearance, cycle = model.heads.appearance, model.heads.cycle
    assert appearance == dict(
        type='InfoNCEHead', temperature=0.07, one_softmax=True, teacher_views=appearance.teacher_views
    )
    # The key for the appearance; past, current and future for the predictions.
    assert [model.teacher_views[view] for view in appearance.teacher_views] == [3]
    assert [model.teacher_views[view] for view in cycle.teacher_views] == [0, 1, 2]
    assert (cycle.in_channels, cycle.hidden_channels, cycle.cycle_weight) == (2048, 4096, 0.1)
    assert config.custom_hooks[0] == dict(type='MomentumTeacherHook', momentum=0.99)
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == ('SGD', 0.01, 0.9, 1e-4)
    assert config.auto_scale_lr == dict(base_batch_size=64, enable=True) and config.train_cfg.max_epochs == 50
    (schedule,) = config.param_scheduler
    assert (schedule.type, schedule.T_max, schedule.eta_min_ratio) == ('CosineAnnealingLR', 50, 1e-3)
    pipeline = loader.dataset.pipeline
    assert loader.batch_size == batch and pipeline.sample == dict(type='SampleCycle', clip_len=16, fps=24)
    assert pipeline.clips.groups == [[0, 1, 2], [3]]
    assert tuple(pipeline.clips.transforms.crop.area_range) == (0.4, 1.0)
    assert tuple(pipeline.clips.transforms.resize.scale) == (side, side)
    assert clip_kinds(config) == ['RandomResizedCrop', 'Resize', 'Flip', 'RandomGray', 'VideoColorJitter']


@pytest.mark.parametrize(('data', 'classes'), [('ucf101', 101), ('hmdb51', 51)])
@pytest.mark.parametrize(('net', 'backbone'), [('resnet3d-18', RESNET), ('r2plus1d-10', R2PLUS1D)])
def test_ceps_fine_tuning_is_rspnets_at_224_pixels(data, classes, net, backbone):
    config, rspnet = (
        read(f'downstream/finetune_{name}-30e_{data}-rgb.py')
        for name in (f'{net}_cep_16x1x1-224px', 'resnet3d-18_rspnet_16x1x1')
    )
    assert config.model.backbone == backbone and config.model.cls_head.num_classes == classes
    assert config.train_dataloader.dataset.ann_file == rspnet.train_dataloader.dataset.ann_file
    assert config.test_dataloader.dataset.ann_file == rspnet.test_dataloader.dataset.ann_file
    assert config.train_cfg == rspnet.train_cfg and config.model.cls_head.average_clips == 'score'
    assert tuple(config.train_dataloader.dataset.pipeline.clips.transforms.resize.scale) == (224, 224)
    test = config.test_dataloader.dataset.pipeline
    assert test.crop.crop_size == 224 and tuple(test.resize.scale) == (-1, 224) and test.resize.keep_ratio
    assert test.sample.num_clips == 10


@pytest.mark.parametrize('shared', [True, False])
def test_ascnet_is_clip_consistency_with_a_second_task_over_a_bank(shared):
    config = read(ASCNET.format('shared-weights_' if shared else ''))
    first_half = read('clip_consistency/clip-consistency_resnet3d-18_16x1x1-200e_k400-rgb.py')
    for key in ('train_dataloader', 'optim_wrapper', 'param_scheduler', 'train_cfg', 'auto_scale_lr'):
        assert config[key] == first_half[key], key
    model = config.model
    for key in ('backbone', 'student_views', 'teacher_views', 'shuffle_teacher'):
        assert model[key] == first_half.model[key], key
    for part in ('necks', 'predictors'):
        assert model[part] == dict.fromkeys(('appearance', 'speed'), first_half.model[part].projection)
    assert model.memory_bank == dict(
        type='MemoryBank', size=16384, dim=256, embeddings=dict(speed=256), labels=model.memory_bank.labels
    )
    assert tuple(model.memory_bank.labels) == ('gt_speed', 'sample_idx') and tuple(model.enqueue) == ('appearance', 0)
    assert model.heads == dict(
        appearance=dict(type='ConsistencyHead', embedding_name='appearance', name='appearance'),
        speed=dict(type='SpeedConsistencyHead', embedding_name='speed', query_name='appearance'),
    )
    teacher = dict(type='MomentumTeacherHook', momentum=0.0 if shared else 0.99)
    assert config.custom_hooks == [teacher, dict(type='MemoryBankHook')]


def test_the_laptops_ascnet_only_watches_whether_the_video_is_found():
    model = read(LAPTOP.format('ascnet')).model
    assert model.heads.video == dict(type='InfoNCEHead', name='video', loss_weight=0.0, teacher_views=(0,))
    assert model.memory_bank.size == 255 and model.memory_bank.embeddings == dict(speed=256)
    # Positives are the other clip, which the teacher sees first; the query is the student's own clip.
    assert (tuple(model.student_views), tuple(model.teacher_views)) == ((0,), (1, 0))
    assert tuple(model.heads.appearance.teacher_views) == (0,)


def test_ascnets_views_are_those_of_clip_consistency():
    auxiliary = read('laptop/aux-skd_r3d-10_clip-consistency-views_16x1x1-64px-20e_videos-rgb.py')
    samplers = [
        config.train_dataloader.dataset.pipeline.sample for config in (auxiliary, read(LAPTOP.format('ascnet')))
    ]
    assert samplers[0] == samplers[1]


@pytest.mark.parametrize(
    ('recipe', 'net', 'figures', 'word'),
    [
        ('cep_k400.py', 'resnet3d-18', ['75.9', '36.6'], '7x7x7'),
        ('cep_k400.py', 'r2plus1d-10', ['76.7', '37.6'], '10 layers'),
        ('ascnet_k400.py', None, ['80.5', '52.3'], 'unverified'),
    ],
)
def test_recipes_cite_the_auxskd_papers_table_and_say_which_net_it_is(recipe, net, figures, word):
    rows = read_recipe(recipe, net).table.rows
    cited = [row for row in rows if row.get('cited')]
    assert [row.cited for row in cited] == figures and all(word in row.note for row in cited)
    assert [row.stages[0] == 'aux' for row in rows if not row.get('cited')] == [True, True]


def test_no_config_of_these_methods_is_left_out():
    assert len([name for name in CONFIGS if name.startswith(('cep/', 'ascnet/'))]) == 4 + 2
