"""What the configs of configs/evaluation say, written down a second time."""

import pytest
from config_reading import CONFIGS, read

from videossl.engine import FeatureTestLoop
from videossl.registry import LOOPS, MODELS

LINEAR = [name for name in CONFIGS if '/linear_' in name]
FEATURES = [name for name in CONFIGS if '/features_' in name]


def test_the_configs_are_there():
    nets = [('c3d', 'ucf101'), *((net, data) for net in ('r2plus1d-10', 'r3d-10') for data in ('ucf101', 'hmdb51'))]
    assert {name for name in LINEAR if name.startswith('evaluation')} == {
        f'evaluation/linear_{net}_16x1x1-100e_{data}-rgb.py' for net, data in nets
    }
    assert {name for name in FEATURES if name.startswith('evaluation')} == {
        f'evaluation/features_{net}_16x1x1_{data}-rgb.py' for net, data in nets
    }


@pytest.mark.parametrize('name', LINEAR)
def test_a_linear_probe_trains_nothing_but_the_classifier_and_no_statistics(name):
    config = read(name)
    model = MODELS.build(
        dict(
            config.model,
            backbone=dict(config.model.backbone, base_channels=4),
            cls_head=dict(config.model.cls_head, in_channels=32),
        )
    ).train()
    assert {key for key, value in model.named_parameters() if value.requires_grad} == {
        'cls_head.fc_cls.weight',
        'cls_head.fc_cls.bias',
    }
    assert not any(module.training for module in model.backbone.modules() if 'Norm' in type(module).__name__)
    assert model.cls_head.dropout_ratio == 0 and model.cls_head.average_clips == 'prob'


@pytest.mark.parametrize('name', LINEAR)
def test_a_linear_probe_is_trained_as_coclrs(name):
    config = read(name)
    laptop = name.startswith('laptop')
    assert dict(config.optim_wrapper.optimizer) == dict(type='Adam', lr=1e-2 if laptop else 1e-3, weight_decay=1e-3)
    (schedule,) = config.param_scheduler
    assert (list(schedule.milestones), schedule.gamma, config.train_cfg.max_epochs) == (
        ([12, 17], 0.1, 20) if laptop else ([60, 80], 0.1, 100)
    )
    classes = 51 if 'hmdb51' in name else 10 if laptop else 101
    assert config.model.cls_head.num_classes == classes
    net = dict(r2plus1d='R2Plus1D', r3d='R3D', c3d='C3D')[name.rpartition('/')[2].split('_')[1].split('-')[0]]
    assert config.model.backbone.type == net and config.model.backbone.get('depth', 10) == 10
    assert config.test_dataloader.dataset.pipeline.sample.num_clips == 10
    assert config.get('val_dataloader') is None


@pytest.mark.parametrize('name', FEATURES)
def test_features_are_tested_on_the_lists_of_the_data_set(name):
    config = read(name)
    assert config.test_cfg.type == FeatureTestLoop.__name__ and LOOPS.get('FeatureTestLoop') is FeatureTestLoop
    lists = config.test_cfg.train_list, config.test_dataloader.dataset.ann_file
    data = next((data for data in ('ucf101', 'hmdb51') if data in name), None)
    assert lists == (
        (f'{data}_train_split_1_videos.txt', f'{data}_val_split_1_videos.txt') if data else ('train.txt', 'test.txt')
    )
    assert config.test_cfg.protocol == 'auxskd'
    assert config.test_cfg.get('size', 112) == (112 if data else 64)
