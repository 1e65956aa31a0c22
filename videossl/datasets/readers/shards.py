"""Videos that lie inside uncompressed tar archives and are read where they are.

A path ``ARCHIVE.tar/@START+SIZE/NAME`` names such a video by the bytes of its file in the archive, so that neither the archive
nor a table of it has to be searched. FFmpeg reads them as a file of their own. ``tools/data/pack.py`` writes archives and lists.
"""

import os
import re
from typing import NamedTuple

_PATH = re.compile(r'(.+\.tar)/@([0-9]+)\+([0-9]+)/.+', re.DOTALL)


class Place(NamedTuple):
    """Where the bytes of a video are.

    Args:
        file: that holds them.
        start: position of the first one.
        size: how many; None: all.
    """

    file: str
    start: int = 0
    size: int | None = None


def place_of(path: str) -> Place:
    """The place of a video; the file itself for any other path."""
    match = _PATH.fullmatch(path)
    return Place(path) if match is None else Place(match[1], int(match[2]), int(match[3]))


def path_in_shard(archive: str, start: int, size: int, name: str) -> str:
    """The path of a video inside an archive."""
    return f'{archive}/@{start}+{size}/{name}'


def source_for_ffmpeg(path: str) -> tuple[str, str]:
    """What FFmpeg opens for a path, never a URL of somebody's, and the protocols that it may use for it."""
    file, start, size = place_of(os.path.abspath(path))  # begins with a slash, so never with the name of a protocol
    if size is None:
        return file, 'file'
    return f'subfile,,start,{start},end,{start + size},,:{file}', 'file,subfile'
