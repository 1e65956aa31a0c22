"""The base of the clip samplers: frame indices, pretext labels, and the meaning of the labels in words."""

import functools
import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.logging import print_log

from videossl.checks import check_integer

from .base import Transform
from .pace_indices import hides_speed, place_offsets

# The label that torch.nn.functional.cross_entropy ignores unless told otherwise.
IGNORED_LABEL = -100

Labels = Mapping[str, Any]
"""Labels of a sample, by name."""


@dataclass(frozen=True)
class ClipLabel:
    """What a pretext label means.

    Args:
        words: from a class, counted from 0, to words for pictures and logs.
        per_clip: True: one label for each clip of the sample. False: one for the sample as a whole.
        of_spacing: whether the label describes how the frames of a clip are spaced, so that shifting single frames
            (``TemporalJitter(per_frame=True)``) would make it wrong.
    """

    words: Callable[[int], str]
    per_clip: bool = True
    of_spacing: bool = False


class ClipSampler(Transform):
    """Base of the samplers: draw clips of one video, and pretext labels for them, without opening the video.

    A subclass defines :meth:`sample` and, for its labels, :attr:`labels`.

    Required keys: ``total_frames``, ``start_index`` (0 if absent).

    Added keys:

    * ``frame_inds``: int64 [V * T], clip after clip, ``start_index`` included
    * ``clip_len``: T
    * ``num_clips``: V
    * ``frame_interval``: 1, the interval at natural speed
    * the labels: int64 [V] each, or one number for the sample
    * ``clip_sampler``: the sampler, which later steps ask what the labels mean

    Args:
        clip_len: Frames per clip T.
        num_views: Clips per sample V.

    Attributes:
        clips_move_together: whether the task rests on where the clips of a sample lie relative to one another, frame by frame,
            so that :class:`~.temporal_jitter.TemporalJitter` moves them all by one shift.
    """

    clips_move_together = False
    num_views: Any  # an integer; None in samplers that set the number themselves
    labels: Mapping[str, ClipLabel] = {}

    def __init__(self, clip_len: int = 16, num_views: int = 1) -> None:
        check_integer('clip_len', clip_len)
        check_integer('num_views', num_views)
        self.clip_len = clip_len
        self.num_views = num_views

    @abstractmethod
    def sample(self, total_frames: int, results: dict) -> tuple[Any, dict[str, Any]]:
        """Draw clips and labels from NumPy's global generator.

        Args:
            total_frames: frames in the video, at least 1.
            results: the sample after the steps before; must not be changed.

        Returns:
            The frame indices from 0, V clips of T integers each, and the labels by name (``gt_...``).
        """

    def transform(self, results: dict) -> dict:
        """Add frame indices and labels of a fresh draw to ``results``.

        Raises:
            ValueError: if the video has no frames, or :meth:`sample` returns clips of another length than ``clip_len``.
        """
        total_frames = int(results['total_frames'])
        if total_frames < 1:
            raise ValueError(
                f'cannot sample a clip from a video with total_frames={total_frames}; leave it out of the list'
            )
        clips, labels = self.sample(total_frames, results)
        frames = np.concatenate(clips).astype(np.int64, copy=False)
        if len(frames) != len(clips) * self.clip_len:
            lengths = [len(clip) for clip in clips]
            raise ValueError(
                f'{type(self).__name__}.sample returned clips of {lengths} frames; clip_len={self.clip_len}'
            )
        if labels and all(np.all(np.equal(label, IGNORED_LABEL)) for label in labels.values()):
            self.warn_of_no_label()
        results['frame_inds'] = frames + results.get('start_index', 0)
        results['clip_len'] = self.clip_len
        results['num_clips'] = len(clips)
        results['frame_interval'] = 1
        results.update(labels)
        results['clip_sampler'] = self
        return results

    def describe_label(self, name: str, label: int) -> str:
        """One label in words."""
        if label == IGNORED_LABEL:
            return f'no {name.removeprefix("gt_")} asked for'
        return self.labels[name].words(label)

    def describe_clip(self, labels: Labels, view: int) -> str:
        """The labels of one clip in words; empty if no label is per clip.

        Args:
            labels: of a sample, by name; they may be less than the sampler writes.
            view: which clip, from 0.
        """
        names = [name for name, label in self.labels.items() if label.per_clip and name in labels]
        return '; '.join(self.describe_label(name, int(labels[name][view])) for name in names)

    def describe_sample(self, labels: Labels) -> str:
        """The labels of the sample as a whole in words; empty if there is no such label."""
        names = [name for name, label in self.labels.items() if not label.per_clip and name in labels]
        return '; '.join(self.describe_label(name, int(labels[name])) for name in names)

    def altered_positions(self, labels: Labels, view: int) -> np.ndarray:
        """Which frames of a clip the pretext task has altered, bool [T]: a clip sheet highlights them."""
        return np.zeros(self.clip_len, dtype=bool)

    def warn_of_no_label(self) -> None:
        """Warn, once in each process, that a video is too short for any label. Called where :func:`sample` gives none."""
        warn_of_short_videos(type(self).__name__, self.clip_len)

    def guesses(self) -> dict[str, float]:
        """By the name of a label, the share of its most frequent class, where classes are not equally likely."""
        return {}

    def ceilings(self) -> dict[str, float]:
        """By the name of a label, the highest accuracy that a head can reach where the clips do not always show it."""
        return {}


