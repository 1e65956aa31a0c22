"""Ten thousand small videos as loose files and in one archive of ``tools/data/pack.py``: what each costs.

    python benchmarks/shards.py

Some MovingShapes videos are rendered and compacted, and their bytes are copied to 10,000 names in 100 folders. Both ways give
the same samples (VSPP's of ``configs/laptop``: one clip of 16 x 64 x 64). Printed are the seconds of a processor to find the
videos (to search the folder, or to read the archive's list), files and bytes on the disk, MiB of the data set in memory,
milliseconds of a processor to open a video, and samples/s by the clock and by processor time, in alternating turns; a ratio is
how many times as fast the archive is. ``cold``: the system was asked to forget the files' contents before each turn; it keeps
their names and places.
"""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from measuring import machine, memory, ratios, take_turns, with_spread
from mmengine.config import Config
from rendered_videos import compacted

from videossl.apis.preparation.pack import pack
from videossl.apis.running.launch import keep_freed_memory
from videossl.compat import config_directory
from videossl.datasets import VideoDataset, write_moving_shapes
from videossl.datasets.readers import PyAVReader

CONFIG = 'laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'
LOOSE, SHARD = 'loose files', 'one archive'


def copies(folder: Path, number: int, sources: list[Path]) -> None:
    """So many files in 100 folders with the contents of a few."""
    for index in range(number):
        target = folder / f'class_{index % 100:03d}' / f'video_{index:06d}.mp4'
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sources[index % len(sources)], target)


def forget(files: list[Path]) -> None:
    """Ask the system to drop the files' contents from its cache."""
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--number', type=int, default=10_000, help='of videos; default: 10000')
    parser.add_argument('--samples', type=int, default=400, help='in a turn; default: 400')
    parser.add_argument('--runs', type=int, default=5, help='alternating turns; default: 5')
    parser.add_argument('--quick', action='store_true', help='few videos, to try this out')
    args = parser.parse_args()
    if args.quick:
        args.number, args.samples, args.runs = 20, 4, 2
    return args


def main() -> None:
    args = parse_args()
    print(machine())
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    keep_freed_memory()
    pipeline = Config.fromfile(Path(config_directory(), CONFIG)).train_dataloader.dataset.pipeline
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        few = 2 if args.quick else 8
        rendered = write_moving_shapes(folder / 'rendered', num_train=few, num_test=1, size=128, num_frames=64)
        sources = sorted(compacted(Path(rendered) / 'videos' / 'train', folder / 'compacted').glob('*.mp4'))
        copies(folder / 'loose', args.number, sources)
        began = time.perf_counter()
        pack(str(folder / 'loose'), str(folder / 'shards'), shard_gib=64)
        print(f'\npacked {args.number} videos in {time.perf_counter() - began:.1f} s')
        print('| | finding, s | files | MiB on the disk | MiB in memory | opening, ms |')
        print('|' + ' --- |' * 6)
        sets = {}
        for name, arguments in (
            (LOOSE, dict(data_root=str(folder / 'loose'))),
            (SHARD, dict(data_root=str(folder / 'shards'), ann_file='videos.txt')),
        ):
            before, began = memory()['own'], time.process_time()
            dataset = sets[name] = VideoDataset(pipeline=pipeline, **arguments)
            seconds, held = time.process_time() - began, memory()['own'] - before
            files = [path for path in Path(arguments['data_root']).rglob('*') if path.is_file()]
            size = sum(path.stat().st_blocks * 512 for path in files) / 2**20
            paths = [
                dataset.get_data_info(index)['filename'] for index in range(0, args.number, max(args.number // 200, 1))
            ]
            PyAVReader(paths[0])
            began = time.process_time()
            for path in paths:
                PyAVReader(path).close()
            opening = 1e3 * (time.process_time() - began) / len(paths)
            print(f'| {name} | {seconds:.2f} | {len(files)} | {size:.1f} | {held:.1f} | {opening:.2f} |')
        everything = {
            name: [path for path in Path(data.data_root).rglob('*') if path.is_file()] for name, data in sets.items()
        }

        def read(name: str, run: int) -> None:
            generator = np.random.default_rng(run)
            np.random.seed(run)
            for index in generator.integers(0, args.number, args.samples):
                sets[name][int(index)]

        def cold(name: str, run: int) -> None:
            forget(everything[name])
            began[name] = time.perf_counter()
            read(name, run)
            passed[name].append(time.perf_counter() - began[name])

        for name in sets:
            read(name, 0)
        warm = take_turns({name: lambda run, name=name: read(name, run) for name in sets}, args.runs)
        began, passed = {}, {name: [] for name in sets}
        take_turns({name: lambda run, name=name: cold(name, run) for name in sets}, args.runs)
    print('\n| samples/s | warm | by processor time | cold |')
    print('|' + ' --- |' * 4)
    for name in sets:
        rates = [[args.samples / turn[which] for turn in warm[name]] for which in (0, 1)]
        cells = [*rates, [args.samples / seconds for seconds in passed[name]]]
        print(f'| {name} | ' + ' | '.join(with_spread(cell, 1) for cell in cells) + ' |')
    print(f'ratio {with_spread(ratios(warm[LOOSE], warm[SHARD]))} on the clock')
    print(f'ratio {with_spread(ratios(warm[LOOSE], warm[SHARD], 1))} by processor time')


if __name__ == '__main__':
    main()
