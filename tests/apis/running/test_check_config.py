"""Values that no part can take, and hooks that are misspelt, are found before anything is built."""

import inspect
import os

import pytest
from mmengine.config import Config

from videossl.apis.running.check_config import check_config, wants_number
from videossl.compat import config_directory
from videossl.config_files import load_config
from videossl.errors import ConfigError
from videossl.registry import MODELS

AUX_SKD = os.path.join(config_directory(), 'aux_skd', 'aux-skd_r3d-10_16x1x1-20e_k100-rgb.py')
PIPELINE = 'train_dataloader.dataset.pipeline'


def changed(options: dict):
    config = load_config(AUX_SKD)
    config.merge_from_dict(options)
    return config


def test_a_sound_config_passes():
    check_config(load_config(AUX_SKD))


@pytest.mark.parametrize(
    ('key', 'value', 'words'),
    [
        ('optim_wrapper.optimizer.lr', 'fast', "optim_wrapper.optimizer.lr: SGD needs a number, but it is 'fast'"),
        ('param_scheduler.0.step_size', 'x', "param_scheduler.0.step_size: StepLR needs a number, but it is 'x'"),
        ('model.memory_bank.size', 'big', "model.memory_bank.size: MemoryBank needs a number, but it is 'big'"),
        (
            'custom_hooks.0.momentum',
            'high',
            "custom_hooks.0.momentum: MomentumTeacherHook needs a number, but it is 'high'",
        ),
        (
            f'{PIPELINE}.sample.clip_len',
            'long',
            f"{PIPELINE}.sample.clip_len: SampleSegmentPace needs a number, but it is 'long'",
        ),
        (
            'default_hooks.checkpoint.interval',
            'often',
            'default_hooks.checkpoint.interval: PlainCheckpointHook needs a number',
        ),
        (
            'train_dataloader.batch_size',
            'two',
            "train_dataloader.batch_size must be a whole number of at least 1, but is 'two'",
        ),
        (
            'train_dataloader.batch_size',
            0,
            'train_dataloader.batch_size must be a whole number of at least 1, but is 0',
        ),
        (
            'train_dataloader.num_workers',
            -1,
            'train_dataloader.num_workers must be a whole number of at least 0, but is -1',
        ),
        ('train_cfg.max_epochs', 1.5, 'train_cfg.max_epochs must be a whole number of at least 1, but is 1.5'),
        ('train_cfg.max_epochs', True, 'train_cfg.max_epochs must be a whole number'),
        ('randomness', dict(seed='abc'), "randomness.seed must be a whole number of at least 0, but is 'abc'"),
        (
            'optim_wrapper.accumulative_counts',
            0,
            'optim_wrapper.accumulative_counts must be a whole number of at least 1',
        ),
        (
            'model.necks.projection.in_channels',
            0,
            'model.necks.projection.in_channels must be a whole number of at least 1, but is 0',
        ),
        (
            'model.heads.distill.loss_weight',
            None,
            'model.heads.distill.loss_weight: SimilarityDistillHead needs a number',
        ),
        ('model.heads.distill.loss_weight', [1], 'SimilarityDistillHead needs a number, but it is [1]'),
        (
            'model.shuffle_teacher',
            'no',
            "model.shuffle_teacher: MomentumPretrainer needs True or False, but it is 'no'",
        ),
        ('model.pass_per_view', None, 'model.pass_per_view: MomentumPretrainer needs True or False, but it is None'),
        (
            'model.heads.distill.embedding_name',
            3,
            'model.heads.distill.embedding_name: SimilarityDistillHead needs a text, but it is 3',
        ),
        ('model.memory_bank', [], 'model.memory_bank: MomentumPretrainer needs a dict of settings, but it is []'),
        ('model.student_views', 0, 'model.student_views: MomentumPretrainer needs a list, but it is 0'),
        ('model.teacher_views', None, 'model.teacher_views: MomentumPretrainer needs a list, but it is None'),
        (
            f'{PIPELINE}.sample',
            dict(type='SampleFrames', clip_len=16, frame_interval=0, _delete_=True),
            f'{PIPELINE}.sample.frame_interval must be a whole number of at least 1, but is 0',
        ),
        ('model.backbone.base_channels', 2.5, 'model.backbone.base_channels must be a whole number of at least 1'),
        ('log_level', 'LOUD', "log_level must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, but is 'LOUD'"),
        ('custom_hooks', 'MemoryBankHook', 'custom_hooks must be a list of settings'),
        ('custom_hooks', ['MemoryBankHook'], 'custom_hooks must be a list of settings'),
        (
            'default_hooks.chekpoint',
            dict(type='PlainCheckpointHook'),
            'there is no hook "chekpoint"; did you mean "checkpoint"?',
        ),
    ],
)
def test_a_value_that_no_part_can_take_is_named_with_its_key(key, value, words):
    with pytest.raises(ConfigError) as error:
        check_config(changed({key: value}))
    assert str(error.value).startswith(words) or words in str(error.value)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (
            {'default_hooks.checkpoint.save_best': 'acc/top1'},
            "default_hooks.checkpoint.save_best='acc/top1' chooses by",
        ),
        ({'val_dataloader': 1}, 'val_dataloader must be a dict of settings, but is 1'),
        ({'load_from': 'nowhere.pth'}, 'load_from: there is no checkpoint nowhere.pth'),
        (
            {'train_dataloader.bach_size': 2},
            'train_dataloader: DataLoader has no argument "bach_size"; did you mean "batch_size"',
        ),
        (
            {'custom_hooks': [dict(type='MemoryBankHok')]},
            'custom_hooks.0: there is no hook "MemoryBankHok"; did you mean',
        ),
        ({'train_cfg.type': 'ResumableLoop'}, 'train_cfg: there is no loop "ResumableLoop"'),
        ({'model.init_cfg': {}}, 'model.init_cfg must be None, an initialiser such as'),
        ({'model.backbone.init_cfg': [dict(checkpoint='a.pth')]}, 'model.backbone.init_cfg must be None'),
    ],
)
def test_contradictions_and_unknown_names_are_refused(options, words):
    if words is None:
        check_config(
            changed(options)
        )  # its arguments go to the classes that it is derived from, which is not looked into
        return
    with pytest.raises(ConfigError) as error:
        check_config(changed(options))
    assert str(error.value).startswith(words)


