"""Measure how much, where and when the videos of a data set move, once, for samplers that prefer motion."""

import argparse
import functools
import os
import os.path as osp
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from rich.progress import track

from videossl.apis.user_errors import run_command
from videossl.checks import check_integer
from videossl.cores import available_cores
from videossl.datasets.motion_store import Motion, MotionStore, key_of
from videossl.datasets.preparation.checking import TIMEOUT, read_all
from videossl.datasets.readers.opening import open_as_training_does
from videossl.datasets.transforms import DecodeClips
from videossl.features.video_list import list_videos

from .extract_parsing import readable_size

SHORT_SIDE = 64  # pixels of a frame that is measured
FRAMES_AT_ONCE = 16
SHOWN_VIDEOS = 10  # unreadable ones, in the summary
GRID = (8, 8)  # rows and columns of a map
# Farneback's method, for frames of 64 pixels: two levels, windows of 11 pixels.
FARNEBACK: dict[str, Any] = dict(pyr_scale=0.5, levels=2, winsize=11, iterations=2, poly_n=5, poly_sigma=1.1, flags=0)


@dataclass
class MotionReport:
    """What a measurement did.

    Attributes:
        measured: number of videos measured now.
        found: number of videos that the file had already.
        unreadable: the reason for each video that could not be read.
    """

    measured: int = 0
    found: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [
            f'{self.measured} videos measured, {self.found} were there already, {len(self.unreadable)} cannot be read'
        ]
        lines += [f'  {path}: {reason}' for path, reason in list(self.unreadable.items())[:SHOWN_VIDEOS]]
        if len(self.unreadable) > SHOWN_VIDEOS:
            lines.append(f'  and {len(self.unreadable) - SHOWN_VIDEOS} more')
        return '\n'.join(lines)


def measure_motion(
    data_root: str,
    out: str,
    ann_file: str | None = None,
    every: int = 2,
    workers: int | None = None,
    timeout: float = TIMEOUT,
) -> MotionReport:
    """Measure the motion of every video that the file does not have yet.

    Each result is kept at once, so that the same call continues an interrupted run. Videos are read in other processes: one
    that crashes or blocks the decoder is named and left out, as is one that cannot be read.

    Args:
        data_root: folder of the videos.
        out: the file, see :mod:`videossl.datasets.motion_store`; made when missing.
        ann_file: list of videos, relative to ``data_root``; None: all videos of the folder.
        every: frames between two that are compared.
        workers: processes; None: one per processor.
        timeout: seconds after which a video counts as unreadable.

    Raises:
        ConfigError: an argument is out of range, or there are no videos.
        MotionStoreError: ``out`` is no such file, or has other settings.
    """
    check_integer('every', every)
    paths = list(dict.fromkeys(list_videos(dict(ann_file=ann_file, data_root=data_root)).paths))
    store = MotionStore(out)
    store.create(every, GRID)
    known = store.paths()
    missing = [path for path in paths if key_of(path) not in known]
    report = MotionReport(found=len(paths) - len(missing))
    measure = functools.partial(measure_into, store=store, data_root=data_root, every=every)
    outcomes = read_all(missing, workers or available_cores(), timeout, measure)
    for path, outcome in track(outcomes, 'Measuring motion', total=len(missing), disable=not missing):
        if outcome.error is None:
            report.measured += 1
        else:
            report.unreadable[path] = outcome.error
    return report


def measure_into(path: str, store: MotionStore, data_root: str, every: int) -> int:
    """Measure one video and keep the result; the number of its frames.

    Raises:
        VideoReadError: it cannot be read.
    """
    cv2.setNumThreads(1)
    motion = motion_of(osp.join(data_root, path), every)
    store.write(path, motion)
    return motion.total_frames


def motion_of(filename: str, every: int, grid: tuple[int, int] = GRID) -> Motion:
    """The motion of a video: the length of the optical flow (Farneback's) between frames 0, every, 2 * every, ...

    Args:
        filename: of the video.
        every: frames between two that are compared.
        grid: rows and columns of a map.

    Returns:
        The mean length of each cell of the grid, in pixels per frame of frames whose short side is 64 pixels. A video with
        a single frame to compare has one map of zeros.

    Raises:
        VideoReadError: it cannot be read.
    """
    opened = open_as_training_does(filename)
    reader, total = opened['video_reader'], int(opened['total_frames'])
    rows, columns = grid
    maps, before = [], None
    compared = np.arange(0, total, every)
    for start in range(0, len(compared), FRAMES_AT_ONCE):
        chosen = compared[start : start + FRAMES_AT_ONCE]
        decoded = DecodeClips(scale=SHORT_SIDE)(dict(video_reader=reader, frame_inds=chosen, filename=filename))
        for frame in decoded['imgs']:
            grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
            if before is not None:
                memory = np.empty((*grey.shape, 2), np.float32)  # for the result
                flow = cv2.calcOpticalFlowFarneback(before, grey, memory, **FARNEBACK)
                length = np.hypot(flow[..., 0], flow[..., 1]) / every
                maps.append(cv2.resize(length, (columns, rows), interpolation=cv2.INTER_AREA))
            before = grey
    return Motion(np.array(maps or [np.zeros(grid)], dtype=np.float32), every, total)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Measure the motion of every video of a data set by optical flow, for LoadMotion. The same command '
        'continues an interrupted run.'
    )
    parser.add_argument('--data-root', required=True, help='folder of videos; alone, it is scanned recursively')
    parser.add_argument('--ann-file', help='list of videos, relative to --data-root')
    parser.add_argument('--out', required=True, help='file for the motion, such as VIDEOS/motion.sqlite')
    parser.add_argument('--every', type=int, default=2, help='compare frames 0, N, 2N, ...; default: 2')
    parser.add_argument('--workers', type=int, help='processes; default: one per processor')
    parser.add_argument('--timeout', type=float, default=TIMEOUT, help=f'seconds for a video; default: {TIMEOUT:g}')
    args = parser.parse_args(argv)
    if args.workers is not None and args.workers < 1:
        parser.error(f'--workers must be at least 1, got {args.workers}')
    return args


def main(argv: list[str] | None = None) -> None:
    """Do what the arguments say; errors are raised as they are."""
    args = parse_args(argv)
    report = measure_motion(args.data_root, args.out, args.ann_file, args.every, args.workers, args.timeout)
    print(report)
    print(f'{args.out}: {readable_size(os.path.getsize(args.out))}')


def command() -> None:
    """Entry point of ``tools/data/measure_motion.py``."""
    run_command(main, own_errors=True, goes_on=True)


if __name__ == '__main__':
    command()
