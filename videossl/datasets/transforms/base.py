"""The bases of the transforms of this package."""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform


class Transform(BaseTransform):
    """mmcv's transform, printed with its arguments, which are attributes of the same names."""

    def __repr__(self) -> str:
        names = inspect.signature(type(self)).parameters
        return f'{type(self).__name__}({", ".join(f"{name}={getattr(self, name)!r}" for name in names)})'


class ClipLabeller(Transform):
    """Base of the transforms behind a sampler that label clips, too; clip sheets ask them what their labels mean.

    ``labels`` are those of a sample by name, ``view`` is the number of a clip, from 0.
    """

    def describe_clip(self, labels: Mapping[str, Any], view: int) -> str:
        """The labels of one clip in words."""
        return ''

    def named_positions(self, labels: Mapping[str, Any], view: int, clip_len: int) -> np.ndarray:
        """Which frames of a clip the labels name, bool [clip_len]."""
        return np.zeros(clip_len, dtype=bool)

    def draw(self, frames: np.ndarray, labels: Mapping[str, Any], view: int) -> np.ndarray:
        """The frames of a clip, uint8 RGB [T, H, W, 3], with what the labels say of them drawn on a copy."""
        return frames