def test_types_without_a_prefix_are_those_of_the_default_scope():
    """A config of mmaction2's means mmaction2's C3D, which has an argument that ours has not."""
    backbone = dict(type='C3D', pretrained='nowhere.pth')
    model = dict(type='Recognizer3D', backbone=backbone, cls_head=dict(type='I3DHead', num_classes=2, in_channels=8))
    check_config(Config(dict(default_scope='mmaction', model=model)))
    with pytest.raises(ConfigError, match='model.backbone: C3D has no argument "pretrained"'):
        check_config(Config(dict(default_scope='videossl', model=model)))
    with pytest.raises(ConfigError, match='model.backbone: C3D has no argument "pretrained"'):
        check_config(
            Config(dict(default_scope='mmaction', model=dict(model, backbone=dict(backbone, type='videossl.C3D'))))
        )


def test_what_may_be_a_word_is_let_through():
    check_config(changed({'default_hooks.precision.precision': 'bf16', 'default_hooks.logger': None}))

    def part(number: int, optional: 'float | None', either: 'int | str', auto: int = 'auto', anything=None):
        """Of every kind."""

    wanted = {name: wants_number(parameter) for name, parameter in inspect.signature(part).parameters.items()}
    assert wanted == dict(number=True, optional=True, either=False, auto=False, anything=False)
    assert wants_number(inspect.signature(MODELS.get('MemoryBank')).parameters['size'])
