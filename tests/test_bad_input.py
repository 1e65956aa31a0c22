"""What a stranger gets wrong, end to end: each mistake ends in a message that names the file or key; nothing hangs."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from videossl.apis.running.train import main
from videossl.errors import ConfigError

ROOT = Path(__file__).parents[1]
CONFIG = str(ROOT / 'configs' / 'vspp' / 'vspp_r3d-10_16x1x1-20e_k100-rgb.py')
FINETUNE = str(ROOT / 'configs' / 'downstream' / 'finetune_r3d-10_16x1x1-25e_ucf101-rgb.py')
LOADER = 'train_dataloader'
SMALL = [
    'model.backbone.base_channels=4',
    'train_cfg.max_epochs=1',
    'default_hooks.logger.interval=1',
    'default_hooks.precision.precision=fp32',
    f'{LOADER}.batch_size=2',
    f'{LOADER}.dataset.pipeline.clips.transforms.resize.scale=(40,36)',
    f'{LOADER}.dataset.pipeline.clips.transforms.crop.size=32',
]
RUNS = itertools.count()
SMALL_HEADS = ['model.heads.speed.in_channels=32', 'model.heads.segment.in_channels=32']


def write_video(path, num_frames, seed=0):
    blocks = np.random.default_rng(seed).integers(0, 256, size=(num_frames, 8, 8, 3), dtype=np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 25, (64, 64))
    for frame in blocks.repeat(8, axis=1).repeat(8, axis=2):
        writer.write(frame)
    writer.release()


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """A folder of four good videos."""
    folder = tmp_path_factory.mktemp('videos')
    for number in range(4):
        write_video(folder / f'{number}.mp4', 40, seed=number)
    return folder


@pytest.fixture(autouse=True)
def scope_of_each_run():
    """A runner sets mmengine's default scope for the whole process; put it back."""
    with DefaultScope.overwrite_default_scope('videossl'):
        yield


def arguments(work_dir, *others, config=CONFIG, options=()):
    heads = SMALL_HEADS if config == CONFIG else ['model.cls_head.in_channels=32', 'model.cls_head.num_classes=3']
    # mmengine keeps loggers by name, and names them after the experiment and the second.
    name = f'experiment_name=run{next(RUNS)}'
    return [config, '--work-dir', str(work_dir), *map(str, others), '--cfg-options', name, *SMALL, *heads, *options]


def train_in_subprocess(*args, timeout=100):
    """tools/train.py as a user starts it; (exit status, all it printed, the log)."""
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    done = subprocess.run(
        [sys.executable, str(ROOT / 'tools' / 'train.py'), *args],
        env=environment,
        timeout=timeout,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors='replace',
    )
    return done.returncode, done.stdout


def read_log(work_dir):
    return '\n'.join(path.read_text() for path in sorted(work_dir.glob('*/*.log')))


def assert_named(error, *words):
    assert all(str(word) in str(error.value) for word in words), error.value


# ------------------------------------------------------------------------------------------------------- the good case
def test_a_folder_of_videos_is_trained_on_and_a_resumed_run_goes_on(tmp_path, videos):
    status, printed = train_in_subprocess(*arguments(tmp_path, '--data-root', videos))
    assert status == 0, printed
    log = read_log(tmp_path)
    assert 'acc_speed' in log and 'acc_segment' in log and 'Epoch(train) [1][2/2]' in log, log
    first = torch.load(tmp_path / 'epoch_1.pth', weights_only=True)
    assert first['meta']['epoch'] == 1 and first['meta']['iter'] == 2

    main(arguments(tmp_path, '--data-root', videos, '--resume', options=['train_cfg.max_epochs=2']))
    log = read_log(tmp_path)
    assert log.count('Epoch(train) [1][2/2]') == log.count('Epoch(train) [2][2/2]') == 1, log
    second = torch.load(tmp_path / 'epoch_2.pth', weights_only=True)
    assert second['meta']['epoch'] == 2 and second['meta']['iter'] == 4
    assert any(not torch.equal(first['state_dict'][name], value) for name, value in second['state_dict'].items())


