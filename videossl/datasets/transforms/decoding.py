"""Decoding: one pass over the file for all clips of a sample."""

from collections.abc import Sequence
from typing import Any

import mmcv
import numpy as np
from mmaction.datasets.transforms import Resize
from mmcv.transforms import BaseTransform

from videossl.datasets.readers import VideoReadError
from videossl.datasets.readers.opening import reading
from videossl.datasets.readers.other_readers import read_frames, scaled
from videossl.registry import TRANSFORMS

from .each_clip import EachClip


@TRANSFORMS.register_module()
class DecodeClips(BaseTransform):
    """Decodes the frames of all clips of a sample, each frame of the video once.

    The clips of a sample overlap, and a short video gives the same frame several times. So the sorted union of the
    indices is decoded, whatever the number of clips V, and the frames are laid out per clip afterwards. No two entries
    of ``imgs`` share memory: the first use of a decoded frame is the decoder's array, every further use a copy, because
    mmaction2's ``Flip`` works in place and would flip a shared frame twice.

    The reader is any object with ``__len__`` and ``read_frames(strictly increasing indices)``, which returns an array
    [H, W, 3] (RGB, uint8) for each, or with decord's ``get_batch(list of indices)``. A reader with ``picture_shape`` scales
    frames itself (:func:`~videossl.datasets.readers.other_readers.read_frames`).

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
        self.size_of_next: tuple[int, int] | None = None  # to which the transform behind this one scales

    def transform(self, results: dict) -> dict:
        reader = results['video_reader']
        filename = str(results.get('filename', 'a video without a name'))
        # A reader must neither outlive its sample nor be sent to another process.
        results['video_reader'] = None

        frame_inds = np.asarray(results['frame_inds']).reshape(-1)
        union, order = np.unique(frame_inds, return_inverse=True)
        total = len(reader)
        if union[0] < 0 or union[-1] >= total:
            outside = union[0] if union[0] < 0 else union[-1]
            raise VideoReadError(filename, f'frame {outside} was asked for, but the video has frames 0 to {total - 1}')

        with reading(filename, 'the decoder failed: '):
            shape = getattr(reader, 'picture_shape', None)
            size = None if shape is None else self._size(shape) if self.scale is not None else self.size_of_next
            decoded = read_frames(reader, union.tolist(), size)
        if len(decoded) != len(union):
            raise VideoReadError(filename, f'{len(union)} frames were asked for, but the decoder gave {len(decoded)}')
        odd = next((frame.shape for frame in decoded if frame.ndim != 3 or frame.shape[2] != 3), None)
        if odd is not None:  # decord 0.6.0 does so for some narrow videos (dmlc/decord#336)
            raise VideoReadError(filename, f'the decoder gave frames of shape {tuple(odd)} instead of RGB pictures')

        results['frame_inds'] = frame_inds
        results['original_shape'] = results['img_shape'] = decoded[0].shape[:2] if size is None else shape
        if self.scale is not None:
            height, width = results['original_shape']
            if size is None:
                decoded = [scaled(frame, self._size((height, width))) for frame in decoded]
            results['scale_factor'] = np.array(
                [decoded[0].shape[1] / width, decoded[0].shape[0] / height], dtype=np.float32
            )
            results['img_shape'] = decoded[0].shape[:2]
        results['imgs'] = _lay_out(decoded, order.reshape(-1).tolist())
        return results

    def _size(self, shape: tuple[int, int]) -> tuple[int, int]:
        """(width, height) of the scaled frames of a video with frames of (height, width)."""
        if isinstance(self.scale, int):
            width, height = mmcv.rescale_size(shape[::-1], (np.inf, self.scale))
            return width, height
        assert self.scale is not None
        return self.scale[0], self.scale[1]

    def __repr__(self) -> str:
        return f'{type(self).__name__}(scale={self.scale})'


def scale_while_decoding(transforms: list[Any]) -> None:
    """Let frames be scaled one by one as they are decoded, where the transform behind ``DecodeClips``, or the first one of
    the ``EachClip`` behind it, is mmaction2's ``Resize`` to one size. The pixels are the same. A frame that was just
    decoded is still in the processor's cache, and a guard's process hands over the small one.

    Args:
        transforms: of a pipeline, built. The ``Resize`` is replaced by one that leaves frames of its size as they are.
    """
    for decode, following in zip(transforms, transforms[1:]):
        if not isinstance(decode, DecodeClips) or decode.scale is not None:
            continue
        place = following.transforms if isinstance(following, EachClip) else transforms
        number = 0 if isinstance(following, EachClip) else transforms.index(following)
        resize: Any = place[number] if place else None
        if type(resize) is Resize and not (resize.keep_ratio or resize.lazy) and resize.interpolation == 'bilinear':
            decode.size_of_next = resize.scale
            place[number] = ResizeTheOthers(resize.scale, keep_ratio=False)


class ResizeTheOthers(Resize):
    """mmaction2's ``Resize``, which does not touch frames that have the size already."""

    def _resize_imgs(self, imgs: list[np.ndarray], new_w: int, new_h: int) -> list[np.ndarray]:
        is_done = all(frame.shape[:2] == (new_h, new_w) for frame in imgs)
        return imgs if is_done else super()._resize_imgs(imgs, new_w, new_h)


def _lay_out(decoded: Sequence[np.ndarray], order: list[int]) -> list[np.ndarray]:
    """The decoded frame of each index in ``order``; a frame that is used again is copied."""
    frames, used = [], set()
    for index in order:
        frames.append(decoded[index].copy() if index in used else decoded[index])
        used.add(index)
    return frames
