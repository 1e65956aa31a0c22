"""Trainings that are killed or asked to stop, as processes on real videos, and resumed: they end bit by bit as one that
went through."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from videossl.apis.running.train import main

# Whole runs of tools/train.py; tests/engine/test_resume.py has the same in one process.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / 'configs' / 'aux_skd' / 'aux-skd_r3d-10_16x1x1-20e_k100-rgb.py')
EPOCHS, BATCHES = 4, 5  # batches an epoch
RUNS = itertools.count()
OPTIONS = [
    'model.backbone.base_channels=4',
    'model.necks.projection.in_channels=32',
    'model.memory_bank.size=20',
    f'train_cfg.max_epochs={EPOCHS}',
    'param_scheduler.0.step_size=1',
    'train_dataloader.batch_size=2',
    'default_hooks.logger.interval=1',
    'default_hooks.precision.precision=fp32',
    'train_dataloader.dataset.pipeline.clips.transforms.resize.scale=(40,36)',
    'train_dataloader.dataset.pipeline.clips.transforms.crop.size=32',
]
BY_ITERATION = ['default_hooks.checkpoint.by_epoch=False', 'default_hooks.checkpoint.interval=1']
# The tool, with as many workers as it is told, whatever the machine has.
WITH_WORKERS = [
    '-c',
    'import os; os.sched_getaffinity = lambda process: range(64)\nfrom videossl.apis.running.train import main; main()',
]


@pytest.fixture(autouse=True)
def scope_of_each_run():
    """A runner sets mmengine's default scope for the whole process; put it back."""
    with DefaultScope.overwrite_default_scope('videossl'):
        yield