# ------------------------------------------------------------------------------------------------------- lists, folders
def test_a_missing_annotation_file(tmp_path, videos):
    with pytest.raises(FileNotFoundError) as error:
        main(arguments(tmp_path, '--data-root', videos, '--ann-file', 'nowhere.txt'))
    assert_named(error, videos / 'nowhere.txt', 'does not exist', '--ann-file')


def test_a_list_that_is_not_below_the_folder_of_the_videos_but_here(tmp_path, videos, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'mine.txt').write_text('a/0.mp4\n')
    with pytest.raises(FileNotFoundError) as error:
        main(arguments(tmp_path, '--data-root', videos, '--ann-file', 'mine.txt'))
    assert_named(error, videos / 'mine.txt', 'below the folder of the videos', str(tmp_path / 'mine.txt'))
    assert 'mmengine' not in capfd.readouterr().out, 'before anything is built'


def test_the_configs_own_data_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        main(arguments(tmp_path, options=[f'{LOADER}.dataset.data_root={tmp_path}/nothing']))
    assert_named(error, f'{tmp_path}/nothing', 'does not exist', '--data-root')


def test_an_empty_folder_and_a_missing_one(tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError) as error:
        main(arguments(tmp_path, '--data-root', tmp_path / 'empty'))
    assert_named(error, tmp_path / 'empty', 'no video', '.mp4')
    with pytest.raises(FileNotFoundError) as error:
        main(arguments(tmp_path, '--data-root', tmp_path / 'nowhere'))
    assert_named(error, tmp_path / 'nowhere', 'does not exist', '--data-root')


def test_a_list_of_videos_that_are_elsewhere(tmp_path, videos):
    (tmp_path / 'list.txt').write_text('a/0.mp4\na/1.mp4\n')
    with pytest.raises(FileNotFoundError) as error:
        main(arguments(tmp_path, '--data-root', videos, '--ann-file', tmp_path / 'list.txt'))
    assert_named(error, tmp_path / 'list.txt', videos / 'a' / '0.mp4', '--data-root')


def test_a_label_outside_the_classes(tmp_path, videos):
    (tmp_path / 'list.txt').write_text('0.mp4 0\n1.mp4 3\n2.mp4 1\n')
    with pytest.raises(ValueError) as error:
        main(arguments(tmp_path, '--data-root', videos, '--ann-file', tmp_path / 'list.txt', config=FINETUNE))
    assert_named(error, tmp_path / 'list.txt', 'entry 2', '1.mp4', 'label 3', '0..2', 'num_classes')


def test_fine_tuning_without_labels(tmp_path, videos):
    with pytest.raises(ValueError) as error:
        main(arguments(tmp_path, '--data-root', videos, config=FINETUNE))
    assert_named(error, videos, 'labels', '--ann-file')


# -------------------------------------------------------------------------------------------------------------- videos
def test_short_videos_and_files_that_are_no_videos_among_good_ones(tmp_path, videos):
    mixed = tmp_path / 'mixed'
    mixed.mkdir()
    for number in range(2):
        (mixed / f'{number}.mp4').symlink_to(videos / f'{number}.mp4')
    write_video(mixed / 'one_frame.mp4', 1)
    write_video(mixed / 'two_frames.mp4', 2)
    (mixed / 'text.mp4').write_text('no video')
    (mixed / 'zero_bytes.avi').write_bytes(b'')
    work_dir = tmp_path / 'work'
    main(arguments(work_dir, '--data-root', mixed, options=['train_cfg.max_epochs=2']))
    log = read_log(work_dir)
    named = [line for line in log.splitlines() if 'cannot read' in line]
    assert len(named) == 2, named
    assert all(any(str(mixed / name) in line for line in named) for name in ('text.mp4', 'zero_bytes.avi'))
    assert all('another video takes its place' in line for line in named)
    losses = [line for line in log.splitlines() if 'Epoch(train) [2][3/3]' in line]
    assert len(losses) == 1 and 'loss: ' in losses[0] and 'nan' not in losses[0]
    assert (work_dir / 'epoch_2.pth').exists()