@functools.cache
def warn_of_short_videos(sampler: str, clip_len: int) -> None:
    """Warn of videos that have no label."""
    print_log(
        f'some videos are too short for {sampler} with clips of {clip_len} frames to show what it labels: they take no part in '
        f'losses that read the label ({IGNORED_LABEL}). If no video is long enough, such a loss learns nothing. Leave these '
        'videos out of the list, or set a smaller clip_len. Said once, whatever their number',
        logger='current',
        level=logging.WARNING,
    )


class PaceSampler(ClipSampler):
    """Base of the samplers whose clips have a speed as a whole, with the label ``gt_speed``, the speed minus 1."""

    labels = dict(gt_speed=ClipLabel(lambda label: speed_in_words(label + 1), of_spacing=True))

    def altered_positions(self, labels: Labels, view: int) -> np.ndarray:
        return np.full(self.clip_len, 'gt_speed' in labels and int(labels['gt_speed'][view]) > 0)


def visible_labels(labels: np.ndarray, total_frames: int, speeds: Iterable[float]) -> np.ndarray:
    """Labels of clips, -100 where the video is too short for the clip's speed (:func:`~.pace_indices.hides_speed`).

    Examples:
        >>> visible_labels(np.array([0, 1, 2]), total_frames=4, speeds=[1, 2, 3]).tolist()
        [0, -100, -100]
    """
    return np.where([hides_speed(total_frames, speed) for speed in speeds], IGNORED_LABEL, labels)


def speed_in_words(speed: int) -> str:
    """A speed in words.

    Examples:
        >>> speed_in_words(1), speed_in_words(3)
        ('natural speed', '3 times natural speed')
    """
    return 'natural speed' if speed == 1 else f'{speed} times natural speed'


def draw_consecutive(length: int, total_frames: int) -> np.ndarray:
    """Consecutive frames from a random start, with one call of ``np.random.randint``.

    The start is uniform over those where all frames fit. In a shorter video the frames wrap around to frame 0 (indices
    modulo its length).

    Args:
        length: Number of frames.
        total_frames: Frames in the video, at least 1.

    Returns:
        int64 [length], each within ``0 .. total_frames - 1``.

    Examples:
        >>> draw_consecutive(4, total_frames=4).tolist()
        [0, 1, 2, 3]
        >>> sorted(draw_consecutive(4, total_frames=3).tolist())  # one frame comes twice
        [0, 0, 1, 2]
    """
    return place_offsets(np.arange(length), total_frames)
