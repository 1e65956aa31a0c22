"""Opening videos, so that whatever goes wrong is one kind of error that names the file."""

import os
import os.path as osp
import stat
from collections.abc import Callable
from typing import Any

import numpy as np
from mmaction.datasets.transforms import DecordDecode, DecordInit, OpenCVDecode, OpenCVInit, PyAVDecode, PyAVInit
from mmcv.transforms import BaseTransform

from videossl.registry import TRANSFORMS

from .errors import VideoReadError
from .other_readers import DecordReader, TorchCodecReader, open_with_decord, warn_once
from .pyav_reader import PyAVReader
from .shards import place_of

BACKENDS: dict[str, Callable[..., Any]] = dict(pyav=PyAVReader, torchcodec=TorchCodecReader, decord=DecordReader)
PLAYLISTS = (b'#EXTM3U', b'ffconcat')  # how they begin


@TRANSFORMS.register_module()
class VideoReaderInit(BaseTransform):
    """Opens a video; mmaction2's ``DecordInit`` and ``PyAVInit`` work in its place.

    Frames are counted and found as decoding the whole file in order gives them, with ``backend='pyav'``. The other back ends
    are wrong in some files; docs/data.md says in how many.

    Reads: ``filename``.
    Writes: ``video_reader`` (with ``__len__`` and ``read_frames(strictly increasing numbers)``), ``total_frames``,
    ``avg_fps``.

    Args:
        backend: ``'pyav'``, which is there wherever videossl is; ``'decord'``; or ``'torchcodec'``, which must be installed
            to fit torch.
        num_threads: of the decoder; 0: as many as it likes. Loader workers already use all processors with one thread each.

    Raises:
        ValueError: at build time, for another backend.
        ImportError: the library is not installed.
        VideoReadError: the video cannot be opened.
    """

    def __init__(self, backend: str = 'pyav', num_threads: int = 1) -> None:
        if backend not in BACKENDS:
            raise ValueError(f'backend must be one of {tuple(BACKENDS)}, got {backend!r}')
        if type(num_threads) is not int or num_threads < 0:
            raise ValueError(f'num_threads must be a whole number of at least 0, got {num_threads!r}')
        self.backend = backend
        self.num_threads = num_threads

    def transform(self, results: dict) -> dict:
        filename = results['filename']
        with reading(filename):
            path = checked_path(filename)
            if self.backend != 'pyav' and place_of(path).size is not None:
                raise VideoReadError(filename, f"{self.backend} cannot read shards; use backend='pyav'")
            reader = BACKENDS[self.backend](path, num_threads=self.num_threads)
        for doubt in getattr(reader, 'doubts', ()):
            warn_once(doubt)
        if len(reader) < 1:
            raise VideoReadError(filename, 'it has no frames')
        results.update(video_reader=reader, total_frames=len(reader), avg_fps=reader.avg_fps)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(backend={self.backend!r}, num_threads={self.num_threads})'


class reading:
    """A context that turns whatever a decoder raises into an error that names the file.

    Not a generator with ``contextmanager``, which lets a StopIteration through.

    Args:
        filename: of the video.
        what: words before the error's own.
    """

    def __init__(self, filename: str, what: str = '') -> None:
        self.filename, self.what = filename, what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: object) -> None:
        # A missing library is not the video's fault, and an error that names the file needs no other.
        if not isinstance(error, Exception) or isinstance(error, (ImportError, VideoReadError)):
            return
        reason = f'{self.what}{type(error).__name__}: {error}'
        if isinstance(error, FileNotFoundError):
            reason = 'the file does not exist'
        raise VideoReadError(self.filename, reason) from error


def opens_video(transform: Callable) -> bool:
    """Whether a transform opens a file: ``VideoReaderInit``, or one of mmaction2's."""
    return isinstance(transform, (VideoReaderInit, DecordInit, PyAVInit, OpenCVInit))


def decodes_video(transform: Callable) -> bool:
    """Whether a transform is one of mmaction2's that decode a file."""
    return isinstance(transform, (DecordDecode, PyAVDecode, OpenCVDecode))