def test_nothing_but_broken_files_ends_with_a_message_and_does_not_hang(tmp_path):
    broken = tmp_path / 'broken'
    broken.mkdir()
    for number in range(3):
        (broken / f'{number}.mp4').write_text('no video')
    status, printed = train_in_subprocess(
        *arguments(tmp_path / 'work', '--data-root', broken, options=[f'{LOADER}.dataset.max_replacements=10'])
    )
    assert status not in (0, None)
    message = printed.rstrip().splitlines()
    error = next(line for line in message if line.startswith('error: 10 videos in a row'))
    assert str(broken) in error and 'could not be read' in error and 'Traceback' not in printed, printed


# ---------------------------------------------------------------------------------------------------------------- keys
@pytest.mark.parametrize(
    'option, words',
    [
        ('model.bakbone.depth=18', ['model.bakbone.depth', 'did you mean "backbone"?']),
        ('train_dataloder.batch_size=2', ['train_dataloder', 'did you mean "train_dataloader"?']),
        ('train_cfg.max_epoch=3', ['train_cfg.max_epoch', 'did you mean "max_epochs"?']),
        ('param_scheduler.9.gamma=3', ['param_scheduler', '1 entries']),
    ],
)
def test_an_option_that_does_not_exist(tmp_path, videos, option, words):
    with pytest.raises(ConfigError) as error:
        main(arguments(tmp_path, '--data-root', videos, options=[option]))
    assert_named(error, '--cfg-options', *words)


@pytest.mark.parametrize(
    'option, place',
    [
        ('model.backbone.xyzzy=1', 'model.backbone: R3D'),
        ('model.heads.speed.xyzzy=1', 'model.heads.speed: SpeedHead'),
        (f'{LOADER}.dataset.xyzzy=1', f'{LOADER}.dataset: VideoDataset'),
        (f'{LOADER}.dataset.pipeline.sample.xyzzy=1', f'{LOADER}.dataset.pipeline.sample: SampleSegmentPace'),
    ],
)
def test_an_argument_that_a_part_does_not_have(tmp_path, videos, option, place):
    with pytest.raises(ConfigError) as error:
        main(arguments(tmp_path, '--data-root', videos, options=[option]))
    assert_named(error, f'{place} has no argument "xyzzy"; it has ')


def test_a_misspelt_key_in_a_config_file(tmp_path, videos):
    (tmp_path / 'mine.py').write_text(f"_base_ = ['{CONFIG}']\ntrain_dataloder = dict(batch_size=2)\n")
    with pytest.raises(ConfigError) as error:
        main([str(tmp_path / 'mine.py'), '--data-root', str(videos)])
    assert_named(error, tmp_path / 'mine.py', 'train_dataloder', 'did you mean "train_dataloader"?')


def test_a_config_that_does_not_exist(tmp_path):
    with pytest.raises(ConfigError) as error:
        main([CONFIG.replace('vspp_r3d', 'vspp_r3')])
    assert_named(error, CONFIG.replace('vspp_r3d', 'vspp_r3'), f'did you mean {CONFIG}?')


def test_a_checkpoint_that_does_not_exist(tmp_path, videos):
    for option in ('--init-from', '--resume'):
        with pytest.raises(ConfigError) as error:
            main(arguments(tmp_path, '--data-root', videos, option, tmp_path / 'gone.pth'))
        assert_named(error, option, tmp_path / 'gone.pth')


def test_fewer_videos_than_a_batch_where_small_batches_are_dropped(tmp_path, videos):
    options = [f'{LOADER}.batch_size=30', f'{LOADER}.drop_last=True']
    with pytest.raises(ConfigError) as error:
        main(arguments(tmp_path, '--data-root', videos, options=options))
    assert_named(error, '4 samples make no batch of 30', 'train_dataloader.batch_size', 'drop_last')
