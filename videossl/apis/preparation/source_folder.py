"""The folder of videos that a tool reads, and the folder beside it that the tool writes to."""

import argparse
import os
import os.path as osp
import shutil
from collections.abc import Sequence
from pathlib import Path

from videossl.datasets.annotations import scan_videos
from videossl.datasets.preparation.list_files import LIST_ENDINGS, ListFile, joined
from videossl.datasets.video_dataset import video_exists
from videossl.errors import ConfigError
from videossl.files import whole_file

from .report import CHECK_FILE, CLASSES_FILE, MISSING_FILE, UNREADABLE_FILE

COMPACTED_FILE, FAILED_FILE = 'compacted.jsonl', 'failed.txt'
NO_LISTS = {COMPACTED_FILE, FAILED_FILE, CHECK_FILE, CLASSES_FILE, MISSING_FILE, UNREADABLE_FILE}


def add_folders(parser: argparse.ArgumentParser, out: str) -> None:
    """Add ``--data-root``, ``--out`` and ``--ann-file``.

    Args:
        parser: to add them to.
        out: help of ``--out``.
    """
    parser.add_argument('--data-root', required=True, help='folder of videos; alone, it is scanned recursively')
    parser.add_argument('--out', required=True, help=out)
    parser.add_argument(
        '--ann-file',
        nargs='+',
        default=[],
        metavar='LIST',
        help='lists, relative to --data-root, of the videos to write; default: all videos, and the lists that lie in '
        '--data-root',
    )


def check_folders(data_root: str, out: str, begun: bool) -> None:
    """Refuse folders that cannot be meant.

    Args:
        data_root: folder of the videos.
        out: folder to write to.
        begun: an earlier call of the same tool wrote to ``out``.

    Raises:
        ConfigError: there is no ``data_root``, one folder lies in the other, or ``out`` holds files of something else.
    """
    if not osp.isdir(data_root):
        raise ConfigError(f'there is no folder {data_root}; name the folder of the videos with --data-root')
    source, target = osp.realpath(data_root), osp.realpath(out)
    if osp.commonpath([source, target]) in (source, target):
        raise ConfigError(
            f'--out must not be {data_root}, nor lie in it or around it, got {out}; choose a folder beside it'
        )
    if osp.isdir(out) and os.listdir(out) and not begun:
        raise ConfigError(f'{out} holds files that this tool did not write; choose another folder (--out)')


def find_lists(data_root: str, ann_files: Sequence[str]) -> tuple[list[tuple[ListFile, str]], list[str], list[str]]:
    """The lists, each with the folder below ``data_root`` that its paths are relative to; the videos, each once; and, for
    each other file that might be a list, the reason why it is not."""
    folders = ['', *sorted(name for name in os.listdir(data_root) if osp.isdir(osp.join(data_root, name)))]
    lists, videos, left_out = [], [], []
    for name in ann_files:
        try:
            file = ListFile(osp.join(data_root, name))
        except (OSError, ValueError) as error:
            raise ConfigError(str(error)) from None
        folder, found = file.prefix(folders, lambda path: video_exists(osp.join(data_root, path)))
        if not found:
            raise ConfigError(
                f'none of the first videos of {file.path} exists below {data_root}, the first being '
                f'{file.paths[0]}; correct --data-root'
            )
        paths = [joined(folder, path) for path in file.paths]
        outside = next((path for path in paths if path.startswith(('/', '../')) or osp.isabs(path)), None)
        if outside is not None:
            raise ConfigError(f'{file.path}: {outside} is no path below {data_root}, and could not lie below --out')
        lists.append((file, folder))
        videos += [
            f'{path}.mp4' if not osp.splitext(path)[1] and osp.isfile(osp.join(data_root, f'{path}.mp4')) else path
            for path in paths
        ]
    if ann_files:
        return lists, list(dict.fromkeys(videos)), []
    try:
        videos = [Path(video).as_posix() for video in scan_videos(data_root)]
    except FileNotFoundError as error:
        raise ConfigError(str(error)) from None
    known = set(videos)
    for name in sorted(os.listdir(data_root)):
        if name.lower().endswith(LIST_ENDINGS) and name not in NO_LISTS and osp.isfile(osp.join(data_root, name)):
            try:
                file = ListFile(osp.join(data_root, name))
            except (OSError, ValueError) as error:
                left_out.append(str(error))
                continue
            folder, found = file.prefix(folders, lambda path: path in known or f'{path}.mp4' in known)
            if found:
                lists.append((file, folder))
            else:
                left_out.append(f'{file.path}: there is no {file.paths[0]}, for example')
    return lists, videos, left_out


def check_targets(targets: Sequence[str]) -> None:
    """Refuse lists that would be written to one file.

    Raises:
        ConfigError: two of the files are the same.
    """
    twice = next((target for place, target in enumerate(targets) if target in targets[:place]), None)
    if twice is not None:
        raise ConfigError(f'two lists of --ann-file would both be written to {twice}; rename one of them')


def copy_classes(data_root: str, out: str) -> None:
    """Copy the names of the classes, where ``data_root`` has them."""
    if osp.isfile(osp.join(data_root, CLASSES_FILE)):
        with whole_file(osp.join(out, CLASSES_FILE)) as part:
            shutil.copyfile(osp.join(data_root, CLASSES_FILE), part)
