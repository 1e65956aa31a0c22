"""Opening a video for :class:`~videossl.datasets.DecodeClips`."""

import os.path as osp
from typing import Any

from mmcv.transforms import BaseTransform

from videossl.datasets.readers.decord_reader import open_with_decord
from videossl.datasets.readers.pyav_reader import PyAVReader
from videossl.datasets.readers.torchcodec_reader import TorchCodecReader
from videossl.registry import TRANSFORMS

BACKENDS = dict(pyav=PyAVReader, torchcodec=TorchCodecReader, decord=open_with_decord)


@TRANSFORMS.register_module()
class VideoReaderInit(BaseTransform):
    """Opens a video, with the library of one's choice; mmaction2's ``DecordInit`` and ``PyAVInit`` work in its place.

    Frames are counted, and found, as decoding the whole file in order gives them. decord counts one more in AVI files with
    packed B-frames (many of HMDB51's), and finds wrong ones in them after a seek.

    Reads: ``filename``.
    Writes: ``video_reader`` (with ``__len__`` and ``read_frames(strictly increasing numbers)`` or decord's methods),
    ``total_frames``, ``avg_fps``.

    Args:
        backend: ``'pyav'``, which is there wherever videossl is, the fastest of them with recent releases; ``'decord'``; or
            ``'torchcodec'``, which must be installed to fit torch.
        num_threads: of the decoder; 0: as many as it likes. Loader workers already use all processors with one thread each.

    Raises:
        ValueError: at build time, for another backend.
        ImportError: the library is not installed.
        Exception: of any type, if the video cannot be opened; :class:`~videossl.datasets.VideoDataset` names it.
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
        # As mmaction2 reads names without an ending.
        reader = self.open(filename if osp.exists(filename) or not osp.exists(f'{filename}.mp4') else f'{filename}.mp4')
        results.update(video_reader=reader, total_frames=len(reader), avg_fps=_rate(reader))
        return results

    def open(self, path: str) -> Any:
        """The reader alone."""
        return BACKENDS[self.backend](path, num_threads=self.num_threads)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(backend={self.backend!r}, num_threads={self.num_threads})'


def _rate(reader: Any) -> float:
    return float(reader.get_avg_fps() if hasattr(reader, 'get_avg_fps') else reader.avg_fps)
