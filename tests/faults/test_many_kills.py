"""A training that is killed again and again at random moments, wherever it is, and resumed: it ends bit by bit as one that
went through. ``VIDEOSSL_KILLS`` and ``VIDEOSSL_KILLS_SEED`` set how many kills, and other moments.

Each process trains in a fork of this one, so that the moments fall into the training and not into Python's imports."""

import itertools
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from videossl.apis.running.train import main

pytestmark = pytest.mark.slow

KILLS, SEED = int(os.environ.get('VIDEOSSL_KILLS', 20)), int(os.environ.get('VIDEOSSL_KILLS_SEED', 0))
CONFIG = str(Path(__file__).parents[2] / 'configs' / 'aux_skd' / 'aux-skd_r3d-10_16x1x1-20e_k100-rgb.py')
BATCHES = 5  # an epoch
RUNS = itertools.count()


@pytest.fixture
def videos(tmp_path) -> Path:
    """A folder of ten videos of 40 frames, and one that is none."""
    folder = tmp_path / 'videos'
    folder.mkdir()
    for number in range(2 * BATCHES - 1):
        blocks = np.random.default_rng(number).integers(0, 256, size=(40, 8, 8, 3), dtype=np.uint8)
        writer = cv2.VideoWriter(str(folder / f'{number}.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 25, (64, 64))
        for frame in blocks.repeat(8, axis=1).repeat(8, axis=2):
            writer.write(frame)
        writer.release()
    (folder / 'broken.mp4').write_bytes(b'no video')
    return folder


def train(work_dir: Path, videos: Path, epochs: int, *others: str) -> None:
    with DefaultScope.overwrite_default_scope('videossl'):
        main(
            [
                CONFIG,
                '--work-dir',
                str(work_dir),
                '--data-root',
                str(videos),
                *others,
                '--cfg-options',
                f'experiment_name=kills{os.getpid()}-{next(RUNS)}',
                'model.backbone.base_channels=4',
                'model.necks.projection.in_channels=32',
                'model.memory_bank.size=20',
                f'train_cfg.max_epochs={epochs}',
                'param_scheduler.0.step_size=3',
                'train_dataloader.batch_size=2',
                'train_dataloader.num_workers=1',
                'default_hooks.logger.interval=1',
                'default_hooks.precision.precision=fp32',
                'default_hooks.checkpoint.by_epoch=False',
                'default_hooks.checkpoint.interval=2',
                'train_dataloader.dataset.pipeline.3.transforms.0.scale=(40,36)',
                'train_dataloader.dataset.pipeline.3.transforms.1.size=32',
            ]
        )


def in_a_process(work_dir: Path, *arguments) -> None:
    """What a fork of this process does."""
    os.setsid()
    work_dir.mkdir(exist_ok=True)
    output = os.open(work_dir / 'output.txt', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    torch.set_num_threads(1)
    train(work_dir, *arguments)


def iterations_of(work_dir: Path) -> int:
    """How far the newest checkpoint is."""
    return max((int(path.stem.removeprefix('iter_')) for path in work_dir.glob('iter_*.pth')), default=0)


def test_a_training_killed_at_random_moments_ends_bit_by_bit_as_one_that_went_through(videos, tmp_path):
    draw, context = random.Random(SEED), multiprocessing.get_context('fork')
    epochs = 2 * KILLS
    straight, work_dir = tmp_path / 'straight', tmp_path / 'killed'
    process = context.Process(target=in_a_process, args=(straight, videos, epochs))
    begun = time.monotonic()
    process.start()
    while process.is_alive() and iterations_of(straight) == 0:
        time.sleep(0.05)
    until_the_first = time.monotonic() - begun
    process.join(600)
    assert process.exitcode == 0, (straight / 'output.txt').read_text()[-3000:]
    killed = [], []
    while True:
        process = context.Process(target=in_a_process, args=(work_dir, videos, epochs, '--resume'))
        process.start()
        # Some kills fall before the first iteration of a resumed run.
        process.join(draw.uniform(0.1, 2) * until_the_first if len(killed[0]) < KILLS else 600)
        if not process.is_alive():
            assert process.exitcode == 0, (work_dir / 'output.txt').read_text()[-3000:]
            break
        assert len(killed[0]) < KILLS, 'it hangs'
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
        killed[0].append(iterations_of(work_dir))
        killed[1].extend(work_dir.glob('*.part'))
    last = f'iter_{epochs * BATCHES}.pth'
    result, expected = (torch.load(folder / last, weights_only=True) for folder in (work_dir, straight))
    assert result['state_dict'].keys() == expected['state_dict'].keys()
    for name, value in expected['state_dict'].items():
        assert torch.equal(result['state_dict'][name], value), name
    for number, state in expected['optimizer']['state'].items():
        assert torch.equal(result['optimizer']['state'][number]['momentum_buffer'], state['momentum_buffer'])
    logs = [checkpoint['message_hub']['log_scalars'] for checkpoint in (result, expected)]
    for name in logs[1]:
        if not name.endswith('time'):
            assert logs[0][name]['log'] == logs[1][name]['log'] and len(logs[1][name]['log']) == epochs * BATCHES, name
    assert (work_dir / 'broken_videos.txt').read_text().count('\n') == 1
    assert not list(work_dir.glob('*.part'))
    print(
        f'{len(killed[0])} kills of {epochs * BATCHES} iterations, with checkpoints up to {killed[0]}; {len(killed[1])} left '
        'half of a file; the end is the same, bit by bit'
    )
    assert len(killed[0]) == KILLS and len(set(killed[0])) > KILLS // 4
