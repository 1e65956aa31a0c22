"""Videos read with decord, torchcodec, or any object that gives frames by their numbers."""

import logging
import os.path as osp
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from typing import Any

import mmcv
import numpy as np
import torch
from mmengine.logging import print_log
from mmengine.utils import digit_version

from videossl.errors import UserError

from .decoder import Decoder, Orientation

# For torch 2.X: the releases of torchcodec that fit, and the newest FFmpeg that they take on every platform, by the tables in
# torchcodec's own description (release 0.17). From torch 2.11 on a release fits every later torch, too.
TORCHCODEC_FOR = {6: ('==0.2.*', 7), 7: ('==0.5.*', 7), 8: ('==0.7.*', 7), 9: ('==0.9.*', 8), 10: ('==0.10.*', 8)}
NEWEST_TORCHCODEC = ('>=0.12', 9)
# Containers and codecs, by FFmpeg's names, in which a back end was seen to give wrong frames (tests/datasets/readers).
WRONG_IN: dict[str, tuple[str, ...]] = dict(
    decord=('avi', 'hevc', 'mpeg', 'mpeg2video', 'mpeg4', 'mpegts'), torchcodec=('avi', 'mpeg', 'mpegts', 'mpegvideo')
)


class TorchCodecMissing(UserError, ImportError):
    """torchcodec is not installed, does not fit torch, or does not find FFmpeg."""


def how_to_install_torchcodec(torch_version: str) -> str:
    """What to install for ``backend='torchcodec'``.

    Args:
        torch_version: of the installed torch, ``'2.8.0+cu128'``.

    Examples:
        >>> how_to_install_torchcodec('2.8.0+cu128').partition(';')[0]
        'for torch 2.8: pip install "torchcodec==0.7.*", and FFmpeg 4 to 7 as shared libraries where the system finds them'
    """
    major, minor = digit_version(torch_version)[:2]
    release, ffmpeg = TORCHCODEC_FOR.get(minor, NEWEST_TORCHCODEC) if major == 2 else NEWEST_TORCHCODEC
    return (
        f'for torch {major}.{minor}: pip install "torchcodec{release}", and FFmpeg 4 to {ffmpeg} as shared libraries where '
        "the system finds them; or take backend='pyav'"
    )


