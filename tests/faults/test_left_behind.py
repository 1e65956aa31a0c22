"""What a killed run leaves behind: no process, no lock; and what a second run in its folder may not do."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs' / 'laptop' / 'vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'
# The tool, with as many workers as it is told, whatever the machine has, and a pause after each step.
WITH_PAUSES = """
import os, time
os.sched_getaffinity = lambda process: range(64)
from videossl.apis.running.train import main
from videossl.engine import ResumableEpochBasedTrainLoop as Loop
step = Loop.run_iter
Loop.run_iter = lambda *arguments: (step(*arguments), time.sleep(2))
main()
"""
SMALL = [
    'model.backbone.base_channels=4',
    'model.heads.speed.in_channels=32',
    'model.heads.segment.in_channels=32',
    'train_cfg.max_epochs=500',
    'default_hooks.logger.interval=1',
]
ENVIRONMENT = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
pytestmark = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')


@pytest.fixture(scope='module')
def videos(tmp_path_factory) -> Path:
    """Twenty videos of 40 frames."""
    folder = tmp_path_factory.mktemp('videos')
    for number in range(20):
        blocks = np.random.default_rng(number).integers(0, 256, size=(40, 8, 8, 3), dtype=np.uint8)
        writer = cv2.VideoWriter(str(folder / f'{number}.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 25, (96, 80))
        for frame in blocks.repeat(10, axis=1).repeat(12, axis=2):
            writer.write(frame)
        writer.release()
    (folder / 'list.txt').write_text(''.join(f'{number}.mp4\n' for number in range(20)) * 50)
    return folder


def begin(work_dir: Path, videos: Path, workers: int = 2) -> subprocess.Popen:
    """A training whose loader workers fill their queue: batches are large and steps far between."""
    work_dir.mkdir(exist_ok=True)
    options = [*SMALL, 'train_dataloader.batch_size=40', f'train_dataloader.num_workers={workers}']
    if workers:
        options.append('train_dataloader.prefetch_factor=8')
    with open(work_dir / 'output.txt', 'w') as output:
        return subprocess.Popen(
            [sys.executable, '-c', WITH_PAUSES, str(CONFIG), '--work-dir', str(work_dir), '--data-root', str(videos)]
            + ['--ann-file', 'list.txt', '--cfg-options', *options],
            env=ENVIRONMENT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def wait_for_iterations(work_dir: Path, training: subprocess.Popen, number: int = 2) -> None:
    deadline = time.monotonic() + 120
    while len(list_of_losses(work_dir)) < number:
        assert training.poll() is None and time.monotonic() < deadline, (work_dir / 'output.txt').read_text()[-2000:]
        time.sleep(0.05)


def list_of_losses(work_dir: Path) -> list[dict]:
    return [json.loads(line) for path in work_dir.glob('*/vis_data/scalars.json') for line in path.open()]


def processes_of(work_dir: Path) -> set[int]:
    """The running processes that have a work folder in their command line: forked ones keep their parent's."""
    found = set()
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            ended = (folder / 'stat').read_text().rpartition(')')[2].split()[0] == 'Z'
            named = str(work_dir) in (folder / 'cmdline').read_text()
        except OSError:
            continue
        if named and not ended:
            found.add(int(folder.name))
    return found


def wait_for_end(work_dir: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while processes_of(work_dir) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not processes_of(work_dir)


def waiting_places(processes: set[int]) -> set[str]:
    """The kernel's functions in which threads of the processes wait; "0" of those that run."""
    found = set()
    for process in processes:
        try:
            found |= {path.read_text() for path in Path(f'/proc/{process}/task').glob('*/wchan')}
        except OSError:
            continue
    return found


def end(work_dir: Path, started: subprocess.Popen) -> None:
    for process in processes_of(work_dir):
        os.kill(process, signal.SIGKILL)
    started.wait()


def test_a_killed_training_leaves_no_worker_and_no_decoder(tmp_path, videos):
    work = tmp_path / 'work'
    training = begin(work, videos)
    try:
        wait_for_iterations(work, training)
        deadline = time.monotonic() + 60
        seen = set()
        # Such as "anon_pipe_write", where a worker stands whose batches are not fetched.
        while not any('pipe_write' in place for place in seen):
            if time.monotonic() > deadline and seen <= {'0'}:
                pytest.skip('this kernel does not tell where a process waits')
            assert time.monotonic() < deadline, f'no worker waits for its batches to be fetched: {seen}'
            time.sleep(0.05)
            seen |= waiting_places(processes_of(work))
        assert len(processes_of(work)) >= 5, 'two workers, each with a decoder'
        training.kill()
        training.wait()
        assert wait_for_end(work, 10)
    finally:
        end(work, training)


def test_a_second_training_in_the_same_folder_is_refused_and_the_first_goes_on(tmp_path, videos):
    work = tmp_path / 'work'
    first = begin(work, videos, workers=0)
    try:
        wait_for_iterations(work, first, 1)
        second = subprocess.run(
            [sys.executable, str(ROOT / 'tools' / 'train.py'), str(CONFIG), '--work-dir', str(work)]
            + ['--data-root', str(videos)],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert second.returncode == 1 and 'Traceback' not in second.stderr
        assert f'another run works in {work} (process {first.pid} on' in second.stderr
        wait_for_iterations(work, first, len(list_of_losses(work)) + 1)
    finally:
        end(work, first)


@pytest.mark.slow
def test_processes_whose_launcher_is_killed_save_and_end(tmp_path, videos):
    work = tmp_path / 'work'
    work.mkdir()
    with open(work / 'output.txt', 'w') as output:
        launcher = subprocess.Popen(
            ['bash', str(ROOT / 'tools' / 'dist_train.sh'), str(CONFIG), '2', '--work-dir', str(work)]
            + ['--data-root', str(videos), '--ann-file', 'list.txt', '--cfg-options', *SMALL]
            + ['train_dataloader.batch_size=4', 'train_dataloader.num_workers=0'],
            env=dict(ENVIRONMENT, PYTHON=sys.executable),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for_iterations(work, launcher)
        assert len(processes_of(work)) == 3
        launcher.kill()
        launcher.wait()
        assert wait_for_end(work, 60)
        assert list(work.glob('iter_*.pth')), 'no checkpoint was saved'
    finally:
        end(work, launcher)
