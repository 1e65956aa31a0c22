"""Samples a second of a loader by its number of workers, what they cost of processors, and what a model says of it.

    python benchmarks/loader_workers.py --videos FOLDER

The samples are VSPP's at its paper's size (one clip of 16 x 112 x 112 with colour jitter). For 0, 1, 2, 4, ... workers are
printed: samples/s; milliseconds of a processor that the workers, with their decoders' processes, and the training process spend
on a sample; the share of them that is the system's; new pages a sample; and the samples/s of ``videossl.cores.loader_rate``
from the times of one worker. Where the rate stays behind the model, two causes can be told apart: if the workers' processor
time a sample grows with their number, they hinder each other on the processor (threads that share a core, caches, memory, the
kernel's locks); if it does not, they wait. Linux only. Nothing else should run.

Without ``--videos``, videos of moving texture are rendered; ``--compact`` reads what ``tools/data/compact.py`` makes of them.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import torch
from measuring import machine
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from rendered_videos import compacted, given_or_rendered
from torch.utils.data import DataLoader

from videossl.apis.running.launch import keep_freed_memory
from videossl.compat import config_directory
from videossl.cores import available_cores, loader_rate
from videossl.datasets import VideoDataset
from videossl.engine import DrawSampler

CONFIG = 'vspp/vspp_r3d-10_16x1x1-20e_k100-rgb.py'
TICKS = os.sysconf('SC_CLK_TCK')


def processes(process: int) -> list[int]:
    """A process's children, and theirs."""
    found = []
    for thread in Path(f'/proc/{process}/task').iterdir():
        found += [int(child) for child in (thread / 'children').read_text().split()]
    return found + [grandchild for child in found for grandchild in processes(child)]


def spent(process: int) -> tuple[float, float, int]:
    """Seconds of a processor in its programs and in the system, and new pages, of one process so far."""
    fields = Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()
    return int(fields[11]) / TICKS, int(fields[12]) / TICKS, int(fields[7])


def total(numbers: list[int]) -> list[float]:
    """:func:`spent` of several processes together."""
    return [sum(column) for column in zip(*map(spent, numbers))] if numbers else [0.0, 0.0, 0]


def measure(dataset: VideoDataset, workers: int, batch: int, seconds: float) -> dict[str, float]:
    """Read for so long, after the first batches of each worker."""
    loader = DataLoader(
        dataset,
        batch,
        sampler=DrawSampler(dataset, seed=0, endless=True),
        num_workers=workers,
        collate_fn=pseudo_collate,
        **(dict(prefetch_factor=2) if workers else {}),
    )
    batches = iter(loader)
    for _ in range(max(2, 3 * workers)):
        next(batches)
    children, own = processes(os.getpid()), [os.getpid()]
    before, began, count = (total(children), total(own)), time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        count += len(next(batches)['inputs'])
    clock = time.perf_counter() - began
    made, main = ([b - a for a, b in zip(*pair)] for pair in zip(before, (total(children), total(own))))
    return dict(
        rate=count / clock,
        worker_ms=1e3 * sum(made[:2]) / count,
        main_ms=1e3 * sum(main[:2]) / count,
        system=(made[1] + main[1]) / max(sum(made[:2]) + sum(main[:2]), 1e-9),
        pages=(made[2] + main[2]) / count,
    )


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--videos', type=Path, help='folder of videos; default: some are rendered')
    parser.add_argument('--compact', action='store_true', help='read them as tools/data/compact.py writes them')
    parser.add_argument('--workers', nargs='+', type=int, help='numbers to try; default: 0, 1, 2, 4, ... all cores')
    parser.add_argument('--batch', type=int, default=30, help='samples in a batch; default: 30')
    parser.add_argument('--seconds', type=float, default=10, help='for each number; default: 10')
    parser.add_argument('--quick', action='store_true', help='one second and few short videos, to try this out')
    args = parser.parse_args()
    cores = available_cores()
    args.workers = args.workers or sorted({0, 1, *(2**power for power in range(1, 11) if 2**power < cores), cores})
    if args.quick:
        args.workers, args.batch, args.seconds = [0, 1, 2], 2, 1
    return args


def main() -> None:
    args = parse_args()
    print(f'{machine()}; {available_cores()} cores')
    torch.set_num_threads(1)
    keep_freed_memory()
    pipeline = Config.fromfile(Path(config_directory(), CONFIG)).train_dataloader.dataset.pipeline
    with tempfile.TemporaryDirectory() as folder:
        videos = given_or_rendered(args.videos, Path(folder), (2, 70) if args.quick else None)
        videos = compacted(videos, Path(folder, 'compacted')) if args.compact else videos
        dataset = VideoDataset(data_root=str(videos), pipeline=pipeline)
        for index in range(len(dataset)):  # files into the page cache, and their indices
            dataset[index]
        found = {number: measure(dataset, number, args.batch, args.seconds) for number in args.workers}
    one = found.get(1, found[min(found)])
    print('\n| workers | samples/s | workers, ms | training process, ms | system, % | new pages | model, samples/s |')
    print('|' + ' --- |' * 7)
    for number, values in found.items():
        times = (values['main_ms'], 0.0) if number == 0 else (one['worker_ms'], one['main_ms'])
        model = loader_rate(number, available_cores(), times[0] / 1e3, times[1] / 1e3)
        print(
            f'| {number} | {values["rate"]:.1f} | {values["worker_ms"]:.2f} | {values["main_ms"]:.2f} | '
            f'{100 * values["system"]:.0f} | {values["pages"]:.0f} | {model:.1f} |'
        )


if __name__ == '__main__':
    main()
