"""Opening and decoding with transforms, such that whatever goes wrong is one kind of error that names the file."""

import os
import os.path as osp
import stat
from collections.abc import Callable

import numpy as np

from videossl.datasets.transforms.decoding import VideoReadError
from videossl.registry import TRANSFORMS

from .decord_reader import open_with_decord

PLAYLISTS = (b'#EXTM3U', b'ffconcat')  # how they begin


def opens_video(transform: Callable) -> bool:
    """Whether a transform opens a file: ``VideoReaderInit``, or one of mmaction2's (``DecordInit``, ``PyAVInit``,
    ``OpenCVInit``)."""
    return type(transform).__name__.endswith('Init')


def decodes_video(transform: Callable) -> bool:
    """Whether a transform is one of mmaction2's that decode a file (``DecordDecode``, ``PyAVDecode``,
    ``OpenCVDecode``)."""
    return type(transform).__name__ in ('DecordDecode', 'PyAVDecode', 'OpenCVDecode')


def video_exists(path: str) -> bool:
    """Whether there is such a file; mmaction2 reads ``name.mp4`` where a path has no ending."""
    return osp.exists(path) or (not osp.splitext(path)[1] and osp.exists(f'{path}.mp4'))


def open_video(transform: Callable, results: dict) -> dict:
    """Open a file; whatever a decoder raises for it becomes one kind of error that names it."""
    filename = results['filename']
    try:
        is_decord = type(transform).__name__ == 'DecordInit'
        path = next((path for path in (filename, f'{filename}.mp4') if osp.exists(path)), None)
        if path is not None:  # else the transform may know how to fetch it
            check_file(filename, path)
        if is_decord and transform.io_backend in ('disk', 'local'):
            results = open_by_path(transform, results, path or filename)
        else:
            results = transform(results)
    except (ImportError, VideoReadError):  # the decoder is missing, not the video; or the reason is known
        raise
    except FileNotFoundError as error:
        raise VideoReadError(filename, 'the file does not exist') from error
    except Exception as error:
        raise VideoReadError(filename, f'{type(error).__name__}: {error}') from error
    if results['total_frames'] < 1:
        raise VideoReadError(filename, 'it has no frames')
    return results


def check_file(filename: str, path: str) -> None:
    """Raise an error for what must not even be opened by a decoder.

    Raises:
        VideoReadError: the file is none, is cut off, or names other files, which FFmpeg would read, or fetch.
        OSError: it cannot be read.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for a writer
        raise VideoReadError(filename, 'it is a folder' if osp.isdir(path) else 'it is not a regular file')
    with open(path, 'rb') as file:
        head = file.read(12)
    if head.startswith(PLAYLISTS):
        raise VideoReadError(filename, 'it is a playlist of other files')
    if is_cut_avi(head, osp.getsize(path)):
        raise VideoReadError(filename, 'the file is cut off: it is shorter than its header says')


def is_cut_avi(head: bytes, size: int) -> bool:
    """Whether an AVI file ends before its first chunk does, by its first 12 bytes and its size."""
    return head[:4] == b'RIFF' and head[8:12] == b'AVI ' and 8 + int.from_bytes(head[4:8], 'little') > size


def open_by_path(transform: Callable, results: dict, path: str) -> dict:
    """What mmaction2's ``DecordInit`` does, by the file's path; it itself reads the whole file and gives decord the bytes."""
    try:
        reader = open_with_decord(path, transform.num_threads)
    except ImportError:
        return transform(results)  # which says what is missing
    results.update(video_reader=reader, total_frames=len(reader), avg_fps=reader.get_avg_fps())
    return results


def open_as_training_does(filename: str) -> dict:
    """Open a file with the reader of the shipped configs: ``video_reader``, ``total_frames``, ``avg_fps``.

    Raises:
        VideoReadError: it cannot be read.
    """
    return open_video(TRANSFORMS.build(dict(type='VideoReaderInit', _scope_='videossl')), dict(filename=filename))


def decode_video(transform: Callable, results: dict) -> dict:
    """Decode with one of mmaction2's transforms; whatever it raises becomes an error that names the file."""
    filename = results['filename']
    wanted = np.size(results['frame_inds'])
    try:
        results = transform(results)
    except VideoReadError:
        raise
    except Exception as error:
        raise VideoReadError(filename, f'the decoder failed: {type(error).__name__}: {error}') from error
    if len(results['imgs']) != wanted:
        raise VideoReadError(filename, f'{wanted} frames were asked for, but the decoder gave {len(results["imgs"])}')
    return results
