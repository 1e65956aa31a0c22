"""Finds the videos of a folder or list that cannot be read, before a run does."""

import argparse
import os.path as osp
from collections.abc import Sequence

import numpy as np

from videossl.apis.user_errors import run_command
from videossl.datasets.annotations import read_annotations, scan_videos
from videossl.datasets.broken_videos import line_of
from videossl.datasets.preparation import check_videos
from videossl.datasets.preparation.checking import TIMEOUT, read_video
from videossl.datasets.readers.index_store import make_store
from videossl.datasets.readers.opening import open_as_training_does, video_exists
from videossl.datasets.transforms import DecodeClips
from videossl.errors import ConfigError
from videossl.files import whole_file

SHOWN = 20  # broken videos
FRAMES_AT_ONCE = 16


def read_every_frame(path: str) -> int:
    """Decode a video from beginning to end, as training does; the number of its frames.

    Raises:
        VideoReadError: it cannot be read.
    """
    opened = open_as_training_does(path)
    reader, total = opened['video_reader'], int(opened['total_frames'])
    for start in range(0, total, FRAMES_AT_ONCE):
        frames = np.arange(start, min(start + FRAMES_AT_ONCE, total))
        DecodeClips()(dict(video_reader=reader, frame_inds=frames, filename=path))
    return total


def videos_to_check(data_root: str | None, ann_file: str | None) -> list[str]:
    """The paths of the videos that a data set with these arguments has.

    Raises:
        ConfigError: neither is given, or none of the videos exists.
        FileNotFoundError: there is no such list or folder, or no video in it.
    """
    if ann_file is None:
        if data_root is None:
            raise ConfigError('name the videos: --data-root FOLDER, --ann-file LIST, or both')
        return [osp.join(data_root, path) for path in scan_videos(data_root)]
    ann_file = osp.join(data_root or '', ann_file)
    paths = [osp.join(data_root or '', path) for path, _ in read_annotations(ann_file)]
    # As mmaction2 reads them.
    paths = list(dict.fromkeys(path if osp.splitext(path)[1] else f'{path}.mp4' for path in paths))
    if not any(map(video_exists, paths)):
        raise ConfigError(
            f'none of the {len(paths)} videos of {ann_file} exists, the first being {paths[0]}; check --data-root'
        )
    return paths


def write_broken(file: str, unreadable: dict[str, str]) -> None:
    """Replace the list of broken videos, a line of path, tab and reason for each."""
    with whole_file(file) as temporary:
        with temporary.open('w', encoding='utf-8', errors='surrogateescape', newline='\n') as out:
            out.writelines(line_of(osp.abspath(path), reason) for path, reason in unreadable.items())


def report(paths: Sequence[str], unreadable: dict[str, str], file: str) -> str:
    """How many can be read, and the first that cannot."""
    if not unreadable:
        return f'all {len(paths)} videos can be read'
    lines = [
        f'{len(unreadable)} of {len(paths)} videos cannot be read. Training takes others in their place, and a test '
        'counts them as wrong:'
    ]
    lines += [f'  {path}: {reason}' for path, reason in list(unreadable.items())[:SHOWN]]
    if len(unreadable) > SHOWN:
        lines.append(f'  and {len(unreadable) - SHOWN} more')
    lines.append(f'all are in {file}')
    return '\n'.join(lines).encode('utf-8', 'backslashreplace').decode('utf-8')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Try to read every video, in processes of their own, so that a decoder that crashes or hangs costs one '
        'video. The same command continues an interrupted run, and reads again only what has changed. Ends with status 1 if '
        'a video cannot be read.'
    )
    parser.add_argument('--data-root', help='folder of videos; alone, it is scanned recursively')
    parser.add_argument('--ann-file', help='list of videos, relative to --data-root')
    parser.add_argument(
        '--out',
        default='work_dirs/check_videos',
        help='folder for broken_videos.txt and the results so far; default: work_dirs/check_videos',
    )
    parser.add_argument(
        '--every-frame', action='store_true', help='decode all frames, and not only the first, the middle and the last'
    )
    parser.add_argument('--workers', type=int, help='processes; default: one per processor')
    parser.add_argument('--timeout', type=float, default=TIMEOUT, help=f'seconds for a video; default: {TIMEOUT:g}')
    args = parser.parse_args(argv)
    if args.workers is not None and args.workers < 1:
        parser.error(f'--workers must be at least 1, got {args.workers}')
    if not args.timeout > 0:
        parser.error(f'--timeout must be a positive number of seconds, got {args.timeout}')
    return args


def main(argv: list[str] | None = None) -> None:
    """Do what the arguments say; errors are raised as they are."""
    args = parse_args(argv)
    results = 'every_frame.jsonl' if args.every_frame else 'three_frames.jsonl'
    file = osp.join(args.out, 'broken_videos.txt')
    paths = videos_to_check(args.data_root, args.ann_file)
    make_store(args.data_root or osp.dirname(args.ann_file))  # of the frame indices that reading them makes
    unreadable = check_videos(
        paths,
        osp.join(args.out, results),
        args.workers,
        args.timeout,
        read_every_frame if args.every_frame else read_video,
    )
    write_broken(file, unreadable)
    print(report(paths, unreadable, file))
    if unreadable:
        raise SystemExit(1)


def command() -> None:
    """Entry point of ``tools/data/check_videos.py``."""
    run_command(main, own_errors=True, goes_on=True)


if __name__ == '__main__':
    command()
