"""The sampler of video clip order prediction (VCOP): clips of one video, shuffled, with their order as label.

Source: Dejing Xu, Jun Xiao, Zhou Zhao, Jian Shao, Di Xie, Yueting Zhuang, "Self-supervised Spatiotemporal Learning via
Video Clip Order Prediction", 2019.
"""

import functools
import itertools
import logging
from collections.abc import Sequence

import numpy as np
from mmengine.logging import print_log

from videossl.checks import check_integer
from videossl.datasets.motion_store import Motion
from videossl.registry import TRANSFORMS

from .clip_sampler import IGNORED_LABEL, ClipLabel, ClipSampler, Labels
from .motion import draw_start

# 5! = 120 classes; six clips would make 720, of which a run sees each too seldom to learn it.
MAX_TUPLE_LEN = 5


def clip_orders(tuple_len: int, up_to_reversal: bool = False) -> np.ndarray:
    """All orders of ``tuple_len`` clips in lexicographic order: the classes, class ``c`` being row ``c``.

    Entry ``i`` of an order is the chronological rank of the clip shown at position ``i``. With ``up_to_reversal`` an order
    and its reversal are one class, and the row is the one of the two whose first entry is below its last.

    Returns:
        int64 [tuple_len!, tuple_len]; with ``up_to_reversal`` half as many rows.

    Examples:
        >>> clip_orders(3).tolist()
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
        >>> clip_orders(3, up_to_reversal=True).tolist()
        [[0, 1, 2], [0, 2, 1], [1, 0, 2]]
    """
    orders = np.array(list(itertools.permutations(range(tuple_len))), dtype=np.int64)
    return orders[orders[:, 0] < orders[:, -1]] if up_to_reversal else orders


