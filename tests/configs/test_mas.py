"""The numbers of MAS and STS in the merged configs, and auxSKD in front of them."""

import pytest
from config_reading import CONFIGS, read, read_recipe, steps

NETS = {'c3d': dict(type='C3D'), 'r3d-10': dict(type='R3D', depth=10), 'r2plus1d-10': dict(type='R2Plus1D', depth=10)}
PIXELS = dict(type='ClipDataPreprocessor', mean=(0, 0, 0), std=(1, 1, 1), to_bgr=True)


def clip_kinds(config) -> list[str]:
    return [step.type for step in steps(config.train_dataloader.dataset.pipeline.clips.transforms)]


def check_task(config, init_cfg):
    motion = dict(type='RegressionHead', in_channels=512, num_targets=14, label='gt_motion_statistics', loss_weight=1.0)
    motion['init_cfg'] = init_cfg
    appearance = dict(motion, num_targets=13, label='gt_appearance_statistics', loss_weight=0.1)
    assert config.model.type == 'Pretrainer' and config.model.heads == dict(motion=motion, appearance=appearance)
    assert {key: config.model.data_preprocessor[key] for key in PIXELS} == PIXELS
    pipeline = config.train_dataloader.dataset.pipeline
    assert [step.type for step in steps(pipeline)][2:] == [
        'DecodeClips', 'EachClip', 'MotionStatistics', 'AppearanceStatistics', 'PackClips'
    ]  # fmt: skip
    assert pipeline.sample == dict(type='SamplePace', clip_len=16, num_speeds=1)
    assert config.train_dataloader.batch_size == 30 and pipeline.clips.transforms.crop.size == 112
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.momentum, optimizer.weight_decay) == ('SGD', 0.9, 5e-3)
    return optimizer.lr


@pytest.mark.parametrize('net', NETS)
def test_sts_pretrains_as_the_released_code(net):
    config = read(f'mas/sts_{net}_16x1x1-18e_ucf101-rgb.py')
    assert check_task(config, None) == 5e-4 and config.model.backbone == NETS[net]
    assert clip_kinds(config) == ['Resize', 'RandomCrop', 'Flip']
    (schedule,) = config.param_scheduler
    assert (schedule.type, schedule.step_size, schedule.gamma, schedule.by_epoch) == ('StepLR', 6, 0.1, True)
    assert config.train_cfg.max_epochs == 18 and config.train_dataloader.sampler.repeats == 10
    assert config.optim_wrapper.paramwise_cfg == dict(custom_keys={'.bias': dict(lr_mult=2)})


@pytest.mark.parametrize(('name', 'videos'), [('252e_ucf101', 9537), ('10e_k400', 240_000)])
def test_mas_pretrains_for_eighty_thousand_iterations_as_the_released_code(name, videos):
    config = read(f'mas/mas_c3d_16x1x1-{name}-rgb.py')
    assert (
        check_task(config, dict(type='Normal', layer='Linear', std=0.01)) == 1e-3
        and config.model.backbone == NETS['c3d']
    )
    assert clip_kinds(config) == ['Resize', 'RandomCrop']
    (schedule,) = config.param_scheduler
    assert (schedule.type, schedule.step_size, schedule.gamma, schedule.by_epoch) == ('StepLR', 20000, 0.1, False)
    assert config.train_dataloader.sampler.get('repeats', 1) == 1
    assert -(-videos // 30) * config.train_cfg.max_epochs == pytest.approx(80_000, rel=5e-3)


def test_weight_decay_of_mas_is_on_the_weights_of_the_last_layers_alone():
    from videossl.engine.optim_wrappers import TrainableOptimWrapperConstructor
    from videossl.registry import MODELS

    config = read('mas/mas_c3d_16x1x1-252e_ucf101-rgb.py')
    model = MODELS.build({**config.model, 'backbone': dict(type='C3D', base_channels=2), 'heads': {
        name: {**head, 'in_channels': 16} for name, head in config.model.heads.items()}})  # fmt: skip
    settings = config.optim_wrapper.to_dict()
    settings.pop('constructor')
    wrapper = TrainableOptimWrapperConstructor(settings, settings.pop('paramwise_cfg'))(model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for group in wrapper.optimizer.param_groups:
        for name in (names[id(parameter)] for parameter in group['params']):
            assert group['lr'] == pytest.approx(2e-3 if name.endswith('bias') else 1e-3), name
            decays = name.startswith('heads') and name.endswith('weight')
            assert group['weight_decay'] == (5e-3 if decays else 0), name


@pytest.mark.parametrize('net', NETS)
@pytest.mark.parametrize(('data', 'classes'), [('ucf101', 101), ('hmdb51', 51)])
def test_fine_tuning_is_the_auxskd_papers_at_the_pixels_of_the_pretraining(net, data, classes):
    own = read(f'downstream/finetune_{net}_mas_16x1x1-25e_{data}-rgb.py')
    paper = read(f'downstream/finetune_{net}_16x1x1-25e_{data}-rgb.py')
    assert own.model.cls_head.num_classes == classes
    assert {key: own.model.data_preprocessor[key] for key in PIXELS} == PIXELS
    for key in ('optim_wrapper', 'param_scheduler', 'train_cfg', 'train_dataloader', 'test_dataloader'):
        assert own[key] == paper[key]
    assert own.model.backbone == paper.model.backbone


def test_recipes_cite_what_others_quote():
    rows = [(row.name, row.get('cited')) for row in read_recipe('mas.py').table.rows]
    assert [row for row in rows if row[1]] == [('MAS, C3D, K-400, UCF101', '61.2'), ('MAS, C3D, K-400, HMDB51', '33.4')]
    assert not any(row.get('cited') for net in NETS for row in read_recipe('sts_ucf101.py', net).table.rows)


def test_no_config_of_the_method_is_left_out():
    assert len([name for name in CONFIGS if name.startswith('mas/')]) == 2 + len(NETS)
    assert len([name for name in CONFIGS if name.startswith('downstream/') and '_mas_' in name]) == 2 * len(NETS)
