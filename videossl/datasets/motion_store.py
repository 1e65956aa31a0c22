"""The measured motion of a data set: one SQLite file, with a coarse map of motion for every n-th frame of each video.

``tools/data/measure_motion.py`` writes it, :class:`~videossl.datasets.transforms.LoadMotion` reads it.
"""

import os
import sqlite3
import zlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import quote

import numpy as np

from videossl.errors import UserError

VERSION = 1
STEP = 1 / 16  # of the square root of a motion: fine where there is little
TIMEOUT = 120.0  # seconds to wait while another process writes
TABLES = (
    'CREATE TABLE IF NOT EXISTS settings (version INTEGER, every INTEGER, rows INTEGER, columns INTEGER)',
    'CREATE TABLE IF NOT EXISTS motion (path TEXT PRIMARY KEY, frames INTEGER, maps BLOB)',
)
HOW_TO_MAKE = 'videossl motion --data-root VIDEOS --out FILE'


class MotionStoreError(UserError, ValueError):
    """The file of motion cannot be used; the message names it."""


@dataclass
class Motion:
    """The motion of one video.

    Args:
        maps: float32 [n, rows, columns], pixels per frame of a frame whose short side is measured as 64 pixels. Entry i is
            for the frames from ``i * every`` up to ``(i + 1) * every``, not included.
        every: frames between two entries.
        total_frames: of the video.
    """

    maps: np.ndarray
    every: int
    total_frames: int

    @property
    def per_frame(self) -> np.ndarray:
        """Mean motion of each frame, float64 [total_frames]."""
        entries = np.arange(self.total_frames) // self.every
        return self.maps.mean(axis=(1, 2), dtype=np.float64)[np.minimum(entries, len(self.maps) - 1)]

    def map_of(self, first: int, last: int) -> np.ndarray:
        """Mean map of the frames from ``first`` to ``last``, both included, [rows, columns]."""
        begin = min(first // self.every, len(self.maps) - 1)
        return self.maps[begin : last // self.every + 1].mean(axis=0)


class MotionStore:
    """A data set's file of motion. A connection is opened for each use, since none may pass a fork.

    Args:
        file: the SQLite file.
    """

    def __init__(self, file: str | os.PathLike) -> None:
        self.file = os.fspath(file)

    def create(self, every: int, grid: tuple[int, int]) -> None:
        """Make the file, or check that a file which is there has these settings.

        Raises:
            MotionStoreError: the file cannot be written, is no such file or has other settings.
        """
        Path(self.file).parent.mkdir(parents=True, exist_ok=True)
        wanted = (VERSION, every, *grid)
        try:
            with closing(self._connect('rwc')) as database, database:
                for table in TABLES:
                    database.execute(table)
                found = database.execute('SELECT * FROM settings').fetchone()
                if found is None:
                    database.execute('INSERT INTO settings VALUES (?, ?, ?, ?)', wanted)
        except sqlite3.Error as error:
            raise MotionStoreError(f'{self.file} cannot be written as a file of motion: {error}') from error
        if found not in (None, wanted):
            raise MotionStoreError(
                f'{self.file} was made with other settings (version, every, rows, columns: {found} there, {wanted} wanted). '
                'Choose another file (--out), or the settings that are there'
            )

    def write(self, path: str, motion: Motion) -> None:
        """Keep the motion of a video, which ``path`` names below the data set's folder. Several processes may write."""
        stored = np.rint(np.sqrt(motion.maps) / STEP).clip(0, 255).astype(np.uint8)
        with closing(self._connect('rw')) as database, database:
            database.execute(
                'INSERT OR REPLACE INTO motion VALUES (?, ?, ?)',
                (key_of(path), motion.total_frames, zlib.compress(stored.tobytes())),
            )

    def paths(self) -> set[str]:
        """Keys of the videos whose motion is there, see :func:`key_of`."""
        return {path for (path,) in self._query('SELECT path FROM motion')}

    def read(self, filename: str | os.PathLike) -> Motion | None:
        """The motion of a video; None if it was not measured.

        Args:
            filename: of the video. The longest of its trailing parts that the file has, such as ``videos/a.mp4``, counts.

        Raises:
            MotionStoreError: the file is damaged or no such file.
        """
        parts = PurePath(filename).parts
        keys = [key_of(os.path.join(*parts[start:])) for start in range(len(parts))]
        places = ', '.join('?' * len(keys))
        found = self._query(
            f'SELECT frames, maps, every, rows, columns FROM motion, settings WHERE path IN ({places}) '
            'ORDER BY length(path) DESC LIMIT 1',
            keys,
        )
        if not found:
            return None
        frames, content, every, rows, columns = found[0]
        try:
            stored = np.frombuffer(zlib.decompress(content), np.uint8).reshape(-1, rows, columns)
        except (ValueError, zlib.error) as error:
            raise MotionStoreError(f'{self.file} is damaged: {error}. Make it again: {HOW_TO_MAKE}') from error
        return Motion(np.square(stored * np.float32(STEP)), every, frames)

    def _query(self, query: str, values: Sequence = ()) -> list[tuple]:
        try:
            with closing(self._connect('ro')) as database:
                return database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise MotionStoreError(
                f'{self.file} cannot be read as a file of motion: {error}. Make it with: {HOW_TO_MAKE}'
            ) from error

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(f'file:{quote(os.fsencode(self.file))}?mode={mode}', uri=True, timeout=TIMEOUT)


def key_of(path: str) -> str:
    """A path as the file has it, also where it is not UTF-8."""
    return PurePath(path).as_posix().encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')
