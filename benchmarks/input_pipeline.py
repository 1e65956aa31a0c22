"""Samples a second of the input pipeline that auxSKD trains with, against mmaction2's stock transforms on the same files.

    python benchmarks/input_pipeline.py --videos FOLDER

Each pipeline makes two views of 16 frames of 112 x 112 (resized to 171 x 128, cropped, flipped, colours jittered):
mmaction2's on the files as they are, ours on the files as they are, on what ``tools/data/compact.py`` makes of them, and on
what it makes of them with ``--size 170 128``, where our pipeline is set to that size and has nothing to scale. One thread, no
workers, files in the page cache. The pipelines take turns; a ratio is that of two neighbours in time, and the median of the
ratios is printed, with the smallest and the largest. Processor time is printed too, as other work on the machine changes it
less.

Ours does more: clips at up to 4 times the video's speed, which span up to 61 frames and not 16, and hue besides the other
colours (mmaction2's fails under NumPy 2). So mmaction2's transforms are also timed on our clips: its decoding, the same
frames.

Without ``--videos``, videos of moving texture are rendered, 340 x 256 with key frames up to 250 frames apart, as Kinetics
has them.
"""

import argparse
import copy
import os
import statistics
import tempfile
import time
from collections import defaultdict
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before the libraries start their threads

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from measuring import machine, ratios, take_turns, with_spread  # noqa: E402
from mmaction.datasets import VideoDataset as StockVideoDataset  # noqa: E402
from mmengine.config import Config  # noqa: E402
from rendered_videos import compacted, given_or_rendered  # noqa: E402

from videossl.apis.running.launch import keep_freed_memory  # noqa: E402
from videossl.compat import config_directory  # noqa: E402
from videossl.datasets import VideoDataset, scan_videos  # noqa: E402
from videossl.datasets.preparation.reencoding import Reencoding  # noqa: E402

CONFIG = 'aux_skd/aux-skd_r3d-10_16x1x1-20e_k100-rgb.py'
STOCK_PIPELINE = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', clip_len=16, frame_interval=1, num_clips=2),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(171, 128), keep_ratio=False),
    dict(type='RandomCrop', size=112),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='ColorJitter', brightness=0.8, contrast=0.8, saturation=0.8, hue=0),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
SHAPE = (2, 3, 16, 112, 112)
GOALS = {'ours': 1.8, 'ours, compacted': 8.0, 'ours, sized': 8.0}
SIZE = (170, 128)  # an even width, next to the 171 of the configs
STOCK, STOCK_ON_OUR_CLIPS = 'mmaction2', 'mmaction2, our clips'
WIDTH = len(STOCK_ON_OUR_CLIPS)


def build_pipelines(videos: Path, compacted: Path, sized: Path, scratch: Path) -> dict:
    """The data sets, by their names."""
    pipeline = Config.fromfile(Path(config_directory(), CONFIG)).train_dataloader.dataset.pipeline
    ann_file = scratch / 'list.txt'
    ann_file.write_text(''.join(f'{path} 0\n' for path in scan_videos(str(videos))))
    stock = [dict(transform, _scope_='mmaction') for transform in STOCK_PIPELINE]
    unscaled = copy.deepcopy(pipeline)
    unscaled.clips.transforms.resize.scale = SIZE
    sampler = pipeline.sample
    on_our_clips = [
        dict(sampler, _scope_='videossl') if transform['type'] == 'SampleFrames' else transform for transform in stock
    ]
    folder = dict(video=str(videos))
    return {
        STOCK: StockVideoDataset(str(ann_file), stock, data_prefix=folder),
        STOCK_ON_OUR_CLIPS: StockVideoDataset(str(ann_file), on_our_clips, data_prefix=folder),
        'ours': VideoDataset(data_root=str(videos), pipeline=pipeline),
        'ours, compacted': VideoDataset(data_root=str(compacted), pipeline=pipeline),
        'ours, sized': VideoDataset(data_root=str(sized), pipeline=unscaled),
    }


def run_through(dataset: StockVideoDataset, samples: int, seed: int) -> None:
    """Make so many samples."""
    np.random.seed(seed)
    for index in range(samples):
        inputs = dataset[index % len(dataset)]['inputs']
    assert tuple(inputs.shape) == SHAPE and inputs.dtype == torch.uint8, (inputs.shape, inputs.dtype)


