"""Motion and appearance statistics of a clip as labels (MAS): where and how it moves most, where its colours change most.

Sources: Jiangliu Wang, Jianbo Jiao, Linchao Bao, Shengfeng He, Yunhui Liu, Wei Liu, "Self-Supervised Spatio-Temporal
Representation Learning for Videos by Predicting Motion and Appearance Statistics", 2019 (MAS), and its successor,
"Self-supervised Video Representation Learning by Uncovering Spatio-temporal Statistics", 2021 (STS), with their released
code. The labels are those of the code.
"""

import functools
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from videossl.checks import check_choice, is_number
from videossl.errors import ConfigError
from videossl.registry import TRANSFORMS

from .base import ClipLabeller
from .clip_sampler import IGNORED_LABEL

NUM_ORIENTATIONS = 8
NUM_BINS = 256
LEAST_SIDE = 12  # of a frame, in pixels, for OpenCV's DIS
BLOCKS = ('cell', 'ring', 'triangle')  # of the three patterns
# Directions and colours by their labels, counted from 0. A colour says which of red, green and blue reach half of their range:
# dark is none of the three, so also a medium grey.
DIRECTIONS = ('right', 'down and right', 'down', 'down and left', 'left', 'up and left', 'up', 'up and right')
COLOURS = ('bluish', 'blue-green', 'purplish', 'bright', 'dark', 'greenish', 'reddish', 'yellowish')
PRESETS = dict(
    ultrafast=cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    fast=cv2.DISOPTICAL_FLOW_PRESET_FAST,
    medium=cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
)


@dataclass(frozen=True, eq=False)
class Pattern:
    """A division of a frame into blocks. A pixel belongs to one block, or to two.

    Attributes:
        pixels: int64 [M], indices into the H * W pixels of a frame.
        blocks: int64 [M], the block of each of these pixels, from 0.
        num_blocks: number of blocks.
        by_mean: blocks compare by the mean over their pixels. Otherwise by the sum.
    """

    pixels: np.ndarray
    blocks: np.ndarray
    num_blocks: int
    by_mean: bool = False

    @property
    def areas(self) -> np.ndarray:
        """Pixels of each block, int64 [num_blocks]."""
        return np.bincount(self.blocks, minlength=self.num_blocks)

    def strongest(self, values: np.ndarray) -> int:
        """The block with the largest sum, or mean, of values [H * W]; the first of several."""
        sums = np.bincount(self.blocks, values[self.pixels], self.num_blocks)
        return int((sums / self.areas if self.by_mean else sums).argmax())


