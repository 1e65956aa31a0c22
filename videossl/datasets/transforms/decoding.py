"""Decoding: one pass over the file for all clips of a sample."""

from collections.abc import Sequence
from typing import Any

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform

from videossl.registry import TRANSFORMS


class VideoReadError(RuntimeError):
    """A video cannot be read, or not as far as was asked.

    It survives pickling, so it passes from a loader's worker to the main process with its two parts.

    Args:
        filename: The video.
        reason: What went wrong, in words that follow the file's name.
    """

    def __init__(self, filename: str, reason: str) -> None:
        super().__init__(filename, reason)
        self.filename = filename
        self.reason = reason

    def __str__(self) -> str:
        return f'{self.filename}: {self.reason}'


class DecoderLost(VideoReadError):
    """A video took its decoder's process down, or kept it for too long."""


@TRANSFORMS.register_module()
class DecodeClips(BaseTransform):
    """Decodes the frames of all clips of a sample, each frame of the video once.

    The clips of a sample overlap, and a short video gives the same frame several times. So the sorted union of the
    indices is decoded, whatever the number of clips V, and the frames are laid out per clip afterwards. No two entries
    of ``imgs`` share memory: the first use of a decoded frame is the decoder's array, every further use a copy, because
    mmaction2's ``Flip`` works in place and would flip a shared frame twice.

    The reader is any object with ``__len__`` and ``read_frames(strictly increasing indices)``, which returns an array
    [H, W, 3] (RGB, uint8) for each, or with ``get_batch(list of indices)``, which returns fresh pixels [n, H, W, 3] as an
    array or as decord's NDArray. If it has decord's ``seek_accurate`` and ``next``, indices that mostly follow each other are
    read by them: the frames are the same ones (tested), and on runs of frames this is 5 to 20 % faster, since ``get_batch``
    seeks anew at every key frame.

    Reads: ``video_reader`` (as ``VideoReaderInit`` or mmaction2's ``DecordInit`` leaves it), ``frame_inds`` (flat, V * T),
    ``filename``.
    Writes: ``imgs`` (list of V * T uint8 arrays [H, W, 3]), ``original_shape`` (H, W of the video), ``img_shape``,
    ``scale_factor`` (width, height; only with ``scale``); ``video_reader`` becomes None.

    Args:
        scale: Scale every decoded frame, once, before it is laid out: a whole number is the length of the short side,
            (width, height) the exact size, None leaves the frames as they are.

    Raises:
        VideoReadError: if the reader fails, gives fewer frames than asked, or an index lies outside the video.
    """

    def __init__(self, scale: int | tuple[int, int] | None = None) -> None:
        sides = () if scale is None else (scale,) if isinstance(scale, int) else tuple(scale)
        if scale is not None and (len(sides) not in (1, 2) or any(int(side) != side or side < 1 for side in sides)):
            raise ValueError(f'scale must be None, a short side or (width, height) in pixels, got {scale}')
        self.scale = scale if scale is None or isinstance(scale, int) else sides

    def transform(self, results: dict) -> dict:
        reader = results['video_reader']
        filename = str(results.get('filename', 'a video without a name'))
        # A reader must neither outlive its sample nor be sent to another process.
        results['video_reader'] = None

        frame_inds = np.asarray(results['frame_inds']).reshape(-1)
        union, places = np.unique(frame_inds, return_inverse=True)
        total = len(reader)
        if union[0] < 0 or union[-1] >= total:
            outside = union[0] if union[0] < 0 else union[-1]
            raise VideoReadError(filename, f'frame {outside} was asked for, but the video has frames 0 to {total - 1}')

        try:
            decoded = read_frames(reader, union.tolist())
        except VideoReadError:
            raise
        except Exception as error:  # decoders raise errors of many types, StopIteration among them
            raise VideoReadError(filename, f'the decoder failed: {type(error).__name__}: {error}') from error
        if len(decoded) != len(union):
            raise VideoReadError(filename, f'{len(union)} frames were asked for, but the decoder gave {len(decoded)}')
        odd = next((frame.shape for frame in decoded if frame.ndim != 3 or frame.shape[2] != 3), None)
        if odd is not None:  # decord 0.6.0 does so for some narrow videos (dmlc/decord#336)
            raise VideoReadError(filename, f'the decoder gave frames of shape {tuple(odd)} instead of RGB pictures')

        results['frame_inds'] = frame_inds
        results['original_shape'] = decoded[0].shape[:2]
        if self.scale is not None:
            decoded = self._scaled(decoded)
            height, width = results['original_shape']
            results['scale_factor'] = np.array(
                [decoded[0].shape[1] / width, decoded[0].shape[0] / height], dtype=np.float32
            )
        results['img_shape'] = decoded[0].shape[:2]
        results['imgs'] = _lay_out(decoded, places.reshape(-1))
        return results

    def _scaled(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        height, width = frames[0].shape[:2]
        size = self.scale
        if isinstance(size, int):
            size = mmcv.rescale_size((width, height), (np.inf, size))
        return [mmcv.imresize(frame, size, interpolation='bilinear') for frame in frames]

    def __repr__(self) -> str:
        return f'{type(self).__name__}(scale={self.scale})'


def read_frames(reader: Any, indices: list[int]) -> Sequence[np.ndarray]:
    """Frames of strictly increasing indices, each as a writable array of its own."""
    if hasattr(reader, 'read_frames'):
        return reader.read_frames(indices)
    successors = int(np.sum(np.diff(indices) == 1))
    if hasattr(reader, 'seek_accurate') and hasattr(reader, 'next') and 2 * successors >= len(indices):
        return _read_in_runs(reader, indices)
    batch = _to_numpy(reader.get_batch(indices))
    # A stand-in may spread one picture over all frames (np.broadcast_to): give each frame its own memory.
    return batch if batch.flags.writeable and batch.flags.c_contiguous else batch.copy()


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


def _lay_out(decoded: Sequence[np.ndarray], places: np.ndarray) -> list[np.ndarray]:
    """The frame for every place; a frame that is used again is copied."""
    frames, used = [], set()
    for place in places.tolist():
        frames.append(decoded[place].copy() if place in used else decoded[place])
        used.add(place)
    return frames
