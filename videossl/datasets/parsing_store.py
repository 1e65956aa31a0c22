"""Stored human parsing: one file a video, with the parsing of every n-th frame, written whole or not at all.

A file is a compressed ``.npz``: ``info`` (JSON as bytes, see :class:`ParsingInfo`) and for each frame kept ``frame_000012``,
uint8 [C, h, w], the logarithm of each class's probability in steps of 1/16 from 0 (probability 1) down to -255/16. Each
frame is a member of its own, so that reading one does not decompress the others.
"""

import json
import os
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from videossl.errors import UserError
from videossl.files import whole_file

FORMAT = 'videossl parsing'
VERSION = 1
STEP = 1 / 16  # of the logarithm of a probability
HOW_TO_MAKE = 'videossl parsing --data-root VIDEOS --out FOLDER --teacher SCHP --checkpoint FILE'


class ParsingStoreError(UserError, ValueError):
    """A stored parsing cannot be used; the message names the file and says how to make it."""


@dataclass(frozen=True)
class ParsingInfo:
    """The record in a file of stored parsing.

    Args:
        class_names: of the teacher, in index order.
        left_right_pairs: classes that are swapped in a mirror image.
        every: frames 0, every, 2 * every, ... are stored.
        total_frames: of the video.
        original_size: (height, width) of the video's frames.
        side: length of the maps' short side.
        teacher: what made the maps, in words.
    """

    class_names: tuple[str, ...]
    left_right_pairs: tuple[tuple[int, int], ...]
    every: int
    total_frames: int
    original_size: tuple[int, int]
    side: int
    teacher: str

    @property
    def frames(self) -> range:
        """Indices of the frames that are stored."""
        return range(0, self.total_frames, self.every)

    def nearest(self, frame: int) -> int:
        """The stored frame that is nearest to a frame of the video, the earlier of two."""
        return min(self.frames, key=lambda stored: abs(stored - frame))


def map_path(folder: str | os.PathLike, video: str | os.PathLike) -> Path:
    """Path of the parsing of a video: its path relative to the videos' folder, and ``.npz`` after its own ending.

    Raises:
        ValueError: if the path is not relative, or leads out of the folder: two videos could then share a file.
    """
    video = Path(video)
    if video.is_absolute() or '..' in video.parts or not video.name:
        raise ValueError(
            f'{video} is no path below the folder of the videos; set data_root (--data-root) so that it is'
        )
    return Path(folder, video.parent, f'{video.name}.npz')


def quantise(log_probabilities: np.ndarray) -> np.ndarray:
    """Logarithms of probabilities, float [...], to uint8; values below -255/16 become -255/16."""
    return np.clip(np.rint(-np.asarray(log_probabilities) / STEP), 0, 255).astype(np.uint8)


def dequantise(stored: np.ndarray) -> np.ndarray:
    """What :func:`quantise` wrote as float32; off by 1/32 at most, above the lower bound."""
    return stored.astype(np.float32) * -STEP


def write_parsing(path: str | os.PathLike, maps: Iterable[tuple[int, np.ndarray]], info: ParsingInfo) -> None:
    """Write the parsing of one video. The file gets its name when it is whole; a failure leaves no file.

    Args:
        path: The file, ``.npz``.
        maps: Pairs of a frame's index and its logarithms of probabilities, float [C, h, w], for all of ``info.frames``.
            They may come one by one, as they are computed.
        info: See :class:`ParsingInfo`.

    Raises:
        ValueError: If the maps are of other frames, or of another number of classes, than the information says.
    """
    with whole_file(path) as temporary, zipfile.ZipFile(temporary, 'w', zipfile.ZIP_DEFLATED) as archive:
        content = json.dumps(dict(format=FORMAT, version=VERSION, **asdict(info)))
        _write_member(archive, 'info', np.frombuffer(content.encode(), dtype=np.uint8))
        expected = iter(info.frames)
        for frame, log_probabilities in maps:
            if frame != next(expected, None):
                raise ValueError(f'{path}: frame {frame} does not belong there; stored are the frames {info.frames}')
            if len(log_probabilities) != len(info.class_names):
                raise ValueError(
                    f'{path}: frame {frame} has {len(log_probabilities)} classes instead of {len(info.class_names)}'
                )
            _write_member(archive, _member(frame), quantise(log_probabilities))
        missing = next(expected, None)
        if missing is not None:
            raise ValueError(f'{path}: frame {missing} is missing; stored are the frames {info.frames}')


def read_map(path: str | os.PathLike, frame: int) -> tuple[np.ndarray, ParsingInfo]:
    """The map that is nearest in time to a frame.

    Returns:
        Logarithms of probabilities, float32 [C, h, w], of the whole frame ``info.nearest(frame)``, and the information.

    Raises:
        FileNotFoundError: There is no such file.
        ParsingStoreError: It is not whole, or not of this kind.
    """
    info, stored = _read(path, frame)
    assert stored is not None
    return dequantise(stored), info


def verify(path: str | os.PathLike) -> ParsingInfo:
    """Read all of a file, check it against its checksums, and return its record.

    Raises:
        FileNotFoundError: There is no such file.
        ParsingStoreError: It is not whole, or not of this kind.
    """
    info = _read(path)[0]
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            lacking = {f'{_member(frame)}.npy' for frame in info.frames} - set(archive.namelist())
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _unusable(path, str(error)) from error
    if damaged or lacking:
        raise _unusable(path, f'{damaged} is damaged' if damaged else f'{min(lacking)} is missing')
    return info


def _read(path: str | os.PathLike, frame: int | None = None) -> tuple[ParsingInfo, np.ndarray | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            record = json.loads(_read_member(archive, 'info').tobytes())
            if record.pop('format') != FORMAT:
                raise KeyError('format')
            version = record.pop('version')
            if version != VERSION:
                raise _unusable(path, f'it is of version {version}, and this is version {VERSION}')
            record.update(
                class_names=tuple(record['class_names']),
                left_right_pairs=tuple(tuple(pair) for pair in record['left_right_pairs']),
                original_size=tuple(record['original_size']),
            )
            info = ParsingInfo(**record)
            return info, None if frame is None else _read_member(archive, _member(info.nearest(frame)))
    except FileNotFoundError:
        raise FileNotFoundError(f'there is no parsing {path}. Make it with: {HOW_TO_MAKE}') from None
    except ParsingStoreError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, IsADirectoryError, KeyError, TypeError, ValueError) as error:
        raise _unusable(path, f'{type(error).__name__}: {error}') from error


def _unusable(path: str | os.PathLike, reason: str) -> ParsingStoreError:
    return ParsingStoreError(
        f'{path} is cut off, damaged or no stored parsing ({reason}). Delete it and make it again with: {HOW_TO_MAKE}'
    )


def _member(frame: int) -> str:
    return f'frame_{frame:06d}'


def _write_member(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    with archive.open(f'{name}.npy', 'w') as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


def _read_member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f'{name}.npy') as file:
        return np.lib.format.read_array(file, allow_pickle=False)
