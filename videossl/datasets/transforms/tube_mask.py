"""Tube masking: which cells of the frames are hidden, the same ones in the whole clip.

Source: Zhan Tong, Yibing Song, Jue Wang, Limin Wang, "VideoMAE: Masked Autoencoders are Data-Efficient Learners for
Self-Supervised Video Pre-Training", 2022, and its released code.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from videossl.checks import check_integer, check_share
from videossl.errors import ConfigError
from videossl.registry import TRANSFORMS

from .base import ClipLabeller


@TRANSFORMS.register_module()
class DrawTubeMask(ClipLabeller):
    """Draws which cells of the frames are masked, uniformly, for each clip anew and for all its frames at once.

    Frames are divided into cells of ``patch_size`` x ``patch_size`` pixels, numbered row after row from 0. Of C cells
    ``int(ratio * C)`` are masked: 176 of 196 with the defaults at 224 pixels. The frames stay as they are; the net leaves the
    masked cells out. The draw is NumPy's, so a sample has its mask by its seed and position.

    Stands behind the crops. Reads: ``imgs``, ``num_clips``. Writes: ``gt_visible_cells``, int64 [V, K], and
    ``gt_masked_cells``, int64 [V, M], in ascending order, K + M = C.

    Args:
        patch_size: height and width of a cell in pixels, the backbone's.
        ratio: share of the masked cells. The paper's: 0.9; on small data sets 0.75.

    Raises:
        ConfigError: an argument is out of range; and, in use, the cells do not fill the frames, or none is visible or
            masked.
    """

    fields_written = ('gt_visible_cells', 'gt_masked_cells')

    def __init__(self, patch_size: int = 16, ratio: float = 0.9) -> None:
        check_integer('DrawTubeMask: patch_size', patch_size)
        check_share('DrawTubeMask: ratio', ratio)
        self.patch_size = patch_size
        self.ratio = ratio

    def transform(self, results: dict) -> dict:
        """Add a fresh mask to ``results``."""
        height, width = results['imgs'][0].shape[:2]
        if height % self.patch_size or width % self.patch_size:
            raise ConfigError(
                f'DrawTubeMask: patch_size={self.patch_size} does not divide frames of {width}x{height} pixels; set it, or '
                'the size of the crop before it in the pipeline'
            )
        cells = (height // self.patch_size) * (width // self.patch_size)
        masked = int(self.ratio * cells)
        if not 0 < masked < cells:
            raise ConfigError(
                f'DrawTubeMask: ratio={self.ratio} masks {masked} of {cells} cells of {self.patch_size} pixels in frames of '
                f'{width}x{height}; at least one must be masked and one visible'
            )
        orders = np.stack([np.random.permutation(cells) for _ in range(results['num_clips'])])
        results['gt_masked_cells'] = np.sort(orders[:, :masked], axis=1)
        results['gt_visible_cells'] = np.sort(orders[:, masked:], axis=1)
        return results

    def describe_clip(self, labels: Mapping[str, Any], view: int) -> str:
        masked, visible = (len(labels[f'gt_{part}_cells'][view]) for part in ('masked', 'visible'))
        return f'{masked} of {masked + visible} cells are masked (pale)'

    def draw(self, frames: np.ndarray, labels: Mapping[str, Any], view: int) -> np.ndarray:
        """The masked cells become pale."""
        rows, columns = (side // self.patch_size for side in frames.shape[1:3])
        masked = np.zeros(rows * columns, dtype=bool)
        masked[np.asarray(labels['gt_masked_cells'][view])] = True
        pixels = masked.reshape(rows, columns).repeat(self.patch_size, axis=0).repeat(self.patch_size, axis=1)
        pale = 255 - (255 - frames) // 5
        return np.where(pixels[:, :, None], pale, frames)
