"""Put the videos of a data set into a few large files, which they are read from in place."""

import argparse
import os
import os.path as osp
import tarfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from rich.progress import track

from videossl.checks import check_positive
from videossl.datasets.preparation.list_files import joined
from videossl.datasets.preparation.writing import write_lines
from videossl.datasets.readers.shards import path_in_shard
from videossl.datasets.video_dataset import video_exists
from videossl.errors import ConfigError
from videossl.files import whole_file

from .compact import find_lists
from .report import printable

ALL_VIDEOS = 'videos.txt'  # the list that is written where there is none
SHARD_GIB = 1.0


def pack(data_root: str, out: str, ann_files: Sequence[str] = (), shard_gib: float = SHARD_GIB) -> dict[str, str]:
    """Write the videos of a data set, as they are, into uncompressed tar archives, and lists that name their places there.

    Args:
        data_root: folder of the videos, which are only read.
        out: folder for archives and lists; empty or missing.
        ann_files: lists, relative to ``data_root``, of the videos to take. Empty: all videos below the folder, and the lists
            that lie in it; without any list, one of all videos is written.
        shard_gib: size of an archive in GiB, about.

    Returns:
        The new path, relative to ``out``, of each video.

    Raises:
        ConfigError: an argument is invalid.
    """
    check_positive('--shard-gib', shard_gib, finite=False)
    if osp.isdir(out) and os.listdir(out):
        raise ConfigError(f'{out} is not empty; choose another folder (--out)')
    if not osp.isdir(data_root):
        raise ConfigError(f'there is no folder {data_root}; name the folder of the videos with --data-root')
    lists, videos, left_out = find_lists(data_root, ann_files)
    for name in left_out:
        print(printable(f'left out, as no list of these videos: {name}'))
    missing = [video for video in videos if not video_exists(osp.join(data_root, video))]
    if missing:
        print(
            printable(f'{len(missing)} videos do not exist and keep their paths in the lists, the first {missing[0]}')
        )
    gone = set(missing)
    present = [video for video in videos if video not in gone]
    os.makedirs(out, exist_ok=True)
    places: dict[str, str] = {}
    for number, members in enumerate(_shards(data_root, present, shard_gib * 2**30)):
        name = f'shard_{number:05d}.tar'
        places.update(_write_shard(data_root, osp.join(out, name), members))
    for file, prefix in lists:
        file.write(osp.join(out, osp.basename(file.path)), partial(_place, places, prefix))
    if not lists:
        write_lines(Path(out, ALL_VIDEOS), list(places.values()))
    return places


def _place(places: dict[str, str], prefix: str, path: str) -> str:
    return places.get(joined(prefix, path), path)


def _shards(data_root: str, videos: Sequence[str], limit: float) -> Iterator[list[str]]:
    """The videos of each archive, in their order."""
    members: list[str] = []
    total = 0
    for video in videos:
        size = osp.getsize(osp.join(data_root, video))
        if members and total + size > limit:
            yield members
            members, total = [], 0
        members.append(video)
        total += size
    if members:
        yield members


def _write_shard(data_root: str, target: str, videos: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Write an archive; (video, its new path) of each."""
    with whole_file(target) as part, tarfile.open(part, 'w') as archive:
        for video in track(videos, f'Writing {osp.basename(target)}'):
            archive.add(osp.realpath(osp.join(data_root, video)), video)
    with tarfile.open(target) as archive:
        for video, member in zip(videos, archive, strict=True):
            yield video, path_in_shard(osp.basename(target), member.offset_data, member.size, video)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Put the videos of a data set into a few large tar archives. Training reads them there, by lists that '
        'name each video by its place. For file systems and object stores that are slow with millions of small files. The '
        'videos are not changed; make them small with compact.py before.'
    )
    parser.add_argument('--data-root', required=True, help='folder of videos; alone, it is scanned recursively')
    parser.add_argument('--out', required=True, help='folder for archives and lists, empty or missing')
    parser.add_argument(
        '--ann-file',
        nargs='+',
        default=[],
        metavar='LIST',
        help='lists, relative to --data-root, of the videos to take; default: all videos, and the lists that lie in '
        '--data-root',
    )
    parser.add_argument(
        '--shard-gib', type=float, default=SHARD_GIB, help=f'size of an archive in GiB; default: {SHARD_GIB:g}'
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Entry point of ``tools/data/pack.py``."""
    args = parse_args(argv)
    try:
        places = pack(args.data_root, args.out, args.ann_file, args.shard_gib)
    except (ValueError, OSError) as error:  # ConfigError is a ValueError
        raise SystemExit(printable(str(error))) from None
    lists = sorted(path.name for path in Path(args.out).iterdir() if path.suffix != '.tar')
    print(f'{len(places)} videos; train with --data-root {args.out} --ann-file LIST, one of: {", ".join(lists)}')


if __name__ == '__main__':
    main()