@pytest.fixture(scope='module')
def videos(tmp_path_factory) -> Path:
    """A folder of ten videos of 40 frames."""
    folder = tmp_path_factory.mktemp('videos')
    for number in range(2 * BATCHES):
        blocks = np.random.default_rng(number).integers(0, 256, size=(40, 8, 8, 3), dtype=np.uint8)
        writer = cv2.VideoWriter(str(folder / f'{number}.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 25, (64, 64))
        for frame in blocks.repeat(8, axis=1).repeat(8, axis=2):
            writer.write(frame)
        writer.release()
    return folder


@pytest.fixture(scope='module')
def straight(videos, tmp_path_factory) -> dict:
    """The last checkpoint of a training without a break."""
    folder = tmp_path_factory.mktemp('straight')
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with DefaultScope.overwrite_default_scope('videossl'):
        main(arguments(folder, videos))
    torch.set_num_threads(threads)
    return torch.load(folder / f'epoch_{EPOCHS}.pth', weights_only=True)


def arguments(work_dir: Path, videos: Path, *others: str, options: list[str] = []) -> list[str]:
    return [
        CONFIG,
        '--work-dir',
        str(work_dir),
        '--data-root',
        str(videos),
        *others,
        '--cfg-options',
        f'experiment_name=run{next(RUNS)}',
        *OPTIONS,
        *options,
    ]


def begin(work_dir: Path, videos: Path, options: list[str] = [], program: list[str] | None = None) -> subprocess.Popen:
    """A training in a process group of its own."""
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    work_dir.mkdir(exist_ok=True)
    with open(work_dir / 'output.txt', 'w') as output:
        return subprocess.Popen(
            [
                sys.executable,
                *(program or [str(ROOT / 'tools' / 'train.py')]),
                *arguments(work_dir, videos, options=options),
            ],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_for(work_dir: Path, name: str, process: subprocess.Popen, seconds: float = 100) -> None:
    end = time.monotonic() + seconds
    while not (work_dir / name).exists():
        assert process.poll() is None and time.monotonic() < end, (work_dir / 'output.txt').read_text()[-3000:]
        time.sleep(0.005)


def assert_same_training(work_dir: Path, straight: dict, name: str = f'epoch_{EPOCHS}.pth') -> None:
    """Weights, teacher, bank, optimiser, and every loss of the log since the first iteration."""
    checkpoint = torch.load(work_dir / name, weights_only=True)
    assert checkpoint['state_dict'].keys() == straight['state_dict'].keys()
    for key, value in straight['state_dict'].items():
        assert torch.equal(checkpoint['state_dict'][key], value), key
    for number, state in straight['optimizer']['state'].items():
        assert torch.equal(checkpoint['optimizer']['state'][number]['momentum_buffer'], state['momentum_buffer'])
    logs, expected = (run['message_hub']['log_scalars'] for run in (checkpoint, straight))
    assert len(expected['train/loss']['log']) == EPOCHS * BATCHES
    for key in expected:
        assert key.endswith('time') or logs[key]['log'] == expected[key]['log'], key


def test_a_training_that_is_killed_and_resumed_ends_bit_by_bit_as_one_that_went_through(videos, straight, tmp_path):
    process = begin(tmp_path, videos, BY_ITERATION)
    wait_for(tmp_path, 'iter_7.pth', process)
    process.kill()
    assert process.wait(20) == -signal.SIGKILL
    assert not (tmp_path / f'iter_{EPOCHS * BATCHES}.pth').exists(), 'it was over before'
    main(arguments(tmp_path, videos, '--resume', options=BY_ITERATION))
    assert_same_training(tmp_path, straight, f'iter_{EPOCHS * BATCHES}.pth')


def test_on_sigterm_a_training_saves_amid_the_epoch_and_ends_and_resumes_bit_by_bit(videos, straight, tmp_path):
    process = begin(tmp_path, videos)
    wait_for(tmp_path, 'epoch_1.pth', process)
    process.terminate()
    assert process.wait(30) == 143, (tmp_path / 'output.txt').read_text()[-3000:]
    output = (tmp_path / 'output.txt').read_text()
    assert 'SIGTERM: training stops after' in output and 'Traceback' not in output
    saved = Path((tmp_path / 'last_checkpoint').read_text())
    iterations = torch.load(saved, weights_only=True)['meta']['iter']
    assert BATCHES <= iterations < EPOCHS * BATCHES
    main(arguments(tmp_path, videos, '--resume'))
    assert_same_training(tmp_path, straight)
    assert not list(tmp_path.glob('iter_*.pth')), 'the checkpoint of the signal is outdated'
    kept = sorted(path.name for path in tmp_path.glob('epoch_*.pth'))
    assert kept == [f'epoch_{EPOCHS - 1}.pth', f'epoch_{EPOCHS}.pth']


@pytest.mark.slow
@pytest.mark.parametrize('number', range(4))
def test_a_signal_to_the_whole_group_ends_the_workers_too_and_loses_nothing(videos, straight, tmp_path, number):
    workers = ['train_dataloader.num_workers=2', 'train_dataloader.persistent_workers=True']
    process = begin(tmp_path, videos, workers, WITH_WORKERS)
    wait_for(tmp_path, 'epoch_1.pth', process)
    time.sleep(0.05 * number)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(60) == 143, (tmp_path / 'output.txt').read_text()[-3000:]
    main(arguments(tmp_path, videos, '--resume'))
    assert_same_training(tmp_path, straight)


@pytest.mark.slow
@pytest.mark.parametrize('number', range(6))
def test_kills_at_six_other_moments_lose_nothing(videos, straight, tmp_path, number):
    killed = 0
    for after in (2 + 3 * number, 3 + 3 * number):
        process = begin(tmp_path, videos, [*BY_ITERATION, 'resume=True'])
        wait_for(tmp_path, f'iter_{after}.pth', process)
        time.sleep(0.013 * number)  # perhaps amid the writing of the next
        process.kill()
        killed += process.wait(20) == -signal.SIGKILL
    main(arguments(tmp_path, videos, '--resume', options=BY_ITERATION))
    assert killed
    assert_same_training(tmp_path, straight, f'iter_{EPOCHS * BATCHES}.pth')


# ----------------------------------------------------------------------------------------------------- two processes
TWO = [
    'train_dataloader.num_workers=1',
    'train_dataloader.persistent_workers=True',
    'train_dataloader.sampler.seed=3',
    'train_dataloader.drop_last=True',
    'train_cfg.max_epochs=12',
]  # of two batches, from five videos for each process


def launcher(resume: bool = False) -> list[str]:
    """What starts two processes; torchrun takes a free port."""
    return [
        '-m',
        'torch.distributed.run',
        '--nproc_per_node=2',
        '--standalone',
        '-m',
        'videossl.apis.running.train',
        '--launcher',
        'pytorch',
        *(['--resume=auto'] if resume else []),
    ]


@pytest.fixture(scope='module')
def straight_of_two(videos, tmp_path_factory) -> dict:
    """The last checkpoint of a training in two processes without a break."""
    folder = tmp_path_factory.mktemp('straight_of_two')
    assert begin(folder, videos, [*TWO, *BY_ITERATION], launcher()).wait(200) == 0, (folder / 'output.txt').read_text()[
        -3000:
    ]
    return torch.load(folder / 'iter_24.pth', weights_only=True)


@pytest.mark.parametrize('who', ['launcher', 'one process', 'kill of one process'])
def test_two_processes_that_are_stopped_or_killed_and_resumed_end_bit_by_bit_as_without_it(
    videos, straight_of_two, tmp_path, who
):
    process = begin(tmp_path, videos, [*TWO, *BY_ITERATION], launcher())
    wait_for(tmp_path, 'iter_7.pth', process)
    children = subprocess.run(['pgrep', '-P', str(process.pid)], capture_output=True, text=True).stdout.split()
    assert len(children) == 2
    number = signal.SIGKILL if who.startswith('kill') else signal.SIGTERM
    os.kill(process.pid if who == 'launcher' else int(children[1]), number)
    begun = time.monotonic()
    assert process.wait(60) != 0
    seconds, output = time.monotonic() - begun, (tmp_path / 'output.txt').read_text()
    assert not (tmp_path / 'iter_24.pth').exists(), 'it was over before'
    if number == signal.SIGTERM:
        assert 'SIGTERM: training stops after' in output and 'exited unexpectedly' not in output, output[-3000:]
    print(f'{who}: ended after {seconds:.1f} s')
    resumed = begin(tmp_path, videos, [*TWO, *BY_ITERATION], launcher(resume=True))
    assert resumed.wait(200) == 0, (tmp_path / 'output.txt').read_text()[-3000:]
    checkpoint = torch.load(tmp_path / 'iter_24.pth', weights_only=True)
    for name, value in straight_of_two['state_dict'].items():
        assert torch.equal(checkpoint['state_dict'][name], value), name
    for state, expected in zip(
        *(part['exact_resume']['processes'] for part in (checkpoint, straight_of_two)), strict=True
    ):
        assert torch.equal(state['random_states']['torch'], expected['random_states']['torch'])
        assert state['statistics'] and all(
            torch.equal(state['statistics'][name], value) for name, value in expected['statistics'].items()
        )
    logs, expected = (run['message_hub']['log_scalars'] for run in (checkpoint, straight_of_two))
    for name in expected:
        assert name.endswith('time') or logs[name]['log'] == expected[name]['log'], name


def test_of_two_processes_one_gets_the_signal_and_both_stop_after_the_same_iteration_amid_an_epoch(videos, tmp_path):
    process = begin(
        tmp_path, videos, [*TWO, 'train_cfg.max_epochs=300', 'default_hooks.save_and_stop.agree_every=2'], launcher()
    )
    wait_for(tmp_path, 'epoch_2.pth', process)
    children = subprocess.run(['pgrep', '-P', str(process.pid)], capture_output=True, text=True).stdout.split()
    os.kill(int(children[-1]), signal.SIGTERM)
    process.wait(60)
    output = (tmp_path / 'output.txt').read_text()
    saved = Path((tmp_path / 'last_checkpoint').read_text())
    checkpoint = torch.load(saved, weights_only=True)
    iterations = checkpoint['meta']['iter']
    assert saved.name == f'iter_{iterations}.pth' and iterations % 2 == 0, output[-3000:]
    assert len(checkpoint['exact_resume']['processes']) == 2
