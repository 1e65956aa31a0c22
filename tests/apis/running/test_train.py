"""The arguments of tools/train.py."""

from pathlib import Path

import pytest
import torch
from torch import nn

from videossl.apis.running.train import config_for_training, parse_args
from videossl.engine import PrecisionHook
from videossl.errors import ConfigError

CONFIGS = Path(__file__).parents[3] / 'configs'
VSPP = str(CONFIGS / 'vspp' / 'vspp_r3d-10_16x1x1-20e_k100-rgb.py')
AUX_SKD = str(CONFIGS / 'aux_skd' / 'aux-skd_r3d-10_16x1x1-20e_k100-rgb.py')
FINETUNE = str(CONFIGS / 'downstream' / 'finetune_r3d-10_16x1x1-25e_ucf101-rgb.py')


def config_from(*argv):
    return config_for_training(parse_args(list(argv)))


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    path.write_bytes(b'')
    return str(path)


def test_data_root_alone_and_with_a_list_reach_the_training_data():
    dataset = config_from(VSPP, '--data-root', 'mine').train_dataloader.dataset
    assert (dataset.data_root, dataset.ann_file, dataset.data_prefix.video) == ('mine', None, '')
    dataset = config_from(VSPP, '--data-root', 'mine', '--ann-file', 'a.txt').train_dataloader.dataset
    assert (dataset.data_root, dataset.ann_file, dataset.data_prefix.video) == ('mine', 'a.txt', '')


def with_validation(tmp_path):
    path = tmp_path / 'validates.py'
    path.write_text(
        f"_base_ = ['{FINETUNE}']\n"
        'val_dataloader = dict(_delete_=True, **_base_.test_dataloader)\n'
        'val_evaluator = dict(_delete_=True, **_base_.test_evaluator)\n'
        "val_cfg = dict(_delete_=True, type='ValLoop')\n"
    )
    return str(path)


def test_validation_has_its_own_list_below_the_same_folder(tmp_path):
    config = config_from(
        with_validation(tmp_path), '--data-root', 'mine', '--ann-file', 'a.txt', '--val-ann-file', 'b.txt'
    )
    train, val = config.train_dataloader.dataset, config.val_dataloader.dataset
    assert (train.data_root, train.ann_file) == ('mine', 'a.txt') and (val.data_root, val.ann_file) == ('mine', 'b.txt')
    config = config_from(with_validation(tmp_path), '--no-validate')
    assert config.val_cfg is None and config.val_dataloader is None and config.val_evaluator is None


def test_a_validation_list_for_a_config_that_does_not_validate_is_refused():
    with pytest.raises(ConfigError, match='--val-ann-file.*does not validate'):
        config_from(VSPP, '--val-ann-file', 'b.txt')


@pytest.mark.parametrize('config', [VSPP, AUX_SKD])
def test_init_from_adds_the_hand_off_and_keeps_the_other_hooks(config, checkpoint):
    before = config_from(config).get('custom_hooks', [])
    after = config_from(config, '--init-from', checkpoint).custom_hooks
    assert after == [*before, dict(type='videossl.HandOffHook', checkpoint=checkpoint)]


@pytest.mark.parametrize('option', ['--init-from', '--resume'])
def test_a_checkpoint_that_is_not_there_is_named(tmp_path, option):
    with pytest.raises(ConfigError) as error:
        config_from(VSPP, option, str(tmp_path / 'gone.pth'))
    assert option in str(error.value) and str(tmp_path / 'gone.pth') in str(error.value)


def test_seed_keeps_the_other_settings_of_randomness():
    config = config_from(VSPP, '--seed', '5', '--cfg-options', 'randomness.deterministic=True')
    assert config.randomness == dict(seed=5, deterministic=True)
    config = config_from(VSPP, '--diff-rank-seed', '--deterministic')
    assert config.randomness == dict(seed=0, diff_rank_seed=True, deterministic=True)
    assert config_from(VSPP).randomness == dict(seed=0)
    assert config_from(VSPP, '--seed', '0').randomness == dict(seed=0)


def test_resume_does_not_take_the_config_behind_it_for_a_checkpoint():
    args = parse_args(['--resume', VSPP, '--seed', '1'])
    assert (args.config, args.resume, args.seed) == (VSPP, 'auto', 1)


def test_resume_is_automatic_or_from_a_path(checkpoint):
    for argv in (['--resume'], ['--resume', 'auto']):
        config = config_from(VSPP, *argv)
        assert config.resume is True and config.load_from is None
    config = config_from(VSPP, '--resume', checkpoint)
    assert config.resume is True and config.load_from == checkpoint
    config = config_from(VSPP)
    assert config.resume is False


def test_auto_scale_lr_and_work_dir_are_mmaction2s():
    config = config_from(VSPP, '--auto-scale-lr', '--work-dir', 'somewhere')
    assert config.auto_scale_lr.enable is True and config.work_dir == 'somewhere'


def test_options_come_before_the_other_arguments():
    config = config_from(
        VSPP,
        '--data-root',
        'mine',
        '--cfg-options',
        'train_dataloader.batch_size=3',
        'train_dataloader.dataset.data_root=other',
        'train_dataloader.dataset.pipeline.3.transforms.1.size=64',
    )
    assert config.train_dataloader.batch_size == 3
    assert config.train_dataloader.dataset.data_root == 'mine'
    assert config.train_dataloader.dataset.pipeline[3].transforms[1].size == 64


@pytest.mark.parametrize('precision', ['fp32', 'bf16'])
def test_the_precision_of_the_config_reaches_the_forward_pass(precision):
    config = config_from(VSPP, '--cfg-options', f'default_hooks.precision.precision={precision}')
    settings = dict(config.default_hooks.precision)
    assert settings.pop('type') == 'PrecisionHook'
    runner = type('Runner', (), dict(model=nn.Conv3d(3, 2, 1), logger=type('Log', (), dict(info=print))))()
    PrecisionHook(**settings).before_run(runner)
    if not torch.cuda.is_available():
        expected = dict(fp32=torch.float32, bf16=torch.bfloat16)[precision]
        assert runner.model(torch.zeros(1, 3, 1, 1, 1)).dtype == expected


def test_a_config_without_training_data_is_refused(tmp_path):
    path = tmp_path / 'tests_only.py'
    path.write_text("model = dict(type='Recognizer3D')\n")
    with pytest.raises(ConfigError, match='tests_only.py has no train_dataloader'):
        config_from(str(path))


def test_a_validation_on_held_out_videos_follows_the_training_list_and_takes_no_other():
    held_out = str(CONFIGS / 'downstream' / 'finetune_r2plus1d-10_vcop_held-out_16x1x1-150e_ucf101-rgb.py')
    config = config_from(held_out, '--data-root', 'mine', '--ann-file', 'train.txt')
    for loader, use in (('train', 'train'), ('val', 'held_out')):
        dataset = config[f'{loader}_dataloader'].dataset
        assert (dataset.data_root, dataset.ann_file, dataset.hold_out.use) == ('mine', 'train.txt', use)
    with pytest.raises(ConfigError, match='--val-ann-file.*held out'):
        config_from(held_out, '--data-root', 'mine', '--ann-file', 'train.txt', '--val-ann-file', 'test.txt')
