"""Videos opened with torchcodec, where it is installed."""

import os.path as osp
from collections.abc import Sequence

import numpy as np

from videossl.errors import UserError

INSTALL = (
    'VideoReaderInit(backend=\'torchcodec\') needs torchcodec: pip install "torchcodec==0.X.*" with the X of the '
    "installed torch 2.X, and FFmpeg's shared libraries (4 to 8) where the system finds them; or take backend='pyav'"
)


class TorchCodecMissing(UserError, ImportError):
    """torchcodec is not installed, does not fit torch, or does not find FFmpeg."""


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
                f'{INSTALL} ({type(error).__name__}: {str(error).strip().partition(chr(10))[0]})'
            ) from error
        self.decoder = VideoDecoder(osp.abspath(path), dimension_order='NHWC', num_ffmpeg_threads=num_threads)
        self.avg_fps = float(self.decoder.metadata.average_fps or 0)

    def __len__(self) -> int:
        return len(self.decoder)

    def read_frames(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Frames, uint8 RGB [H, W, 3]."""
        return list(self.decoder.get_frames_at([int(index) for index in indices]).data.numpy())
