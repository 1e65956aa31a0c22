"""Samples a second of the input pipeline that auxSKD trains with, against mmaction2's stock transforms on the same files.

    python benchmarks/input_pipeline.py --videos FOLDER

Each pipeline makes two views of 16 frames of 112 x 112 (resized to 171 x 128, cropped, flipped, colours jittered):
mmaction2's on the files as they are, ours on the files as they are, and ours on what ``tools/data/compact.py`` makes of
them. One thread, no workers, files in the page cache. The pipelines take turns; a ratio is that of two neighbours in
time, and the median of the ratios is printed, with the smallest and the largest. Processor time is printed too, as other
work on the machine changes it less.

Ours does more: clips at up to 4 times the video's speed, which span up to 61 frames and not 16, and hue besides the other
colours (mmaction2's fails under NumPy 2). So mmaction2's transforms are also timed on our clips: its decoding, the same
frames.

Without ``--videos``, videos of moving texture are rendered, 340 x 256 with key frames up to 250 frames apart, as Kinetics
has them.
"""
import argparse
import os
import platform
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before the libraries start their threads

import av  # noqa: E402
import cv2  # noqa: E402
import decord  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from mmaction.datasets import VideoDataset as StockVideoDataset  # noqa: E402
from mmengine.config import Config  # noqa: E402

from videossl.apis.compact import compact  # noqa: E402
from videossl.compat import config_directory  # noqa: E402
from videossl.datasets import VideoDataset, scan_videos  # noqa: E402

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
GOALS = {'ours': 1.8, 'ours, compacted': 8.0}
STOCK, STOCK_ON_OUR_CLIPS = 'mmaction2', 'mmaction2, our clips'
WIDTH = len(STOCK_ON_OUR_CLIPS)


def render_videos(folder: Path, number: int = 8, num_frames: int = 300) -> None:
    """Texture that moves over a moving background, with noise as cameras have it."""
    for index in range(number):
        generator = np.random.default_rng(index)
        # Detail at all sizes, brightest at the coarse ones, as in photographs.
        textures = []
        for _ in range(2):
            layers = [cv2.resize(generator.normal(size=(side, side, 3)), (768, 768), interpolation=cv2.INTER_CUBIC) * 40 / level
                      for level, side in enumerate((6, 24, 96, 384), 1)]
            textures.append(np.clip(sum(layers) + 110, 0, 255).astype(np.uint8))
        noise = generator.normal(scale=3, size=(4, 256, 340, 3))
        speed = generator.uniform(-3, 3, size=(2, 2))
        with av.open(str(folder / f'{index}.mp4'), 'w') as container:
            stream = container.add_stream('libx264', rate=30, options=dict(preset='veryfast', g='250'))
            stream.width, stream.height, stream.pix_fmt = 340, 256, 'yuv420p'
            for time_index in range(num_frames):
                back, front = (np.roll(texture, (step * time_index).astype(int), axis=(0, 1))[:256, :340]
                               for texture, step in zip(textures, speed))
                frame = back.copy()
                left = int(110 + 80 * np.sin(time_index / 20))
                frame[60:200, left:left + 110] = front[60:200, left:left + 110]
                frame = np.clip(frame + noise[time_index % 4], 0, 255).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
            container.mux(stream.encode())


def build_pipelines(videos: Path, compacted: Path, scratch: Path) -> dict:
    """The data sets, by their names."""
    pipeline = Config.fromfile(Path(config_directory(), CONFIG)).train_dataloader.dataset.pipeline
    ann_file = scratch / 'list.txt'
    ann_file.write_text(''.join(f'{path} 0\n' for path in scan_videos(str(videos))))
    stock = [dict(transform, _scope_='mmaction') for transform in STOCK_PIPELINE]
    sampler = next(transform for transform in pipeline if transform.type.startswith('Sample'))
    on_our_clips = [dict(sampler, _scope_='videossl') if transform['type'] == 'SampleFrames' else transform
                    for transform in stock]
    folder = dict(video=str(videos))
    return {
        STOCK: StockVideoDataset(str(ann_file), stock, data_prefix=folder),
        STOCK_ON_OUR_CLIPS: StockVideoDataset(str(ann_file), on_our_clips, data_prefix=folder),
        'ours': VideoDataset(data_root=str(videos), pipeline=pipeline),
        'ours, compacted': VideoDataset(data_root=str(compacted), pipeline=pipeline),
    }


