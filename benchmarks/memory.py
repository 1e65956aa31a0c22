"""Whether memory stays flat while 10,000 videos are opened and decoded.

    python benchmarks/memory.py

Samples of auxSKD's pipeline (``configs/laptop``: two views of 16 frames of 64 x 64) are drawn from 40 rendered
MovingShapes videos: first in one process, then in a loader's worker, where a process of its own opens and decodes them.
Memory is noted after every tenth of the samples: of all these processes together, where what several have in common is
divided among them (PSS), without libraries, which other programs share too. Printed are the first tenth, by when
libraries and allocators have what they need, the end, and the growth between them; Linux only.
"""

import argparse
import math
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import torch
from measuring import machine, memory
from mmengine.config import Config
from mmengine.dataset import RepeatDataset
from torch.utils.data import DataLoader

from videossl.apis.running.launch import keep_freed_memory
from videossl.compat import config_directory
from videossl.datasets import VideoDataset, write_moving_shapes
from videossl.engine import DrawSampler
from videossl.engine.resumable_loops import objects_shared_with_workers
from videossl.wrappers import innermost_dataset

CONFIG = 'laptop/aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py'
VIDEOS, BATCH, MARKS = 40, 20, 10
GOAL = 2.0  # per cent


def children(process: int) -> list[int]:
    """A process's children, and theirs."""
    found = []
    for thread in Path(f'/proc/{process}/task').iterdir():
        found += [int(child) for child in (thread / 'children').read_text().split()]
    return found + [grandchild for child in found for grandchild in children(child)]


def together() -> float:
    """MiB of this process and all that it has started."""
    return sum(memory(process)['share'] for process in (os.getpid(), *children(os.getpid())))


def open_videos(folder: Path, number: int, num_workers: int) -> tuple[list[float], int, float]:
    """Draw so many samples. Runs in a process of its own, whose workers do not inherit what others have freed.

    Returns:
        MiB after each tenth, the number of processes, and seconds.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    keep_freed_memory()  # as tools/train.py does
    config = Config.fromfile(Path(config_directory(), CONFIG))
    pipeline = innermost_dataset(config.train_dataloader.dataset).pipeline
    dataset = VideoDataset('train.txt', pipeline=pipeline, data_root=str(folder), guard='workers')
    repeated = RepeatDataset(dataset, math.ceil(number / len(dataset)))
    loader = DataLoader(
        repeated,
        batch_size=BATCH,
        sampler=DrawSampler(repeated, seed=0),
        num_workers=num_workers,
        collate_fn=list,
        drop_last=True,
        multiprocessing_context='fork' if num_workers else None,
    )
    marks, began = [], time.perf_counter()
    with objects_shared_with_workers():  # as the training loops do
        for drawn, batch in enumerate(loader, 1):
            if drawn % max(number // BATCH // MARKS, 1) == 0:
                del batch
                marks.append(together())
                processes = 1 + len(children(os.getpid()))
    if dataset.named.any():
        raise SystemExit(f'{int(dataset.named.sum())} videos could not be read')
    return marks, processes, time.perf_counter() - began


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--opened', type=int, default=10_000, help='videos to open in each way; default: 10,000')
    parser.add_argument('--quick', action='store_true', help='400 instead, to see that it works')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    number = 400 if args.quick else args.opened
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        write_moving_shapes(folder, num_train=VIDEOS, num_test=1, size=64, num_frames=64)
        for name, num_workers in (('in one process', 0), ('a loader worker, guarded', 1)):
            with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:
                marks, processes, seconds = pool.submit(open_videos, Path(folder), number, num_workers).result()
            print(
                f'{name:24} {number:,} videos in {seconds:.0f} s, {processes} process(es): {marks[0]:.1f} MiB after a tenth, '
                f'{marks[-1]:.1f} MiB in the end, {min(marks):.1f} to {max(marks):.1f} between; growth '
                f'{100 * (marks[-1] / marks[0] - 1):+.2f} %, goal {GOAL:g} % at most',
                flush=True,
            )


if __name__ == '__main__':
    main()