@functools.lru_cache(maxsize=8)
def frame_patterns(height: int, width: int) -> tuple[Pattern, Pattern, Pattern]:
    """The three patterns: a grid of 4 x 4 cells, four concentric rings, and eight triangles.

    Cells count row by row. Rings count from the innermost, which is a rectangle; their outer sides are a quarter, a half,
    three quarters and all of the frame's. Each quarter of the frame is divided by the diagonal that begins in a corner of
    the frame; pixels on the diagonal belong to both triangles. Triangles count as in the released code: the lower and the
    upper one at the top left; the left and the right one at the top right, then at the bottom left; the lower and the upper
    one at the bottom right.
    """
    y, x = np.mgrid[:height, :width]
    everywhere = np.arange(height * width)
    cells = y * 4 // height * 4 + x * 4 // width
    rings = np.maximum(abs(2 * y + 1 - height) * 4 // height, abs(2 * x + 1 - width) * 4 // width)
    pixels, blocks = [], []
    for quarter in range(4):
        bottom, right = divmod(quarter, 2)
        rows = slice(height // 2, height) if bottom else slice(0, height // 2)
        columns = slice(width // 2, width) if right else slice(0, width // 2)
        own = everywhere.reshape(height, width)[rows, columns]
        if bottom != right:
            own = own[:, ::-1]
        down, across = np.mgrid[: own.shape[0], : own.shape[1]]
        beyond = (2 * down + 1) * own.shape[1] - (2 * across + 1) * own.shape[0]
        lower, upper = own[beyond >= 0], own[beyond <= 0]
        for number, part in enumerate((lower, upper) if bottom == right else (upper, lower)):
            pixels.append(part)
            blocks.append(np.full(len(part), 2 * quarter + number))
    return (
        Pattern(everywhere, cells.reshape(-1), 16),
        Pattern(everywhere, rings.reshape(-1), 4, by_mean=True),
        Pattern(np.concatenate(pixels), np.concatenate(blocks), 8),
    )


def optical_flow(frames: Sequence[np.ndarray] | np.ndarray, preset: str = 'medium') -> np.ndarray:
    """The optical flow from each frame to the next by OpenCV's DIS, in pixels to the right and down.

    "Fast Optical Flow using Dense Inverse Search", Kroeger, Timofte, Dai, Van Gool, 2016. OpenCV computes with one thread
    here, since the flow depends on their number.

    Args:
        frames: T frames, uint8 RGB [H, W, 3].
        preset: ``'ultrafast'``, ``'fast'`` or ``'medium'``, OpenCV's.

    Returns:
        float32 [T - 1, H, W, 2].
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        method: Any = cv2.DISOpticalFlow.create(PRESETS[preset])
        grey = [cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY) for frame in frames]
        return np.stack([method.calc(before, after, None) for before, after in zip(grey, grey[1:])])
    finally:
        cv2.setNumThreads(threads)


def motion_boundaries(flow: np.ndarray) -> np.ndarray:
    """Where the flow changes from pixel to pixel: its gradient by Prewitt's kernels. The same motion everywhere, such as a
    moving camera's, has none.

    Args:
        flow: [T - 1, H, W, 2], to the right and down.

    Returns:
        float32 [T - 1, H, W, 2, 2]: for each component of the flow its change to the right and downwards, each three times
        the difference between the pixels on both sides. The released code has the opposite sign throughout.
    """
    flow = np.ascontiguousarray(flow, dtype=np.float32)
    change, even = np.array([-1.0, 0.0, 1.0]), np.ones(3)
    filtered = [
        [cv2.sepFilter2D(frame, cv2.CV_32F, across, down, borderType=cv2.BORDER_REFLECT) for frame in flow]
        for across, down in ((change, even), (even, change))
    ]
    return np.stack(filtered, axis=-1)


def orientation(gradients: np.ndarray) -> int:
    """The most frequent direction of gradients [N, 2], of eight: 0 is to the right, 2 is down. Each gradient counts by its
    length, divided between the two nearest directions."""
    lengths = np.hypot(gradients[:, 0], gradients[:, 1])
    places = np.arctan2(gradients[:, 1], gradients[:, 0]) % (2 * np.pi) * NUM_ORIENTATIONS / (2 * np.pi)
    lower = np.floor(places).astype(np.int64)
    share = places - lower
    votes = np.bincount(lower % NUM_ORIENTATIONS, lengths * (1 - share), NUM_ORIENTATIONS)
    votes += np.bincount((lower + 1) % NUM_ORIENTATIONS, lengths * share, NUM_ORIENTATIONS)
    return int(votes.argmax())


def motion_labels(flow: np.ndarray, least_motion: float = 0.0) -> np.ndarray:
    """The 14 motion statistics of a clip, counted from 1.

    The boundaries of each component of the flow are summed over time, as vectors. For each pattern, four labels: the block
    with the longest ones and their main direction in it, of the flow to the right, then of the flow down. Rings compare by
    the mean, cells and triangles by the sum. Last, for each component, the frame with the longest boundaries.

    Args:
        flow: [T - 1, H, W, 2].
        least_motion: a component whose boundaries are nowhere longer than this, in any frame, counts as still.

    Returns:
        int64 [14]; -100 in the seven labels of a component that is still.
    """
    boundaries = motion_boundaries(flow)
    patterns = frame_patterns(*flow.shape[1:3])
    labels = np.full((2, 2 * len(patterns) + 1), IGNORED_LABEL)
    for component in (0, 1):
        own = boundaries[:, :, :, component].reshape(len(flow), -1, 2)
        lengths = np.hypot(own[..., 0], own[..., 1])
        if not lengths.max() > least_motion:
            continue
        summed = own.sum(axis=0)
        length = np.hypot(summed[:, 0], summed[:, 1])
        for number, pattern in enumerate(patterns):
            block = pattern.strongest(length)
            inside = summed[pattern.pixels[pattern.blocks == block]]
            labels[component, 2 * number : 2 * number + 2] = block + 1, orientation(inside) + 1
        labels[component, -1] = lengths.sum(axis=1).argmax() + 1
    by_pattern = labels[:, :-1].reshape(2, len(patterns), 2).transpose(1, 0, 2)
    return np.concatenate([by_pattern.reshape(-1), labels[:, -1]])


def histogram_overlaps(frames: np.ndarray, pattern: Pattern) -> np.ndarray:
    """How little the colours of each block change: the overlap of its frames' histograms, from 0 to 1 (all the same).

    The sum over 256 bins of the least count of any frame, divided by the sum of the largest; the mean over the channels.

    Args:
        frames: uint8 [T, H, W, 3].

    Returns:
        [num_blocks].
    """
    blocks = np.arange(len(frames))[:, None] * pattern.num_blocks + pattern.blocks
    colours = frames.reshape(len(frames), -1, 3)[:, pattern.pixels]
    overlaps = np.zeros(pattern.num_blocks)
    for channel in range(3):
        places = blocks * NUM_BINS + colours[..., channel]
        counts = np.bincount(places.reshape(-1), minlength=len(frames) * pattern.num_blocks * NUM_BINS)
        counts = counts.reshape(len(frames), pattern.num_blocks, NUM_BINS)
        overlaps += counts.min(axis=0).sum(axis=1) / counts.max(axis=0).sum(axis=1)
    return overlaps / 3


def dominant_colour(pixels: np.ndarray, dominant: str = 'octant') -> int:
    """Of the eight halves of red, green and blue the one that pixels [N, 3] are most often in.

    Args:
        pixels: uint8, RGB.
        dominant: ``'octant'``: the most frequent octant. ``'colour'``: the octant of the most frequent single colour, which
            noise changes.

    Returns:
        The index into ``COLOURS``, by the channels that reach 128: 0 blue; 1 green and blue; 2 red and blue; 3 all; 4 none;
        5 green; 6 red; 7 red and green.
    """
    if dominant == 'colour':
        codes, counts = np.unique(pixels[:, ::-1].astype(np.int64) @ (1 << 16, 1 << 8, 1), return_counts=True)
        code = int(codes[counts.argmax()])
        pixels = np.array([[code & 255, code >> 8 & 255, code >> 16]])
    red, green, blue = (pixels >= 128).T.astype(np.int64)
    return int(np.bincount(4 * (1 - blue) + 2 * red + green, minlength=8).argmax())


def appearance_labels(frames: np.ndarray, dominant: str = 'octant') -> np.ndarray:
    """The 13 appearance statistics of a clip, counted from 1.

    For each pattern, four labels: the block whose colours change most over time (:func:`histogram_overlaps`), its dominant
    colour, the block whose colours change least, and its dominant colour. Last, the dominant colour of the clip.

    Args:
        frames: uint8 RGB [T, H, W, 3].
        dominant: see :func:`dominant_colour`.

    Returns:
        int64 [13]; -100 in the four labels of a pattern whose blocks all change by the same, as in a still clip.
    """
    labels = []
    for pattern in frame_patterns(*frames.shape[1:3]):
        overlaps = histogram_overlaps(frames, pattern)
        for block in (int(overlaps.argmin()), int(overlaps.argmax())):
            inside = frames.reshape(len(frames), -1, 3)[:, pattern.pixels[pattern.blocks == block]]
            colour = dominant_colour(inside.reshape(-1, 3), dominant)
            labels += [block + 1, colour + 1] if overlaps.min() < overlaps.max() else [IGNORED_LABEL] * 2
    return np.array([*labels, dominant_colour(frames.reshape(-1, 3), dominant) + 1])


def outlined(frames: np.ndarray, block: int, colour: tuple[int, int, int], inset: int) -> np.ndarray:
    """Frames [T, H, W, 3] with a cell, counted from 0, outlined in a colour, so many pixels within its edge."""
    cells = frame_patterns(*frames.shape[1:3])[0].blocks.reshape(frames.shape[1:3])
    inside = (cells == block).astype(np.uint8)
    outer, inner = (
        cv2.erode(inside, np.ones((3, 3), np.uint8), iterations=number, borderValue=0) for number in (inset, inset + 1)
    )
    return np.where((outer > inner)[:, :, None], np.array(colour, np.uint8), frames)


def blocks_in_words(labels: Sequence[int]) -> str:
    """The blocks of the three patterns, counted from 1."""
    return ', '.join(f'{kind} {label}' for kind, label in zip(BLOCKS, labels))


class ClipStatistics(ClipLabeller):
    """Base of the transforms that label each clip of a sample by its own pixels."""

    label: str

    @abstractmethod
    def statistics(self, frames: np.ndarray) -> np.ndarray:
        """int64 [D] of the frames of a clip, uint8 RGB [T, H, W, 3]."""

    @property
    def fields_written(self) -> tuple[str, ...]:
        """Fields that this transform adds to the data sample."""
        return (self.label,)

    def transform(self, results: dict) -> dict:
        frames, clip_len = results['imgs'], results['clip_len']
        clips = [np.stack(frames[start : start + clip_len]) for start in range(0, len(frames), clip_len)]
        results[self.label] = np.stack([self.statistics(clip) for clip in clips])
        return results


@TRANSFORMS.register_module()
class MotionStatistics(ClipStatistics):
    """Label clips by their motion statistics, see :func:`motion_labels`.

    Goes behind ``EachClip``: the flow is that of the frames that the net sees, cropped and flipped, so no rule for flipped
    flow is needed. Colours that differ from frame to frame would look like motion. The papers take stored TV-L1 flow; here it
    is :func:`optical_flow`.

    Reads: ``imgs`` (V * T arrays, uint8 RGB [H, W, 3]), ``clip_len``, at least 2.
    Writes: ``gt_motion_statistics``, int64 [V, 14].

    Args:
        preset: OpenCV's, of the flow.
        least_motion: see :func:`motion_labels`. The released code has no such bound.

    Raises:
        ConfigError: at build time, if an argument is out of range, and, before training, if clips have one frame; the
            message names the key.
    """

    label = 'gt_motion_statistics'
    least_clip_len = 2

    def __init__(self, preset: str = 'medium', least_motion: float = 0.0) -> None:
        check_choice('MotionStatistics: preset', preset, tuple(PRESETS))
        if not is_number(least_motion) or least_motion < 0:
            raise ConfigError(f'MotionStatistics: least_motion must be a number of at least 0, got {least_motion!r}')
        self.preset = preset
        self.least_motion = least_motion

    def describe_clip(self, labels: Mapping[str, Any], view: int) -> str:
        return '\n'.join(
            f'flow {axis} ({colour}) changes most in {blocks_in_words(own[:-1:2])}, in the cell {DIRECTIONS[own[1] - 1]}wards, '
            f'after frame {own[-1]}'
            for axis, own, colour in zip(('across', 'down'), self._by_component(labels, view), ('orange', 'blue'))
            if own[-1] != IGNORED_LABEL
        )

    def named_positions(self, labels: Mapping[str, Any], view: int, clip_len: int) -> np.ndarray:
        frames = [own[-1] for own in self._by_component(labels, view)]
        return np.isin(np.arange(1, clip_len + 1), frames)

    def draw(self, frames: np.ndarray, labels: Mapping[str, Any], view: int) -> np.ndarray:
        """The cell where the flow to the right changes most is outlined in orange, within it that of the flow down in blue."""
        for inset, (own, colour) in enumerate(zip(self._by_component(labels, view), ((255, 153, 0), (0, 120, 255)))):
            frames = outlined(frames, own[0] - 1, colour, inset)  # -100 is no cell
        return frames

    def _by_component(self, labels: Mapping[str, Any], view: int) -> list[list[int]]:
        """The labels of the flow to the right, then of the flow down: block and direction for each pattern, then the frame."""
        own = np.asarray(labels[self.label][view])
        blocks = own[:-2].reshape(len(BLOCKS), 2, 2)
        return [[*blocks[:, component].reshape(-1).tolist(), int(own[-2 + component])] for component in (0, 1)]

    def statistics(self, frames: np.ndarray) -> np.ndarray:
        if len(frames) < self.least_clip_len:
            raise ConfigError(
                'MotionStatistics compares each frame with the next, but clips have one frame; set clip_len of the sampler, '
                'train_dataloader.dataset.pipeline.sample.clip_len, to 2 or more'
            )
        height, width = frames.shape[1:3]
        if max(height, width) < LEAST_SIDE or not min(height, width):
            raise ConfigError(
                f'MotionStatistics: there is no optical flow of frames of {width}x{height} pixels; set the size of the crop in '
                f'train_dataloader.dataset.pipeline.clips to {LEAST_SIDE} or more'
            )
        return motion_labels(optical_flow(frames, self.preset), self.least_motion)


@TRANSFORMS.register_module()
class AppearanceStatistics(ClipStatistics):
    """Label clips by their appearance statistics, see :func:`appearance_labels`.

    Goes behind ``EachClip``.

    Reads: ``imgs`` (V * T arrays, uint8 RGB [H, W, 3]), ``clip_len``.
    Writes: ``gt_appearance_statistics``, int64 [V, 13].

    Args:
        dominant: see :func:`dominant_colour`; ``'colour'`` is the released code's.

    Raises:
        ConfigError: at build time, if ``dominant`` is unknown.
    """

    label = 'gt_appearance_statistics'

    def __init__(self, dominant: str = 'octant') -> None:
        check_choice('AppearanceStatistics: dominant', dominant, ('octant', 'colour'))
        self.dominant = dominant

    def describe_clip(self, labels: Mapping[str, Any], view: int) -> str:
        own = np.asarray(labels[self.label][view]).tolist()
        words = [
            f'colours change {how} in {blocks_in_words(own[first:-1:4])} (the cell is {COLOURS[own[first + 1] - 1]})'
            for how, first in (('most', 0), ('least', 2))
            if own[first] != IGNORED_LABEL
        ]
        return '; '.join([*words, f'mostly {COLOURS[own[-1] - 1]}'])

    def statistics(self, frames: np.ndarray) -> np.ndarray:
        return appearance_labels(frames, self.dominant)
