"""What all tests share."""

import os
import subprocess
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

# Many compare with values computed on the CPU, to the bit. Before torch looks for one: tools/check_gpu.py is for GPUs.
if 'VIDEOSSL_TESTS_ON_GPU' not in os.environ:
    os.environ['CUDA_VISIBLE_DEVICES'] = ''

import av
import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from torch import nn
from two_processes import work_together

import videossl  # noqa: F401  (registers everything and repairs what is broken)


@pytest.fixture(autouse=True, scope='session')
def cache_folder(tmp_path_factory):
    """Frame indices of the tests' videos are kept in a folder that is removed."""
    before = os.environ.get('VIDEOSSL_CACHE')
    os.environ['VIDEOSSL_CACHE'] = str(tmp_path_factory.mktemp('cache'))
    yield
    os.environ.pop('VIDEOSSL_CACHE')
    if before is not None:
        os.environ['VIDEOSSL_CACHE'] = before


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny nets lose more to waiting for each other's threads than they gain: one thread is up to ten times faster."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def current_logger():
    """A logger of the test's own. mmengine's current one is whichever was made last: of another test, by then closed to all but
    errors perhaps."""
    before = MMLogger._instance_dict.copy()
    yield MMLogger.get_instance('tests', log_level='INFO')
    MMLogger._instance_dict = before


@pytest.fixture(scope='session')
def run_two_processes(tmp_path_factory) -> Callable[..., None]:
    """A function that runs ``function(rank, *args)`` in a process group of two. A child that does not come to its end is killed,
    so that the test fails instead of the whole suite standing still. Children are forked from a process that has imported
    videossl and done nothing else; their environment is that of the first call."""
    get_context('forkserver').set_forkserver_preload(['videossl'])

    def run(function: Callable, *args, seconds: float = 120) -> None:
        meeting_place = str(tmp_path_factory.mktemp('meeting') / 'place')
        children = torch.multiprocessing.start_processes(
            work_together, args=(meeting_place, function, *args), nprocs=2, join=False, start_method='forkserver'
        )
        end = time.monotonic() + seconds
        try:
            while not children.join(timeout=1):
                assert time.monotonic() < end, f'{function.__name__} has not ended after {seconds} seconds'
        finally:
            for process in children.processes:
                process.kill()

    return run


@pytest.fixture
def mount_disk() -> Iterator[Callable[[Path, str], None]]:
    """A function that makes a folder a disk of its own, of a size such as "64k"."""
    mounted = []

    def mount(folder: Path, size: str) -> None:
        folder.mkdir(exist_ok=True)
        command = ['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip(
                "only root mounts a disk; on many systems this makes root: unshare -rm make test PYTEST_ARGS='-k disk'"
            )
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(['umount', '--lazy', str(folder)], check=True)


@pytest.fixture(scope='session')
def write_gliding_video() -> Callable[[Path, int], None]:
    """A function that writes a video of so many frames, 96x80 pixels: colours that glide."""

    def write(path: Path, length: int) -> None:
        x, y = np.meshgrid(np.arange(96), np.arange(80))
        with av.open(str(path), 'w') as container:
            stream = container.add_stream('libx264', rate=25, options=dict(preset='ultrafast', threads='1'))
            stream.width, stream.height, stream.pix_fmt = 96, 80, 'yuv420p'
            for step in range(length):
                wave = 128 + 100 * np.sin((x + 3 * step) / 9)
                frame = np.stack([wave, 2 * y + 20, 250 - wave], axis=-1).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
            container.mux(stream.encode())

    return write


@pytest.fixture
def small_backbone() -> Callable[[], nn.Module]:
    """A function that builds a backbone of one convolution and a batch norm, 3 channels to 4."""

    def build() -> nn.Module:
        return nn.Sequential(
            OrderedDict(
                conv=nn.Conv3d(3, 4, kernel_size=3, stride=2, padding=1, bias=False),
                bn=nn.BatchNorm3d(4),
                relu=nn.ReLU(inplace=True),
            )
        )

    return build
