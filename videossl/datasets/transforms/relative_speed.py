"""The sampler of relative speed perception (RSPNet): clips of two windows of a video, at natural speed and faster."""

from collections.abc import Sequence

import numpy as np

from videossl.checks import check_integer
from videossl.registry import TRANSFORMS

from .clip_sampler import PaceSampler, draw_consecutive, visible_labels

# The views of RSPNet: the query, the key at its speed, the key at the other speed.
NUM_VIEWS = 3


@TRANSFORMS.register_module()
class SampleRelativeSpeed(PaceSampler):
    """Sample a query clip from one window of a video, and from another two keys: one at the query's speed, one not.

    Source: Peihao Chen, Deng Huang, Dongliang He, Xiang Long, Runhao Zeng, Shilei Wen, Mingkui Tan, Chuang Gan,
    "RSPNet: Relative Speed Perception for Unsupervised Video Representation Learning", 2021, and its released code.

    A window is ``clip_len * max(speeds)`` consecutive frames, 32 by default. The starts of two windows are drawn
    independently from all starts where a whole window fits. In a video no longer than a window both windows start at frame
    0 and wrap around (indices modulo the length). Speed ``s`` takes ``clip_len`` frames, every ``s``-th of the window from
    its first: natural speed is the window's first half, double speed all of it.

    Of two speeds, natural speed and one drawn from ``speeds``, either is the query's (the anchor speed) with
    probability one half. The views are:

    ====  ======  ========================
    view  window  speed
    ====  ======  ========================
    0     first   the query's
    1     second  the query's
    2     second  the other
    ====  ======  ========================

    The two keys show the same scene and differ in speed alone. With ``EachClip(groups=[[0], [1, 2]])`` they share crop,
    flip and colours too. Starts and speeds are drawn from NumPy's global generator. The released code draws the other
    speed once for a whole batch; here each sample draws its own, which is the same for its default of a single speed.

    With ``speeds=(4, 2)`` a window has 64 frames. The released code then takes every second frame of all 64, which is a clip
    of 32 frames; here a clip has ``clip_len`` frames at any speed.

    Required and added keys are those of :class:`~.clip_sampler.ClipSampler`, and ``rank_position`` is required if ``balanced``.
    The label is ``gt_speed``, int64 [V], the speed minus 1, or -100 in videos that are too short for the speed
    (:func:`~.pace_indices.hides_speed`: at most twice its frames). :class:`~videossl.models.RelativeSpeedHead` does not read
    it.

    Args:
        clip_len: Frames per clip T.
        speeds: The speeds beside natural speed: integers of at least 2, each once.
        num_views: None: the three views above. 2: one clip from each window, each at a speed of its own, natural or one
            drawn from ``speeds`` with equal probability: the views of an auxiliary stage in front of RSPNet.
        balanced: Whether every second draw of a process has natural speed as its anchor speed, instead of each with
            probability one half. This is exactly half of a batch of even size, as in the released code. It needs the
            number that :class:`~videossl.engine.DrawSampler` gives each draw.

    Raises:
        ValueError: at build time; the message names the parameter.
    """

    def __init__(
        self, clip_len: int = 16, speeds: Sequence[int] = (2,), num_views: int | None = None, balanced: bool = False
    ) -> None:
        check_speeds(speeds)
        if num_views not in (None, 2, NUM_VIEWS):
            raise ValueError(
                f'num_views must be None, for the {NUM_VIEWS} views of RSPNet, or 2, for a clip from each '
                f'window, but is {num_views!r}'
            )
        if balanced and num_views == 2:
            raise ValueError(
                'balanced=True is about the speed of the query, but with num_views=2 each clip has a speed '
                'of its own; set balanced=False'
            )
        super().__init__(clip_len, NUM_VIEWS if num_views is None else num_views)
        self.speeds = tuple(speeds)
        self.balanced = balanced

    @property
    def window(self) -> int:
        """Frames of a window."""
        return self.clip_len * max(self.speeds)

    def sample(self, total_frames: int, results: dict) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        first, second = (draw_consecutive(self.window, total_frames) for _ in range(2))
        if self.num_views == 2:
            windows, speeds = [first, second], [self._draw_speed() for _ in range(2)]
        else:
            other = int(np.random.choice(self.speeds))
            anchor, other = (1, other) if self._anchor_is_natural(results) else (other, 1)
            windows, speeds = [first, second, second], [anchor, anchor, other]
        clips = [window[::speed][: self.clip_len] for window, speed in zip(windows, speeds)]
        return clips, dict(gt_speed=visible_labels(np.array(speeds, dtype=np.int64) - 1, total_frames, speeds))

    def _draw_speed(self) -> int:
        return int(np.random.choice(self.speeds)) if np.random.randint(2) else 1

    def _anchor_is_natural(self, results: dict) -> bool:
        if not self.balanced:
            return np.random.randint(2) == 0
        if 'rank_position' not in results:
            raise KeyError(
                'SampleRelativeSpeed(balanced=True) needs rank_position, the number of the draw in its process. '
                "VideoDataset writes it when the data loader has sampler=dict(type='DrawSampler'): use both, "
                'or set balanced=False'
            )
        return results['rank_position'] % 2 == 0


def check_speeds(speeds: Sequence[int]) -> None:
    """Refuse anything but integers of at least 2, each once."""
    if isinstance(speeds, str) or not isinstance(speeds, Sequence) or len(speeds) == 0:
        raise ValueError(f'speeds must be a list of integers such as (2, ), but is {speeds!r}')
    for speed in speeds:
        check_integer('each of speeds', speed)
    if 1 in speeds:
        raise ValueError(
            f'speeds={tuple(speeds)} contains 1, but natural speed is always one of the two: where it is '
            'drawn as the other, the key at the other speed is the key at the same speed, and positives '
            'equal negatives; leave 1 out'
        )
    if len(set(speeds)) < len(speeds):
        raise ValueError(f'speeds={tuple(speeds)} names a speed twice; name each once')
