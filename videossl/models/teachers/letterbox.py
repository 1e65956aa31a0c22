"""SCHP's geometry: a frame is centred in the network's input, and the result is cut back to the frame.

The convention is corner-aligned throughout: the centres of the outermost pixels of one grid lie on those of the other, so
that positions are the same numbers, from -1 to 1, at every resolution.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def letterbox(frames: Tensor, input_size: tuple[int, int]) -> Tensor:
    """Scale frames uniformly until they touch the input's border, centre on centre, and put zeros around them.

    SCHP takes the box (W - 1) x (H - 1) of the frame, enlarges its shorter side to the input's aspect ratio, and scales by
    (input width - 1) / (box width). A square frame in a square input is a plain corner-aligned resize.

    Args:
        frames: float [N, C, H, W], before normalisation, since the zeros are black pixels.
        input_size: height and width of the result.

    Returns:
        ``[N, C, *input_size]``.
    """
    reach_y, reach_x = frame_reach((frames.shape[-2], frames.shape[-1]), input_size)
    if reach_y == reach_x == 1:
        return F.interpolate(frames, input_size, mode='bilinear', align_corners=True)
    return _sample(frames, input_size, 1 / reach_y, 1 / reach_x, padding='zeros')


def undo_letterbox(maps: Tensor, frame_size: tuple[int, int], input_size: tuple[int, int]) -> Tensor:
    """Cut maps of the letterboxed input back to the frame, at the maps' own resolution.

    Args:
        maps: [N, C, h, w], which cover the input, corners on corners.
        frame_size: height and width of the frame.
        input_size: height and width of the input.

    Returns:
        [N, C, h', w'], whose corners lie on the frame's corner pixels; the maps themselves if nothing was padded.
    """
    reach_y, reach_x = frame_reach(frame_size, input_size)
    if reach_y == reach_x == 1:
        return maps
    height, width = (
        max(2, round((side - 1) * min(reach, 1)) + 1) for side, reach in zip(maps.shape[-2:], (reach_y, reach_x))
    )
    return _sample(maps, (height, width), reach_y, reach_x, padding='border')


def frame_reach(frame_size: tuple[int, int], input_size: tuple[int, int]) -> tuple[float, float]:
    """How far the frame reaches from the input's centre to its border, downwards and sideways: 1 is the whole way.

    Raises:
        ValueError: the frame is less than 2 pixels high or wide, so that it has no extent to scale.
    """
    height, width = (side - 1 for side in frame_size)
    if min(height, width) < 1:
        raise ValueError(f'a frame must be at least 2 pixels high and wide, got {tuple(frame_size)}')
    input_height, input_width = input_size
    # One of the two is the enlarged box's width: the frame's own, or what the frame's height asks for.
    box_width = max(width, height * input_width / input_height)
    scale = (input_width - 1) / box_width
    return scale * height / (input_height - 1), scale * width / (input_width - 1)


def _sample(maps: Tensor, size: tuple[int, int], factor_y: float, factor_x: float, padding: str) -> Tensor:
    """Read maps bilinearly on a grid of this size that spans -factor to factor of their own extent."""
    rows = torch.linspace(-factor_y, factor_y, size[0], dtype=maps.dtype, device=maps.device)
    columns = torch.linspace(-factor_x, factor_x, size[1], dtype=maps.dtype, device=maps.device)
    grid = torch.stack([columns.expand(size), rows[:, None].expand(size)], dim=-1)
    grid = grid.expand(maps.shape[0], *grid.shape)
    return F.grid_sample(maps, grid, mode='bilinear', padding_mode=padding, align_corners=True)