class DecordReader:
    """Frames of a video by their numbers, as decord finds them.

    Args:
        path: of a file.
        num_threads: of the decoder; 0: as many as it likes.

    Raises:
        ImportError: decord is not installed.
    """

    def __init__(self, path: str, num_threads: int = 1) -> None:
        self.reader = open_with_decord(path, num_threads)
        self.avg_fps = float(self.reader.get_avg_fps())
        self.mirror, self.doubts = _mirror_and_doubts(path, 'decord')

    def __getattr__(self, name: str) -> Any:  # mmaction2's DecordDecode calls decord's methods
        return getattr(self.__dict__['reader'], name)

    def __len__(self) -> int:
        return len(self.reader)

    def read_frames(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Frames of strictly increasing numbers, uint8 RGB [H, W, 3]."""
        return _mirrored(read_frames(self.reader, [int(index) for index in indices]), self.mirror)


class TorchCodecReader:
    """Frames of a video by their numbers, as torchcodec finds them after reading all of the file's packets once.

    Args:
        path: of a file.
        num_threads: of FFmpeg; 0: as many as it likes.

    Raises:
        TorchCodecMissing: it cannot be imported.
    """

    def __init__(self, path: str, num_threads: int = 1) -> None:
        try:
            from torchcodec.decoders import VideoDecoder
        except (ImportError, OSError, RuntimeError) as error:  # the latter two where its libraries cannot be loaded
            raise TorchCodecMissing(
                "VideoReaderInit(backend='torchcodec') needs torchcodec; "
                f'{how_to_install_torchcodec(torch.__version__)} '
                f'({type(error).__name__}: {str(error).strip().partition(chr(10))[0]})'
            ) from error
        self.decoder = VideoDecoder(osp.abspath(path), dimension_order='NHWC', num_ffmpeg_threads=num_threads)
        self.avg_fps = float(self.decoder.metadata.average_fps or 0)
        self.mirror, self.doubts = _mirror_and_doubts(path, 'torchcodec')

    def __len__(self) -> int:
        return len(self.decoder)

    def read_frames(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Frames of strictly increasing numbers, uint8 RGB [H, W, 3]."""
        frames = self.decoder.get_frames_at([int(index) for index in indices]).data.numpy()
        return _mirrored(frames, self.mirror)


def open_with_decord(path: str, num_threads: int) -> Any:
    """A ``decord.VideoReader`` that reads the file itself.

    Given a file's bytes instead, decord 0.6.0 crashes over every twentieth randomly damaged file, most of them AVI
    (tools/analysis/fuzz_videos.py; when it reads the file itself, over one of 4,400), and FFmpeg lets a file that only looks
    like a video make requests in the network. It takes no longer this way, and less memory.

    Raises:
        ImportError: decord is not installed.
    """
    import decord

    path = osp.abspath(path)  # begins with a slash, so it never begins with the name of a protocol
    with open(path, 'rb') as file:  # decord does not say why it cannot open a file
        try:
            path.encode('utf-8')
        except UnicodeEncodeError:  # decord knows no other names
            path = f'/dev/fd/{file.fileno()}'
        return decord.VideoReader(path, num_threads=num_threads)


def read_frames(reader: Any, indices: list[int], size: tuple[int, int] | None = None) -> Sequence[np.ndarray]:
    """Frames of strictly increasing numbers, each as a writable array of its own, from a reader of any library.

    Args:
        reader: has ``read_frames``, or decord's ``get_batch``. If it has decord's ``seek_accurate`` and ``next`` too, they
            read runs of frames: the frames are the same, and since ``get_batch`` seeks anew at every key frame, this is 5
            to 20 % faster.
        indices: strictly increasing.
        size: (width, height) to which the frames are scaled. Only for readers that have ``picture_shape``, the
            (H, W) of their pictures: they scale a frame as soon as it is decoded, while it is in the processor's cache.
    """
    if size is not None:
        return reader.read_frames(indices, size)
    if hasattr(reader, 'read_frames'):
        return reader.read_frames(indices)
    successors = int(np.sum(np.diff(indices) == 1))
    if hasattr(reader, 'seek_accurate') and hasattr(reader, 'next') and 2 * successors >= len(indices):
        return _read_in_runs(reader, indices)
    batch = _to_numpy(reader.get_batch(indices))
    # A stand-in may spread one picture over all frames (np.broadcast_to): give each frame its own memory.
    return list(batch if batch.flags.writeable and batch.flags.c_contiguous else batch.copy())


def scaled(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A frame of (width, height), as mmaction2's ``Resize`` scales it."""
    is_done = frame.shape[1::-1] == tuple(size)
    return frame if is_done else mmcv.imresize(frame, size, interpolation='bilinear')


def _read_in_runs(reader: Any, indices: list[int]) -> list[np.ndarray]:
    frames, position = [], None
    for index in indices:
        if index != position:
            reader.seek_accurate(index)
        frames.append(_to_numpy(reader.next()))
        position = index + 1
    return frames


def _to_numpy(frames: Any) -> np.ndarray:
    return frames.asnumpy() if hasattr(frames, 'asnumpy') else np.asarray(frames)


def _mirror_and_doubts(path: str, backend: str) -> tuple[Orientation, list[str]]:
    """What a back end leaves undone, and what to warn of.

    Both back ends turn pictures as their display matrix says, and do not mirror them.

    Returns:
        The rest of the orientation; a sentence for each kind of the file in which the back end gives wrong frames.
    """
    try:
        with closing(Decoder(path)) as decoder, closing(decoder.decode_start()) as delivered:
            swaps, rows, columns = Orientation.of(next(delivered)[1]) or Orientation()
            kinds = {decoder.container.format.name.partition(',')[0], decoder.codec}
    except (ValueError, OSError, StopIteration):  # the back end may know better
        return Orientation(), []
    doubts = [
        f'{backend} gives wrong frames of some {kind} files, and says nothing; backend="pyav" gives the right ones'
        for kind in sorted(kinds.intersection(WRONG_IN[backend]))
    ]
    if swaps is not (rows == columns):
        return Orientation(), doubts
    return Orientation(False, 1, -1) if swaps else Orientation(False, -1, 1), doubts


def _mirrored(frames: Sequence[np.ndarray], mirror: Orientation) -> list[np.ndarray]:
    return list(frames) if mirror == Orientation() else [mirror(frame).copy() for frame in frames]


@lru_cache
def warn_once(doubt: str) -> None:
    """Log a sentence, once in a process."""
    print_log(doubt, logger='current', level=logging.WARNING)
