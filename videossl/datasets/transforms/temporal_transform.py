"""The sampler of temporal transformations (RTT): a video as it is, back and forth, shuffled, and at uneven speed.

Source: Simon Jenni, Givi Meishvili, Paolo Favaro, "Video Representation Learning by Recognizing Temporal
Transformations", 2020, and its released code, which is described here and not copied.
"""

import numpy as np

from videossl.checks import check_integer
from videossl.registry import TRANSFORMS

from .clip_sampler import IGNORED_LABEL, ClipLabel, ClipSampler, Labels, speed_in_words
from .pace_indices import place_offsets

# The classes of gt_transform.
ORIGINAL, PERIODIC, RANDOM, WARP = range(4)
WORDS = ('in order', 'forwards and backwards', 'in random order', 'at uneven speed')


def periodic_offsets(clip_len: int, stride: int, gap: int, first: int) -> np.ndarray:
    """Frames of a clip that plays forwards, turns, and comes back over other frames.

    The whole walk is ``0, s, ..., (T - 3) s`` and back, the way back shifted by ``gap``. A clip is ``clip_len`` frames of
    these ``2 (clip_len - 2)``, so that it has at least two frames on each side of the turn.

    Args:
        clip_len: Frames per clip T, at least 4.
        stride: Distance of neighbouring frames, s.
        gap: Distance of the two frames at the turn. From 1 to ``stride - 1`` no frame is shown twice.
        first: Where in the walk the clip begins, 0 to ``clip_len - 4``.

    Returns:
        int64 [clip_len].

    Examples:
        >>> periodic_offsets(16, stride=2, gap=1, first=6).tolist()
        [12, 14, 16, 18, 20, 22, 24, 26, 27, 25, 23, 21, 19, 17, 15, 13]
    """
    forwards = np.arange(clip_len - 2, dtype=np.int64) * stride
    return np.concatenate([forwards, forwards[::-1] + gap])[first : first + clip_len]


@TRANSFORMS.register_module()
class SampleTemporalTransform(ClipSampler):
    """Sample the four temporal transformations of a video, with transformation and playback rate as labels.

    One rate ``s`` is drawn for a video, uniformly from those of 1, 2, 4, ... for which the video has ``clip_len * s``
    frames. The sample has four clips, in this order:

    =====  ==========  ================================================================================
    class  name        frames
    =====  ==========  ================================================================================
    0      original    at stride ``s``
    1      periodic    forwards at stride ``s``, then backwards over other frames (:func:`periodic_offsets`); the place of
                       the turn and the gap there, 1 to ``s - 1``, are random. For ``s = 1`` the gap is 0 or 1.
    2      random      ``clip_len`` consecutive frames in random order
    3      warp        steps drawn uniformly from 1 to the largest rate of the video. If that is below 4, the clip is
                       ``clip_len`` different frames of the whole video in their order.
    =====  ==========  ================================================================================

    Clips are placed independently and uniformly (:func:`~.pace_indices.place_offsets`). This is the released code, which
    draws the rate once for each video. In the paper a mini-batch has one rate, and random and warp are of this rate, too:
    ``all_at_rate``.

    Short videos: with less than ``clip_len`` frames the clips go round (indices modulo the length), and all labels are
    -100, cross-entropy's ignore index; the released code fails there. A random or warp clip that happens to be at constant
    speed has no transformation to recognise, and its ``gt_transform`` is -100. This is rare, but certain for warp in a
    video of exactly ``clip_len`` frames.

    Required and added keys are those of :class:`~.clip_sampler.ClipSampler`; V is 4, or K. The labels are int64 [V]:
    ``gt_transform``, 0 to 3, and ``gt_rate``, the index of the rate in 1, 2, 4, 8, which is -100 for random and warp.

    Args:
        clip_len: Frames per clip T, at least 4.
        num_rates: Rates to draw from: ``1, 2, ..., 2^(num_rates - 1)``.
        num_views: None: the four clips above. K: each of K clips has a transformation and a rate of its own, drawn
            uniformly: the views of an auxiliary stage in front of this method.
        all_at_rate: Random shuffles frames at stride ``s``, and warp has steps from 1 to ``2 s``, no larger than the
            largest rate of the video; the paper does not give the range.
        rate_of_periodic: Whether periodic clips have a rate label, as in the released code.

    Raises:
        ValueError: at build time; the message names the parameter.
    """

    labels = dict(
        gt_transform=ClipLabel(lambda label: WORDS[label], of_spacing=True),
        gt_rate=ClipLabel(lambda label: speed_in_words(2**label), of_spacing=True),
    )

    def __init__(
        self,
        clip_len: int = 16,
        num_rates: int = 4,
        num_views: int | None = None,
        all_at_rate: bool = False,
        rate_of_periodic: bool = True,
    ) -> None:
        check_integer('clip_len', clip_len, 4)
        check_integer('num_rates', num_rates)
        super().__init__(clip_len, len(WORDS) if num_views is None else num_views)
        self.num_views = num_views
        self.num_rates = num_rates
        self.all_at_rate = all_at_rate
        self.rate_of_periodic = rate_of_periodic

    def sample(self, total_frames: int, results: dict) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        longest = max(total_frames // self.clip_len, 1)
        num_rates = min(longest.bit_length(), self.num_rates)  # floor(log2) + 1
        if self.num_views is None:
            transforms, rates = np.arange(len(WORDS)), np.full(len(WORDS), np.random.randint(num_rates))
        else:
            transforms = np.random.randint(len(WORDS), size=self.num_views)
            rates = np.random.randint(num_rates, size=self.num_views)
        clips = [
            self._draw_clip(transform, 2**rate, 2 ** (num_rates - 1), total_frames)
            for transform, rate in zip(transforms.tolist(), rates.tolist())
        ]
        has_rate = (transforms == ORIGINAL) | (self.rate_of_periodic & (transforms == PERIODIC))
        is_even = np.array([len(np.unique(np.diff(clip))) == 1 for clip in clips])
        is_short = total_frames < self.clip_len
        labels = dict(
            gt_transform=np.where(is_short | (is_even & (transforms > PERIODIC)), IGNORED_LABEL, transforms),
            gt_rate=np.where(is_short | ~has_rate, IGNORED_LABEL, rates),
        )
        return clips, labels

    def _draw_clip(self, transform: int, rate: int, largest_rate: int, total_frames: int) -> np.ndarray:
        offsets = np.arange(self.clip_len) * rate
        if transform == PERIODIC:
            gap = np.random.randint(1, rate) if rate > 1 else np.random.randint(2)
            offsets = periodic_offsets(self.clip_len, rate, gap, np.random.randint(self.clip_len - 3))
        elif transform == RANDOM:
            offsets = np.random.permutation(self.clip_len) * (rate if self.all_at_rate else 1)
        elif transform == WARP:
            if largest_rate < 4 and total_frames >= self.clip_len:
                return np.sort(np.random.permutation(total_frames)[: self.clip_len])
            longest_step = min(2 * rate, largest_rate) if self.all_at_rate else largest_rate
            offsets = np.random.randint(1, longest_step + 1, size=self.clip_len).cumsum()
        return place_offsets(offsets, total_frames)

    def altered_positions(self, labels: Labels, view: int) -> np.ndarray:
        changed = any(name in labels and int(labels[name][view]) > 0 for name in self.labels)
        return np.full(self.clip_len, changed)
