"""The sampler of Shuffle & Learn: three frames of a video, in the order of time or not."""

import functools
import logging

import numpy as np
from mmengine.logging import print_log

from videossl.checks import check_integer, check_share
from videossl.datasets.motion_store import Motion
from videossl.registry import TRANSFORMS

from .clip_sampler import IGNORED_LABEL, ClipLabel, ClipSampler, Labels
from .motion import draw_start

TUPLE_LEN = 3
SHORTEST = 4  # positions: three in order, and one outside
WRONG, RIGHT = 0, 1


@functools.cache
def warn_that_frames_have_no_order(shortest: int) -> None:
    """Warn of videos that are too short for both classes, once in each process."""
    print_log(
        f'some videos have fewer than {shortest} frames, too few for three frames in order and one outside: their '
        f'tuples take no part in the loss (gt_tuple={IGNORED_LABEL}). Said once, whatever their number',
        logger='current',
        level=logging.WARNING,
    )


@TRANSFORMS.register_module()
class SampleFrameTuple(ClipSampler):
    """Sample three frames, labelled with whether the middle one was filmed between the outer two.

    Source: Ishan Misra, C. Lawrence Zitnick, Martial Hebert, "Shuffle and Learn: Unsupervised Learning using Temporal Order
    Verification", 2016. Its lists of tuples are released, but not what made them, so the numbers here are from secondary
    sources; the law of the draws is a guess. Of five frames a < b < c < d < e the right tuple is (b, c, d), the wrong ones
    are (b, a, d) and (b, e, d). The outer frames b and d have the same law in both classes, so that the middle frame alone
    tells them apart. Either direction of a tuple is shown with probability one half.

    Drawn in this order from NumPy's global generator: the distance d - b, uniform from 2 to ``window``; b, uniform over
    where the pair fits and an outer frame a or e does; c, uniform between b and d; the class; for a wrong tuple the side,
    if both have room, and the frame, uniform from ``margin`` to ``window`` frames away from the pair; the direction. Where
    the motion of the video is measured (:class:`~.motion.LoadMotion`), b is drawn in proportion to the motion from b to d.

    In a video of fewer than ``window + margin + 1`` frames the margin shrinks in proportion, to 1 at least, and the distance
    ends where the pair and the margin fit. A video of fewer than 4 frames has the label -100, cross-entropy's ignore
    index, and the log has one warning. With ``clip_len`` above 1 all of this holds for the first frames of three clips, and
    a video has ``clip_len - 1`` first frames less. Secondary sources add that c must look different from a and e, by the
    sum of squared differences of pixels; a sampler sees no pixels, so this is left out.

    Required and added keys are those of :class:`~.clip_sampler.ClipSampler`; ``motion`` is read if there. V is 3 or K. The
    label is ``gt_tuple``, an int64 scalar: 1 in order, 0 not. With ``num_views`` there is no label.

    Args:
        clip_len: frames per clip T; the paper's is 1.
        window: largest distance of the outer frames, and of a from b and e from d.
        margin: smallest distance of a from b and of e from d.
        wrong_share: share of the tuples that are not in order.
        num_views: None for a tuple; else the number of independent frames K, each the middle frame c of a tuple of its own.

    Raises:
        ValueError: at build time; the message names the parameter.
    """

    labels = dict(gt_tuple=ClipLabel(lambda label: ('not in order', 'in order')[label], per_clip=False))

    def __init__(
        self,
        clip_len: int = 1,
        window: int = 60,
        margin: int = 15,
        wrong_share: float = 0.75,
        num_views: int | None = None,
    ) -> None:
        check_integer('window', window, 2)
        check_integer('margin', margin)
        if margin > window:
            raise ValueError(f'margin must be at most window={window}, but is {margin}')
        check_share('wrong_share', wrong_share)
        super().__init__(clip_len, TUPLE_LEN if num_views is None else num_views)
        self.window = window
        self.margin = margin
        self.wrong_share = wrong_share
        self.num_views = num_views
        self.clips_move_together = num_views is None

    def sample(self, total_frames: int, results: dict) -> tuple[np.ndarray, dict[str, np.int64]]:
        num_starts, motion = total_frames - self.clip_len + 1, results.get('motion')
        if self.num_views is not None:
            starts, labels = [self._draw(num_starts, motion)[0][1] for _ in range(self.num_views)], {}
        else:
            starts, label = self._draw(num_starts, motion)
            starts, labels = starts[:: 1 if np.random.randint(2) else -1], dict(gt_tuple=np.int64(label))
        return (np.array(starts)[:, None] + np.arange(self.clip_len)) % total_frames, labels

    def _draw(self, num_starts: int, motion: Motion | None) -> tuple[list[int], int]:
        """The first frames of a tuple, of ``num_starts`` possible ones, in ascending direction, and its label."""
        last = num_starts - 1
        if num_starts < SHORTEST:
            return [0, max(last, 0) // 2, max(last, 0)], IGNORED_LABEL
        margin = max(min(self.margin, last * self.margin // (self.window + self.margin)), 1)
        distance = np.random.randint(2, min(self.window, last - margin) + 1)
        starts = np.arange(num_starts - distance)
        starts = starts[(starts >= margin) | (starts + distance <= last - margin)]
        first = draw_start(starts, distance + self.clip_len, motion)
        third = first + distance
        middle = np.random.randint(first + 1, third)
        if self.num_views is not None or np.random.random() >= self.wrong_share:
            return [first, middle, third], RIGHT
        room = (first, last - third)
        sides = [side for side in (0, 1) if room[side] >= margin]
        side = sides[np.random.randint(len(sides))]
        away = np.random.randint(margin, min(room[side], self.window) + 1)
        return [first, third + away if side else first - away, third], WRONG

    def warn_of_no_label(self) -> None:
        warn_that_frames_have_no_order(self.clip_len + SHORTEST - 1)

    def guesses(self) -> dict[str, float]:
        return dict(gt_tuple=max(self.wrong_share, 1 - self.wrong_share))

    def altered_positions(self, labels: Labels, view: int) -> np.ndarray:
        return np.full(self.clip_len, view == 1 and int(labels.get('gt_tuple', RIGHT)) == WRONG)
