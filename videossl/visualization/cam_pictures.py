"""Maps laid over clips, as video and as contact sheet."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from videossl.checks import check_share
from videossl.files import whole_file

from .clip_sheet import thumbnail_row
from .figures import new_figure, show_frames

SMALLEST_SIDE = 224  # of a frame in a video, in pixels; smaller ones are enlarged
THUMBNAILS = 8


def overlay(clip: np.ndarray, cam_map: np.ndarray, strength: float = 0.5) -> np.ndarray:
    """Colour a clip by a map, from blue (0) to red (1).

    Args:
        clip: uint8 RGB [T, H, W, 3].
        cam_map: [T, H, W], from 0 to 1; or colours [T, H, W, 3], from 0 to 1, which are shown by themselves.
        strength: share of the colours in the mixture.

    Returns:
        uint8 RGB [T, H, W, 3].
    """
    if clip.shape[:3] != cam_map.shape[:3]:
        raise ValueError(f'a map {cam_map.shape} does not go with a clip {clip.shape}')
    check_share('strength', strength)
    if cam_map.ndim == 4:
        return np.rint(np.clip(cam_map, 0, 1) * 255).astype(np.uint8)
    levels = np.rint(np.clip(cam_map, 0, 1) * 255).astype(np.uint8)
    colours = np.stack([cv2.applyColorMap(level, cv2.COLORMAP_JET)[..., ::-1] for level in levels])
    return np.rint(clip * (1 - strength) + colours * strength).astype(np.uint8)


def write_video(path: str | Path, frames: np.ndarray, fps: float = 12.5) -> None:
    """Write frames, uint8 RGB [T, H, W, 3], as H.264; odd sides lose a pixel. The file appears when it is whole."""
    from fractions import Fraction

    import av

    height, width = (side // 2 * 2 for side in frames.shape[1:3])
    with whole_file(path) as temporary, av.open(str(temporary), 'w', format='mp4') as container:
        stream = container.add_stream('libx264', rate=Fraction(fps).limit_denominator(1000), options=dict(crf='20'))
        stream.height, stream.width, stream.pix_fmt = height, width, 'yuv420p'
        for frame in frames:
            picture = np.ascontiguousarray(frame[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24')))
        container.mux(stream.encode())


def enlarged(frames: np.ndarray, smallest_side: int = SMALLEST_SIDE) -> np.ndarray:
    """Frames [T, H, W, 3] enlarged by an integer factor, so that the smaller side has at least ``smallest_side`` pixels."""
    factor = -(-smallest_side // min(frames.shape[1:3]))
    return frames.repeat(factor, axis=1).repeat(factor, axis=2)


def write_cam_video(
    path: str | Path, clips: np.ndarray, maps: np.ndarray, fps: float = 12.5, strength: float = 0.5
) -> None:
    """Write clips, uint8 RGB [N, T, H, W, 3], one after another, with their maps [N, T, H, W] over them to the right."""
    frames = [np.concatenate([clip, overlay(clip, cam_map, strength)], axis=2) for clip, cam_map in zip(clips, maps)]
    write_video(path, enlarged(np.concatenate(frames)), fps)


def draw_cam_sheet(
    clips: np.ndarray,
    maps: np.ndarray,
    shown: Sequence[str],
    title: str = '',
    strength: float = 0.5,
    frame_inds: np.ndarray | None = None,
):
    """A contact sheet, as a matplotlib figure: of each clip a row of frames, and the same frames with the map over them.

    Args:
        clips: uint8 RGB [N, T, H, W, 3].
        maps: [N, T, H, W], from 0 to 1, or colours [N, T, H, W, 3].
        shown: of each clip what its map shows, in words; see :class:`~.cam.CamResult`.
        title: of the figure.
        strength: see :func:`overlay`.
        frame_inds: int [N, T], the frames' numbers in the video, shown below them. None: no numbers.
    """
    if not len(clips) == len(maps) == len(shown):
        raise ValueError(f'{len(clips)} clips, {len(maps)} maps and {len(shown)} texts must be equally many')
    if frame_inds is not None and np.shape(frame_inds) != clips.shape[:2]:
        raise ValueError(f'frame numbers {np.shape(frame_inds)} do not go with clips {clips.shape[:2]}')
    num_frames = clips.shape[1]
    indices = np.unique(np.linspace(0, num_frames - 1, min(num_frames, THUMBNAILS)).round().astype(int))
    row_height = 9 / len(indices) * clips.shape[2] / clips.shape[3]
    figure = new_figure(9, len(clips) * (2 * row_height + 0.6) + 0.6)
    meaning = 'colours from blue to red; each clip scaled to its own maximum'
    if np.ndim(maps) == 5:
        meaning = 'alike features have alike colours, in all frames and clips'
    figure.suptitle('\n'.join(line for line in (title, meaning) if line), fontsize=9)
    grid = figure.add_gridspec(len(clips), 1)
    for number, (clip, cam_map, text) in enumerate(zip(clips, maps, shown)):
        plain = [False] * len(indices)
        rows = [thumbnail_row(clip[indices], plain), thumbnail_row(overlay(clip, cam_map, strength)[indices], plain)]
        axes = figure.add_subplot(grid[number], label=f'clip {number}')
        numbers = [] if frame_inds is None else np.asarray(frame_inds)[number, indices]
        show_frames(axes, np.concatenate(rows), len(indices), numbers)
        axes.set_title(text, fontsize=9, loc='left')
    return figure