def video_exists(path: str) -> bool:
    """Whether there is such a file; mmaction2 reads ``name.mp4`` where a path has no ending."""
    return osp.exists(place_of(path).file) or (not osp.splitext(path)[1] and osp.exists(f'{path}.mp4'))


def open_video(transform: Callable, results: dict) -> dict:
    """Open a file with a transform.

    Raises:
        VideoReadError: it cannot be opened, or has no frames.
    """
    filename = results['filename']
    with reading(filename):
        if isinstance(transform, VideoReaderInit):
            return transform(results)
        path = checked_path(filename)
        if isinstance(transform, DecordInit) and transform.io_backend in ('disk', 'local'):
            results = open_by_path(transform, results, path)
        else:
            results = transform(results)
    if results['total_frames'] < 1:
        raise VideoReadError(filename, 'it has no frames')
    return results


def open_as_training_does(filename: str) -> dict:
    """Open a file with the reader of the shipped configs: ``video_reader``, ``total_frames``, ``avg_fps``.

    Raises:
        VideoReadError: it cannot be read.
    """
    return VideoReaderInit()(dict(filename=filename))


def decode_video(transform: Callable, results: dict) -> dict:
    """Decode with one of mmaction2's transforms.

    Raises:
        VideoReadError: it fails, or gives fewer frames than asked.
    """
    filename = results['filename']
    wanted = np.size(results['frame_inds'])
    with reading(filename, 'the decoder failed: '):
        results = transform(results)
    if len(results['imgs']) != wanted:
        raise VideoReadError(filename, f'{wanted} frames were asked for, but the decoder gave {len(results["imgs"])}')
    return results


def checked_path(filename: str) -> str:
    """The path of a video, of which mmaction2 reads ``name.mp4`` too where ``name`` does not exist.

    Raises:
        VideoReadError: a decoder must not even open it: it is not a regular file, is cut off, or names other files, which
            FFmpeg would read, or fetch.
        OSError: it cannot be read.
    """
    path = next((path for path in (filename, f'{filename}.mp4') if osp.exists(place_of(path).file)), None)
    if path is None:  # a transform of mmaction2 may know how to fetch it
        return filename
    file, start, size = place_of(path)
    if not stat.S_ISREG(os.stat(file).st_mode):  # opening a pipe would wait for a writer
        raise VideoReadError(filename, 'it is a folder' if osp.isdir(file) else 'it is not a regular file')
    if size is not None and start + size > osp.getsize(file):
        raise VideoReadError(filename, f'{file} is shorter than the place of the video in it')
    head = read_head(filename, file, start)
    if head.startswith(PLAYLISTS):
        raise VideoReadError(filename, 'it is a playlist of other files')
    if is_cut_avi(head, osp.getsize(file) if size is None else size):
        raise VideoReadError(filename, 'the file is cut off: it is shorter than its header says')
    return path


def read_head(filename: str, path: str, start: int = 0) -> bytes:
    """The first 12 bytes of a file, or those from ``start`` on.

    Raises:
        VideoReadError: the file only passes for a regular one, as some in /proc do: its size is said to be 0 but it holds
            something, or reading it blocks.
    """
    with open(os.open(path, os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0)), 'rb', buffering=0) as file:
        if start:
            file.seek(start)
        head = file.read(12)
    if head is None or head and osp.getsize(path) == 0:
        raise VideoReadError(filename, 'it is not a regular file')
    return head


def is_cut_avi(head: bytes, size: int) -> bool:
    """Whether an AVI file ends before its first chunk does, by its first 12 bytes and its size. A writer that cannot seek
    back, such as a pipe, leaves the chunk's size at 0xFFFFFFFF or 0."""
    length = int.from_bytes(head[4:8], 'little')
    return head[:4] == b'RIFF' and head[8:12] == b'AVI ' and length != 0xFFFFFFFF and 8 + length > size


def open_by_path(transform: DecordInit, results: dict, path: str) -> dict:
    """What mmaction2's ``DecordInit`` does, by the file's path; it itself reads the whole file and gives decord the bytes."""
    try:
        reader: Any = open_with_decord(path, transform.num_threads)
    except ImportError:
        return transform(results)  # which says what is missing
    results.update(video_reader=reader, total_frames=len(reader), avg_fps=reader.get_avg_fps())
    return results
