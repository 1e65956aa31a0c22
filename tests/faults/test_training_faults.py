"""Faults of a training, through the tool on real files: what a user sees, and when."""

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
from videossl.engine.hooks import TrainingStopped
from videossl.errors import ConfigError

ROOT = Path(__file__).parents[2]
AUX_SKD = str(ROOT / 'configs' / 'aux_skd' / 'aux-skd_r3d-10_16x1x1-20e_k100-rgb.py')
RUNS = itertools.count()
LOADER = 'train_dataloader'
OPTIONS = [
    'model.backbone.base_channels=4',
    'model.necks.projection.in_channels=32',
    'model.memory_bank.size=8',
    'train_cfg.max_epochs=3',
    f'{LOADER}.batch_size=2',
    f'{LOADER}.num_workers=0',
    'default_hooks.logger.interval=1',
    'default_hooks.precision.precision=fp32',
    f'{LOADER}.dataset.pipeline.3.transforms.0.scale=(40,36)',
    f'{LOADER}.dataset.pipeline.3.transforms.1.size=32',
]


@pytest.fixture(autouse=True)
def scope_of_each_run():
    """A runner sets mmengine's default scope for the whole process; put it back."""
    with DefaultScope.overwrite_default_scope('videossl'):
        yield


@pytest.fixture
def no_videos(tmp_path) -> Path:
    """Files that only have the names of videos: whoever opens one says so."""
    folder = tmp_path / 'no videos'
    folder.mkdir()
    for number in range(5):
        (folder / f'{number}.mp4').write_text('no video')
    return folder


@pytest.fixture(scope='module')
def videos(tmp_path_factory) -> Path:
    """A folder of eight videos of 40 frames."""
    folder = tmp_path_factory.mktemp('videos')
    for number in range(8):
        blocks = np.random.default_rng(number).integers(0, 256, size=(40, 8, 8, 3), dtype=np.uint8)
        writer = cv2.VideoWriter(str(folder / f'{number}.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 25, (64, 64))
        for frame in blocks.repeat(8, axis=1).repeat(8, axis=2):
            writer.write(frame)
        writer.release()
    return folder


def arguments(folder: Path, work_dir: Path, *options: str, config: str = AUX_SKD) -> list[str]:
    # mmengine keeps loggers by name, and names them after the experiment and the second.
    return [
        config,
        '--data-root',
        str(folder),
        '--work-dir',
        str(work_dir),
        '--cfg-options',
        *OPTIONS,
        f'experiment_name=fault{next(RUNS)}',
        *options,
    ]


def read_log(work_dir: Path) -> str:
    return '\n'.join(path.read_text() for path in sorted(work_dir.glob('*/*.log')))


def test_a_user_sees_one_message_and_no_traceback(tmp_path, no_videos):
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    (tmp_path / 'mine.py').write_text(
        f'_base_ = [{AUX_SKD!r}]\ntrain_pipeline = _base_.train_pipeline\n'
        'train_pipeline[1].update(num_segmens=4)\n'
        f'{LOADER} = dict(dataset=dict(pipeline=train_pipeline))'
    )
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / 'tools' / 'train.py'),
            *arguments(no_videos, tmp_path / 'work', config=str(tmp_path / 'mine.py')),
        ],
        env=environment,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.rstrip().splitlines()[-2:] == [
        f'error: {LOADER}.dataset.pipeline.1: SampleSegmentPace has no argument "num_segmens"; did you mean "num_segments"?',
        '(VIDEOSSL_DEBUG=1 shows where it was raised)',
    ]
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ("custom_hooks = [dict(type='MemoryBankHook')]", ['custom_hooks', 'MomentumTeacherHook']),
        (
            "model = dict(heads=dict(order=dict(type='OrderHead', in_channels=128, embedding='projection')))",
            ['model.heads.order', 'gt_order'],
        ),
        (
            f'train_pipeline = _base_.train_pipeline\ntrain_pipeline[1].update(num_views=1)\n{LOADER} = dict(dataset=dict('
            'pipeline=train_pipeline))',
            ['num_views', 'student_views'],
        ),
        (f'{LOADER} = dict(drop_last=False)', [f'{LOADER}.drop_last', 'last batch of one sample']),
    ],
)
def test_faults_of_a_config_are_found_before_a_video_is_opened(tmp_path, no_videos, change, words):
    (tmp_path / 'mine.py').write_text(f'_base_ = [{AUX_SKD!r}]\n{change}\n')
    with pytest.raises(ConfigError) as error:
        main(arguments(no_videos, tmp_path / 'work', config=str(tmp_path / 'mine.py')))
    assert all(word in str(error.value) for word in words), error.value
    assert 'cannot read' not in read_log(tmp_path / 'work')


def test_a_learning_rate_past_all_bounds_ends_the_run_with_the_videos_and_what_to_do(tmp_path, videos):
    with pytest.raises(TrainingStopped) as error:
        main(
            arguments(
                videos, tmp_path / 'work', 'optim_wrapper.optimizer.lr=1e20', 'default_hooks.loss_guard.max_in_a_row=3'
            )
        )
    assert all(word in str(error.value) for word in ('3 steps in a row', 'optim_wrapper.optimizer.lr', '.mp4'))
    log = read_log(tmp_path / 'work')
    assert log.count('The step is skipped') == 3 and 'Epoch(train) [1]' in log


def test_the_hooks_of_every_run_are_in_the_common_config_and_change_nothing_of_a_sound_one(tmp_path, videos):
    states = []
    for name, options in (('guarded', []), ('bare', ['default_hooks.loss_guard=None', 'default_hooks.collapse=None'])):
        main(arguments(videos, tmp_path / name, 'train_cfg.max_epochs=1', *options))
        states.append(torch.load(tmp_path / name / 'epoch_1.pth', weights_only=True))
    guarded, bare = states
    assert guarded['loss_guard'] == dict(total=0) and 'loss_guard' not in bare
    for name, value in guarded['state_dict'].items():
        assert torch.equal(value, bare['state_dict'][name]), name
    log = read_log(tmp_path / 'guarded')
    assert 'skipped' not in log and 'collapsed' not in log
