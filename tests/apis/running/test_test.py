"""The arguments of tools/test.py."""

import json
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch import nn

from videossl.apis.running import test as test_api
from videossl.errors import ConfigError
from videossl.registry import DATA_SAMPLERS

CONFIGS = Path(__file__).parents[3] / 'configs'
VSPP = str(CONFIGS / 'vspp' / 'vspp_r3d-10_16x1x1-20e_k100-rgb.py')
FINETUNE = str(CONFIGS / 'downstream' / 'finetune_r3d-10_16x1x1-25e_ucf101-rgb.py')


def config_from(*argv):
    return test_api.config_for_testing(test_api.parse_args([str(argument) for argument in argv]))


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    path.write_bytes(b'')
    return path


def test_a_pretraining_config_without_videos_is_refused_with_where_to_look(checkpoint):
    with pytest.raises(ConfigError) as error:
        config_from(VSPP, checkpoint)
    assert all(word in str(error.value) for word in [VSPP, 'test_dataloader', '--data-root', 'configs/downstream'])


def test_a_pretraining_config_tests_its_pretext_task_on_the_videos_named(checkpoint):
    config = config_from(VSPP, checkpoint, '--data-root', 'mine', '--ann-file', 'unseen.txt')
    assert config.test_cfg.type == 'videossl.PretextTestLoop' and config.train_dataloader is None
    loader = config.test_dataloader
    assert (loader.dataset.data_root, loader.dataset.ann_file) == ('mine', 'unseen.txt')
    assert loader.sampler.shuffle is False and loader.drop_last is False
    assert loader.dataset.pipeline.sample.type == 'SampleSegmentPace'
    with pytest.raises(ConfigError, match='--dump.*predictions'):
        config_from(VSPP, checkpoint, '--data-root', 'mine', '--dump', 'scores.pkl')


@pytest.mark.parametrize(
    'sampler',
    [
        ['train_dataloader.sampler.endless=True'],
        ['train_dataloader.sampler.type=InfiniteSampler', 'train_dataloader.sampler.seed=4'],
        ['train_dataloader.sampler.type=mmengine.InfiniteSampler'],
    ],
    ids=lambda options: options[0].partition('sampler.')[2],
)
def test_an_endless_pretraining_is_tested_on_each_video_once(checkpoint, sampler):
    config = config_from(VSPP, checkpoint, '--data-root', 'mine', '--cfg-options', *sampler)
    built = DATA_SAMPLERS.build(config.test_dataloader.sampler, default_args=dict(dataset=range(3)))
    draws = list(islice(built, 40))
    assert draws == built.repeats * [0, 1, 2] and len(draws) < 40
    assert len(sampler) == 1 or built.seed == 4


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(ConfigError, match='there is no checkpoint .*gone.pth'):
        config_from(FINETUNE, tmp_path / 'gone.pth')


def test_the_checkpoint_is_loaded_and_nothing_of_training_is_built(checkpoint):
    config = config_from(FINETUNE, checkpoint, '--data-root', 'mine', '--ann-file', 'test.txt', '--amp')
    assert config.load_from == str(checkpoint) and not config.resume
    assert config.train_dataloader is config.train_cfg is config.optim_wrapper is config.param_scheduler is None
    assert config.custom_hooks == [dict(type='videossl.WholeCheckpointHook')]
    dataset = config.test_dataloader.dataset
    assert (dataset.data_root, dataset.ann_file, dataset.data_prefix.video) == ('mine', 'test.txt', '')
    assert dataset.test_mode is True and dataset.num_classes == config.model.cls_head.num_classes


def test_dump_is_added_to_the_evaluators_and_needs_a_pickle_file(checkpoint):
    config = config_from(FINETUNE, checkpoint, '--dump', 'scores.pkl')
    assert [evaluator.type for evaluator in config.test_evaluator] == ['AccMetric', 'DumpResults']
    assert config.test_evaluator[1].out_file_path == 'scores.pkl'
    with pytest.raises(ConfigError, match='.pkl.*scores.json'):
        config_from(FINETUNE, checkpoint, '--dump', 'scores.json')


def test_the_metrics_are_written_as_json(monkeypatch, tmp_path, checkpoint):
    runner = SimpleNamespace(model=nn.Identity(), hooks=[], test=lambda: {'acc/top1': 0.5, 'acc/top5': 1})
    monkeypatch.setattr(test_api, 'build_runner', lambda config: runner)
    (tmp_path / 'test.txt').write_text('a.mp4 0\n')
    data = ['--data-root', str(tmp_path), '--ann-file', 'test.txt']
    test_api.main([FINETUNE, str(checkpoint), *data, '--metrics-file', str(tmp_path / 'metrics.json')])
    assert json.loads((tmp_path / 'metrics.json').read_text()) == {'acc/top1': 0.5, 'acc/top5': 1.0}