class Rival:
    """A pipeline in a process of its own, so that what one does to the allocator is not the others' gain or loss.

    Args:
        name: of the pipeline.
        folders: those of :func:`build_pipelines`.
        samples: in a turn.
    """

    def __init__(self, name: str, folders: tuple[Path, ...], samples: int) -> None:
        self.connection, other = get_context('spawn').Pipe()
        self.process = get_context('spawn').Process(target=serve, args=(other, name, folders, samples), daemon=True)
        self.process.start()
        other.close()
        self.connection.recv()

    def turn(self, run: int) -> tuple[float, float]:
        """Seconds on the clock and of processors."""
        self.connection.send(run)
        return self.connection.recv()

    def parts(self) -> dict[str, float]:
        """Milliseconds of each transform."""
        self.connection.send('parts')
        return self.connection.recv()


def serve(connection: Connection, name: str, folders: tuple[Path, ...], samples: int) -> None:
    """A rival's life."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if name.startswith('ours'):
        keep_freed_memory()  # as tools/train.py does
    dataset = build_pipelines(*folders)[name]
    run_through(dataset, max(samples, len(dataset)), seed=0)  # files into the page cache, code into memory
    connection.send('ready')
    while True:
        try:
            asked = connection.recv()
        except EOFError:
            return
        if asked == 'parts':
            connection.send(profile(dataset, samples))
            continue
        connection.send(take_turns({name: lambda _: run_through(dataset, samples, asked)}, 1)[name][0])


def profile(dataset: StockVideoDataset, samples: int) -> dict[str, float]:
    """Milliseconds a sample in each transform; those inside ``EachClip`` by themselves."""
    spent = defaultdict(float)

    def watch(transform) -> None:
        name, original = type(transform).__name__, transform.transform

        def timed(results):
            began = time.perf_counter()
            results = original(results)
            spent[name] += time.perf_counter() - began
            return results

        transform.transform = timed

    for transform in dataset.pipeline.transforms:
        watch(transform)
        for child in getattr(transform, 'transforms', ()):
            watch(child)
    began = time.perf_counter()
    run_through(dataset, samples, seed=0)
    total = time.perf_counter() - began
    for transform in dataset.pipeline.transforms:
        for child in getattr(transform, 'transforms', ()):
            spent[type(transform).__name__] -= spent[type(child).__name__]
        vars(transform).pop('transform')
        for child in getattr(transform, 'transforms', ()):
            vars(child).pop('transform')
    opening_seen = any(name.endswith('Init') for name in spent)
    spent['the rest' if opening_seen else 'opening and the rest'] = total - sum(spent.values())
    return {name: 1000 * seconds / samples for name, seconds in spent.items()}


def report_line(name: str, spent: dict[str, list[tuple[float, float]]], samples: int) -> str:
    """What one pipeline took, and how that compares with mmaction2's."""
    clock, processors = (statistics.median(values) / samples for values in zip(*spent[name]))
    line = f'{name:{WIDTH}} {1 / clock:6.1f} samples/s {1000 * clock:6.1f} ms a sample ({1000 * processors:.1f} of processors)'
    if name in GOALS:
        for other in (STOCK, STOCK_ON_OUR_CLIPS):
            line += (
                f'\n{"":{WIDTH}}   {with_spread(ratios(spent[other], spent[name]))} times {other}; by processors '
                f'{with_spread(ratios(spent[other], spent[name], 1))}'
            )
            line += f'; goal {GOALS[name]:g}' if other == STOCK else ''
    return line


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--videos', type=Path, help='folder of videos as they are handed out; default: some are rendered'
    )
    parser.add_argument('--runs', type=int, default=5, help='alternating runs; default: 5')
    parser.add_argument('--samples', type=int, default=36, help='samples a run and pipeline; default: 36')
    parser.add_argument(
        '--quick', action='store_true', help='2 rendered videos, 1 run of 2 samples: whether it works at all'
    )
    args = parser.parse_args()
    if args.quick:
        args.runs, args.samples = 1, 2
    return args


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        videos = given_or_rendered(args.videos, scratch, (2, 80) if args.quick else None)
        small = compacted(videos, scratch / 'compacted'), compacted(videos, scratch / 'sized', Reencoding(size=SIZE))
        folders = videos, *small, scratch
        rivals = {name: Rival(name, folders, args.samples) for name in build_pipelines(*folders)}
        spent = {name: [] for name in rivals}
        for run in range(args.runs):
            for name, rival in rivals.items():
                spent[name].append(rival.turn(run))
        print(f'\n{args.runs} runs of {args.samples} samples; one thread and one process each')
        for name in rivals:
            print(report_line(name, spent, args.samples))
        print('\nmilliseconds a sample')
        for name, rival in rivals.items():
            print(f'{name:{WIDTH}} ' + ', '.join(f'{part} {value:.1f}' for part, value in rival.parts().items()))


if __name__ == '__main__':
    main()