def tuple_layout(total_frames: int, tuple_len: int, clip_len: int, gap: int) -> tuple[np.ndarray, int]:
    """Offsets of the clips of a tuple from its start, and the number of possible starts.

    The tuple takes ``tuple_len * clip_len + (tuple_len - 1) * gap`` frames. In a shorter video all gaps shrink equally, to 0
    if necessary. Where the clips still do not fit, they overlap: their starts are spread evenly over all starts where a
    clip fits. In a video of at most ``clip_len`` frames there is one start.

    Args:
        total_frames: Frames in the video.
        tuple_len: Clips in the tuple, at least 2.
        clip_len: Frames per clip T.
        gap: Frames left out between two clips.

    Returns:
        The offsets, int64 [tuple_len], the first being 0, and the number of starts, from 0, at least 1. Offsets
        increase strictly unless ``total_frames < clip_len + tuple_len - 1``: then some clips, or all, are the same.

    Raises:
        ValueError: if the video has no frames.

    Examples:
        >>> tuple_layout(70, tuple_len=3, clip_len=16, gap=8)
        (array([ 0, 24, 48]), 7)
        >>> tuple_layout(53, tuple_len=3, clip_len=16, gap=8)
        (array([ 0, 18, 36]), 2)
        >>> tuple_layout(27, tuple_len=3, clip_len=16, gap=8)
        (array([ 0,  5, 11]), 1)
    """
    if total_frames < 1:
        raise ValueError(
            f'cannot sample a tuple of clips from a video with total_frames={total_frames}; leave it out of the list'
        )
    num_gaps = tuple_len - 1
    spare = total_frames - tuple_len * clip_len
    if spare >= 0:
        gap = min(gap, spare // num_gaps)
        return np.arange(tuple_len) * (clip_len + gap), spare - num_gaps * gap + 1
    return np.arange(tuple_len) * max(total_frames - clip_len, 0) // num_gaps, 1


def draw_tuple(total_frames: int, tuple_len: int, clip_len: int, gap: int, motion: Motion | None = None) -> np.ndarray:
    """Place a tuple of clips at random in a video, with one call of NumPy's global generator.

    Args:
        total_frames: see :func:`tuple_layout`, as for the arguments up to ``gap``.
        motion: see :func:`~.motion.draw_start`.

    Returns:
        int64 [tuple_len, clip_len], the clips' frames in the order of time, each within ``0 .. total_frames - 1``. In a
        video shorter than a clip they go round (modulo its length).

    Raises:
        ValueError: if the video has no frames.
    """
    offsets, num_starts = tuple_layout(total_frames, tuple_len, clip_len, gap)
    starts = draw_start(np.arange(num_starts), int(offsets[-1]) + clip_len, motion) + offsets
    return (starts[:, None] + np.arange(clip_len)) % total_frames


@functools.cache
def warn_that_clips_have_no_order(tuple_len: int, clip_len: int) -> None:
    """Warn of videos that are too short for a tuple, once in each process."""
    shortest = clip_len + tuple_len - 1
    print_log(
        f'some videos have fewer than {shortest} frames, too few for {tuple_len} different clips of {clip_len}: '
        f'such clips have no order to predict, so they take no part in the loss (gt_order={IGNORED_LABEL}). Leave '
        'these videos out of the list, or set a smaller clip_len. Said once, whatever their number',
        logger='current',
        level=logging.WARNING,
    )


@TRANSFORMS.register_module()
class SampleClipOrder(ClipSampler):
    """Sample a tuple of clips that follow one another, shuffle it, and label it with its order.

    The start is uniform over all starts where the tuple fits, the order uniform over all orders, both from NumPy's
    global generator. ``gt_order`` is the index, in the lexicographic list of permutations (:func:`clip_orders`), of the
    order whose entry ``i`` is the chronological rank of the clip at position ``i``. This and the defaults are those of
    the released code of "Self-supervised Spatiotemporal Learning via Video Clip Order Prediction" (Xu, Xiao, Zhao,
    Shao, Xie, Zhuang, 2019).

    The released code trains on a list without the videos too short for a tuple (64 frames by default). Here they stay:
    gaps shrink, then clips overlap (:func:`tuple_layout`). In videos of fewer than ``clip_len + tuple_len - 1`` frames
    some or all clips of a tuple are the same, and different orders look alike. Such a tuple stays in the batch with the
    label -100, cross-entropy's ignore index, and the log has one warning.

    With ``num_views=K`` there is no tuple and no label: each of K views is one clip, uniformly drawn, of its own tuple. A
    teacher and a student then see clips that are cut as in this method.

    A ``TemporalJitter`` behind this sampler moves each clip by itself. The label stays true as long as ``2 * max_shift`` is
    below the distance of two starts: ``clip_len + gap``, and less in short videos.

    With ``clip_len=1``, ``tuple_len=4`` and ``up_to_reversal=True`` this is the task of OPN ("Unsupervised Representation
    Learning by Sorting Sequences", Lee, Huang, Singh, Yang, 2017): four frames, and twelve classes, an order and its
    reversal being one. The frames lie at equal distances, which is a guess, as OPN's own are not known.

    Where the motion of a video is measured (:class:`~.motion.LoadMotion`), a tuple's start is drawn in proportion to the
    motion of its frames.

    Required and added keys are those of :class:`~.clip_sampler.ClipSampler`; ``motion`` is read if there. V is
    ``tuple_len``, or K. The label is ``gt_order``, an int64 scalar, the index of a row of :func:`clip_orders`, or -100. With
    ``num_views`` there is no label.

    Args:
        tuple_len: Clips in a tuple, 2 to 5.
        clip_len: Frames per clip T.
        gap: Frames left out between two clips of a tuple.
        num_views: None for a shuffled tuple; else the number of independent clips K.
        up_to_reversal: whether an order and its reversal are one class; either is shown with probability one half. Needs
            three clips or more.

    Raises:
        ValueError: at build time; the message names the parameter.
    """

    labels = dict(gt_order=ClipLabel(lambda label: f'order {label + 1}', per_clip=False))

    def __init__(
        self,
        tuple_len: int = 3,
        clip_len: int = 16,
        gap: int = 8,
        num_views: int | None = None,
        up_to_reversal: bool = False,
    ) -> None:
        check_integer('tuple_len', tuple_len, 3 if up_to_reversal else 2)
        if tuple_len > MAX_TUPLE_LEN:
            raise ValueError(
                f'tuple_len must be at most {MAX_TUPLE_LEN}, since every order is a class, but is {tuple_len}'
            )
        check_integer('gap', gap, 0)
        super().__init__(clip_len, tuple_len if num_views is None else num_views)
        self.tuple_len = tuple_len
        self.gap = gap
        self.num_views = num_views
        self.up_to_reversal = up_to_reversal
        self.orders = clip_orders(tuple_len, up_to_reversal)

    def sample(self, total_frames: int, results: dict) -> tuple[Sequence[np.ndarray], dict[str, np.int64]]:
        motion = results.get('motion')
        if self.num_views is not None:
            tuples = (self._draw_tuple(total_frames, motion) for _ in range(self.num_views))
            return [clips[np.random.randint(self.tuple_len)] for clips in tuples], {}
        clips = self._draw_tuple(total_frames, motion)
        order_class = np.random.randint(len(self.orders))
        shown = clips[self.orders[order_class]]
        if self.up_to_reversal and np.random.randint(2):
            shown = shown[::-1]
        if len(np.unique(clips[:, 0])) < self.tuple_len:
            order_class = IGNORED_LABEL
        return shown, dict(gt_order=np.int64(order_class))

    def warn_of_no_label(self) -> None:
        warn_that_clips_have_no_order(self.tuple_len, self.clip_len)

    def _draw_tuple(self, total_frames: int, motion: Motion | None) -> np.ndarray:
        return draw_tuple(total_frames, self.tuple_len, self.clip_len, self.gap, motion)

    def describe_clip(self, labels: Labels, view: int) -> str:
        if 'gt_order' not in labels:
            return ''
        order_class = int(labels['gt_order'])
        if order_class == IGNORED_LABEL:
            return 'has no place in time of its own'
        rank = int(self.orders[order_class][view])
        reverse = f' or {ordinal(self.tuple_len - rank)}' if self.up_to_reversal else ''
        return f'{ordinal(rank + 1)}{reverse} in time'

    def describe_label(self, name: str, label: int) -> str:
        if name != 'gt_order' or label == IGNORED_LABEL:
            return super().describe_label(name, label)
        ranks = ', '.join(f'the {ordinal(rank + 1)}' for rank in self.orders[label])
        reverse = ', or the reverse' if self.up_to_reversal else ''
        return f'order {label + 1} of {len(self.orders)}: shown are {ranks} in time{reverse}'


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``3rd``, ``4th`` ..."""
    ending = 'th' if number % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')
    return f'{number}{ending}'
