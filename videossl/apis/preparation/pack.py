"""Put the videos of a data set into a few large files, which they are read from in place."""

import argparse
import os
import os.path as osp
import re
import tarfile
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from rich.progress import track

from videossl.apis.user_errors import run_command
from videossl.checks import check_positive
from videossl.datasets.preparation.list_files import joined
from videossl.datasets.preparation.writing import write_lines
from videossl.datasets.readers.shards import path_in_shard
from videossl.datasets.video_dataset import video_exists
from videossl.files import remove_temporaries, whole_file

from .report import printable
from .source_folder import NO_LISTS, add_folders, check_folders, check_targets, copy_classes, find_lists

ALL_VIDEOS = 'videos.txt'  # the list that is written where there is none
SHARD_GIB = 1.0


def pack(data_root: str, out: str, ann_files: Sequence[str] = (), shard_gib: float = SHARD_GIB) -> dict[str, str]:
    """Write the videos of a data set, as they are, into uncompressed tar archives, and lists that name their places there.

    An archive gets its name once it is whole, and is never written again. Videos that an archive holds as they are now are
    kept, so that the same call continues an interrupted one. New and changed videos go into further archives.

    Args:
        data_root: folder of the videos, which are only read.
        out: folder for archives and lists; empty, missing, or of an earlier call.
        ann_files: lists, relative to ``data_root``, of the videos to take. Empty: all videos below the folder, and the lists
            that lie in it; without any list, one of all videos is written.
        shard_gib: size of an archive in GiB, about.

    Returns:
        The new path, relative to ``out``, of each video.

    Raises:
        ConfigError: an argument is invalid.
    """
    check_positive('--shard-gib', shard_gib, finite=False)
    shards = _shards_in(out)
    check_folders(data_root, out, begun=bool(shards) or any(Path(out).glob('.shard_*.tar.*.tmp')))
    lists, videos, left_out = find_lists(data_root, ann_files)
    targets = [osp.join(out, osp.basename(file.path)) for file, _ in lists]
    check_targets(targets)
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
    remove_temporaries(out, 'shard_*.tar')
    found = dict(_packed(data_root, shards.values(), set(present)))
    if found:
        print(f'{len(found)} of {len(present)} videos are in archives already')
    todo = [video for video in present if video not in found]
    for number, members in enumerate(_members(data_root, todo, shard_gib * 2**30), max(shards, default=-1) + 1):
        found.update(_write_shard(data_root, osp.join(out, f'shard_{number:05d}.tar'), members))
    places = {video: found[video] for video in present}
    for (file, prefix), target in zip(lists, targets):
        file.write(target, partial(_place, places, prefix))
    if not lists:
        write_lines(Path(out, ALL_VIDEOS), list(places.values()))
    copy_classes(data_root, out)
    return places


def _shards_in(out: str) -> dict[int, Path]:
    """The archives that earlier calls wrote, by their number."""
    matches = {path: re.fullmatch(r'shard_(\d{5,})\.tar', path.name) for path in sorted(Path(out).glob('shard_*.tar'))}
    return {int(match[1]): path for path, match in matches.items() if match}


def _packed(data_root: str, shards: Iterable[Path], wanted: Container[str]) -> Iterator[tuple[str, str]]:
    """(video, its new path) of each wanted video that an archive holds, and that has not changed since."""
    for path in shards:
        try:
            with tarfile.open(path) as archive:
                members = archive.getmembers()
        except tarfile.TarError as error:
            print(f'{path} is damaged ({error}): its videos are written again; remove it then')
            continue
        for member in members:
            if member.name in wanted:
                status = os.stat(osp.join(data_root, member.name))
                if (member.size, member.mtime) == (status.st_size, status.st_mtime):
                    yield member.name, _path_of(path, member)


def _path_of(archive: str | Path, member: tarfile.TarInfo) -> str:
    return path_in_shard(osp.basename(archive), member.offset_data, member.size, member.name)


def _place(places: dict[str, str], prefix: str, path: str) -> str:
    video = joined(prefix, path)
    return places.get(video) or places.get(f'{video}.mp4') or path


def _members(data_root: str, videos: Sequence[str], limit: float) -> Iterator[list[str]]:
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
    # dereference: of two names of one file, hard links, each gets its bytes.
    with whole_file(target) as part, tarfile.open(part, 'w', dereference=True) as archive:
        for video in track(videos, f'Writing {osp.basename(target)}'):
            archive.add(osp.join(data_root, video), video)
    with tarfile.open(target) as archive:
        for video, member in zip(videos, archive, strict=True):
            yield video, _path_of(target, member)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Put the videos of a data set into a few large tar archives. Training reads them there, by lists that '
        'name each video by its place. For file systems and object stores that are slow with millions of small files. The '
        'videos are not changed; make them small with compact.py before. The same command continues an interrupted run.'
    )
    add_folders(parser, out='folder for archives and lists, beside the other one')
    parser.add_argument(
        '--shard-gib', type=float, default=SHARD_GIB, help=f'size of an archive in GiB; default: {SHARD_GIB:g}'
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Do what the arguments say; errors are raised as they are."""
    args = parse_args(argv)
    places = pack(args.data_root, args.out, args.ann_file, args.shard_gib)
    lists = sorted(
        path.name for path in Path(args.out).iterdir() if path.suffix != '.tar' and path.name not in NO_LISTS
    )
    print(f'{len(places)} videos; train with --data-root {args.out} --ann-file LIST, one of: {", ".join(lists)}')


def command() -> None:
    """Entry point of ``tools/data/pack.py``."""
    run_command(main, own_errors=True, goes_on=True)


if __name__ == '__main__':
    command()
