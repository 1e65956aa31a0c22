"""Keeps frame indices on disk: one SQLite file for a data set, or one for each user."""

import json
import logging
import os
import sqlite3
import zlib
from contextlib import closing
from functools import lru_cache

import av
import numpy as np
from mmengine.logging import print_log

from .decoder import Orientation
from .frame_index import FrameIndex, SeekPoint
from .shards import place_of

FILE_NAME = 'videossl_frames.sqlite'
CACHE_VARIABLE = 'VIDEOSSL_CACHE'
LEVELS = 6  # folders above a video in which a data set's file is looked for
TIMEOUT = 10.0  # seconds to wait while another process writes
TABLE = (
    'CREATE TABLE IF NOT EXISTS frames '
    '(path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, version TEXT, facts TEXT, packets BLOB, points BLOB)'
)
# An index is valid for the FFmpeg that it was made with.
VERSION = ' '.join(['2', *('.'.join(map(str, av.library_versions[name])) for name in ('libavformat', 'libavcodec'))])


def load_index(path: str) -> FrameIndex | None:
    """The kept index of a video; None if there is no valid one."""
    stamp = os.stat(place_of(path).file)
    for store in _stores(os.path.dirname(os.path.abspath(path))):
        try:
            with closing(_connect(store, 'ro')) as database:
                row = database.execute(
                    'SELECT facts, packets, points FROM frames WHERE path = ? AND size = ? AND mtime = ? AND version = ?',
                    (_key(path, store), stamp.st_size, stamp.st_mtime_ns, VERSION),
                ).fetchone()
            if row is not None:
                return _unpacked(*row)
        except (sqlite3.Error, ValueError, TypeError, zlib.error):  # no such file, or a damaged one
            continue
    return None


def save_index(path: str, index: FrameIndex) -> None:
    """Keep a video's index, in the data set's file if there is one that can be written to, else in the user's."""
    stamp = os.stat(place_of(path).file)
    error: Exception | None = None
    for store in _stores(os.path.dirname(os.path.abspath(path))):
        try:
            if store == user_store():
                os.makedirs(os.path.dirname(store), exist_ok=True)
            with closing(_connect(store, 'rwc')) as database, database:
                database.execute(TABLE)
                database.execute(
                    'INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?, ?, ?)',
                    (_key(path, store), stamp.st_size, stamp.st_mtime_ns, VERSION, *_packed(index)),
                )
            return
        except (sqlite3.Error, OSError) as caught:
            error = caught
    _warn_once(f'frame indices cannot be kept, so each video is decoded as a whole whenever it is opened: {error}')


def make_store(folder: str) -> bool:
    """Let the indices of all videos below a folder be kept in it; False if nothing can be written there."""
    try:
        with closing(_connect(os.path.join(os.path.abspath(folder), FILE_NAME), 'rwc')) as database, database:
            database.execute(TABLE)
    except sqlite3.Error:
        return False
    _stores.cache_clear()
    return True


def user_store() -> str:
    """The user's file: in ``VIDEOSSL_CACHE``, else in the user's cache folder."""
    home = os.environ.get('XDG_CACHE_HOME') or os.path.join(os.path.expanduser('~'), '.cache')
    return os.path.join(os.path.abspath(os.environ.get(CACHE_VARIABLE) or os.path.join(home, 'videossl')), FILE_NAME)


@lru_cache(maxsize=4096)
def _stores(folder: str) -> list[str]:
    """The files for the videos in a folder: that of a data set around them, if there is one, and the user's."""
    found = []
    for _ in range(LEVELS):
        store = os.path.join(folder, FILE_NAME)
        if os.path.isfile(store):
            found.append(store)
            break
        folder = os.path.dirname(folder)
    return [*found, user_store()]


def _key(path: str, store: str) -> str:
    key = os.path.realpath(path) if store == user_store() else os.path.relpath(path, os.path.dirname(store))
    return key.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')


def _connect(store: str, mode: str) -> sqlite3.Connection:
    # A connection for each use, since none may pass a fork.
    return sqlite3.connect(f'file:{_quoted(store)}?mode={mode}', uri=True, timeout=TIMEOUT)


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(os.fsencode(path))


@lru_cache(maxsize=1)
def _warn_once(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)


def _packed(index: FrameIndex) -> tuple[str, bytes, bytes]:
    facts = dict(
        stream=index.stream,
        size=index.size,
        orientation=index.orientation,
        rate=index.rate,
        quick=index.quick,
        skips=index.skips,
    )
    steps = np.diff(index.packets, prepend=0).astype('<i4')
    return json.dumps(facts), zlib.compress(steps.tobytes()), zlib.compress(np.array(index.points, '<i8').tobytes())


def _unpacked(facts: str, packets: bytes, points: bytes) -> FrameIndex:
    rows = np.frombuffer(zlib.decompress(points), '<i8').reshape(-1, len(SeekPoint._fields)).tolist()
    steps = np.frombuffer(zlib.decompress(packets), '<i4')
    given = json.loads(facts)
    given.update(size=tuple(given['size']), orientation=Orientation(*given['orientation']))
    return FrameIndex(np.cumsum(steps, dtype=np.int64), [SeekPoint(*row) for row in rows], **given)