def measure(dataset: StockVideoDataset, samples: int, seed: int) -> tuple[float, float]:
    """Seconds for a sample: on the clock, and of processors."""
    np.random.seed(seed)
    began, processors_began = time.perf_counter(), time.process_time()
    for index in range(samples):
        inputs = dataset[index % len(dataset)]['inputs']
    spent = time.perf_counter() - began, time.process_time() - processors_began
    assert tuple(inputs.shape) == SHAPE and inputs.dtype == torch.uint8, (inputs.shape, inputs.dtype)
    return spent[0] / samples, spent[1] / samples


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
    measure(dataset, samples, seed=0)
    total = time.perf_counter() - began
    for transform in dataset.pipeline.transforms:
        for child in getattr(transform, 'transforms', ()):
            spent[type(transform).__name__] -= spent[type(child).__name__]
        vars(transform).pop('transform')
        for child in getattr(transform, 'transforms', ()):
            vars(child).pop('transform')
    spent['opening and the rest' if 'DecordInit' not in spent else 'the rest'] = total - sum(spent.values())
    return {name: 1000 * seconds / samples for name, seconds in spent.items()}


def report_line(name: str, spent: dict[str, list[tuple[float, float]]]) -> str:
    """What one pipeline took, and how that compares with mmaction2's."""
    clock, processors = (statistics.median(values) for values in zip(*spent[name]))
    line = f'{name:{WIDTH}} {1 / clock:6.1f} samples/s {1000 * clock:6.1f} ms a sample ({1000 * processors:.1f} of processors)'
    if name in GOALS:
        for other in (STOCK, STOCK_ON_OUR_CLIPS):
            ratios, of_processors = zip(*((theirs[0] / own[0], theirs[1] / own[1])
                                          for theirs, own in zip(spent[other], spent[name])))
            line += (f'\n{"":{WIDTH}}   {statistics.median(ratios):.2f} times {other} ({min(ratios):.2f} to '
                     f'{max(ratios):.2f}; by processors {statistics.median(of_processors):.2f})')
            line += f'; goal {GOALS[name]:g}' if other == STOCK else ''
    return line


def machine() -> str:
    """The processor and the versions of what decodes and computes."""
    name = platform.processor() or platform.machine()
    if os.path.exists('/proc/cpuinfo'):
        lines = Path('/proc/cpuinfo').read_text().splitlines()
        name = next((line.partition(':')[2].strip() for line in lines if line.startswith('model name')), name)
    load = f'; load {os.getloadavg()[0]:.1f}' if hasattr(os, 'getloadavg') else ''
    return (f'{name}, {os.cpu_count()} processors{load}; Python {platform.python_version()}, decord '
            f'{decord.__version__}, PyAV {av.__version__}, OpenCV {cv2.__version__}, NumPy {np.__version__}, torch {torch.__version__}')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--videos', type=Path, help='folder of videos as they are handed out; default: some are rendered')
    parser.add_argument('--runs', type=int, default=5, help='alternating runs; default: 5')
    parser.add_argument('--samples', type=int, default=36, help='samples a run and pipeline; default: 36')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        videos = args.videos
        if videos is None:
            videos = scratch / 'rendered'
            videos.mkdir()
            render_videos(videos)
        report = compact(str(videos), str(scratch / 'compacted'))
        print(report)
        if report.failed:
            raise SystemExit('the files that failed would be in one pipeline and not in another; take them out')
        datasets = build_pipelines(videos, scratch / 'compacted', scratch)
        for dataset in datasets.values():  # files into the page cache, code into memory
            measure(dataset, min(args.samples, len(dataset)), seed=0)
        spent = {name: [] for name in datasets}
        for run in range(args.runs):
            for name, dataset in datasets.items():
                spent[name].append(measure(dataset, args.samples, seed=run))
        print(f'\n{args.runs} runs of {args.samples} samples; one thread')
        for name in datasets:
            print(report_line(name, spent))
        print('\nmilliseconds a sample')
        for name, dataset in datasets.items():
            spent = profile(dataset, args.samples)
            print(f'{name:{WIDTH}} ' + ', '.join(f'{part} {value:.1f}' for part, value in spent.items()))


if __name__ == '__main__':
    main()
