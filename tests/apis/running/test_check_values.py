"""Values that no part can take, and hooks that are misspelt, are found before anything is built."""

import inspect
import os

import pytest

from videossl.apis.running.check_values import check_values, wants_number
from videossl.apis.running.launch import load_config
from videossl.compat import config_directory
from videossl.errors import ConfigError
from videossl.registry import MODELS

AUX_SKD = os.path.join(config_directory(), 'aux_skd', 'aux-skd_r3d-10_16x1x1-20e_k100-rgb.py')
PIPELINE = 'train_dataloader.dataset.pipeline'


def changed(options: dict):
    config = load_config(AUX_SKD)
    config.merge_from_dict(options)
    return config


def test_a_sound_config_passes():
    check_values(load_config(AUX_SKD))


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
            f'{PIPELINE}.1.clip_len',
            'long',
            f"{PIPELINE}.1.clip_len: SampleSegmentPace needs a number, but it is 'long'",
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
        check_values(changed({key: value}))
    assert str(error.value).startswith(words) or words in str(error.value)


def test_what_may_be_a_word_is_let_through():
    check_values(
        changed(
            {
                'default_hooks.precision.precision': 'bf16',
                'default_hooks.mine': dict(type='NotYetKnown', lr='x'),
                'default_hooks.logger': None,
            }
        )
    )

    def part(number: int, optional: 'float | None', either: 'int | str', auto: int = 'auto', anything=None):
        """Of every kind."""

    wanted = {name: wants_number(parameter) for name, parameter in inspect.signature(part).parameters.items()}
    assert wanted == dict(number=True, optional=True, either=False, auto=False, anything=False)
    assert wants_number(inspect.signature(MODELS.get('MemoryBank')).parameters['size'])
