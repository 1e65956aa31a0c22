"""The sampler of playback rate perception (PRP), and the frames that its decoder is to reconstruct.

Source: Yuan Yao, Chang Liu, Dezhao Luo, Yu Zhou, Qixiang Ye, "Video Playback Rate Perception for Self-supervised
Spatio-Temporal Representation Learning", 2020, and its released code.
"""

from collections.abc import Sequence

import numpy as np

from videossl.checks import check_choice, check_integer
from videossl.errors import ConfigError
from videossl.registry import TRANSFORMS

from .base import Transform
from .clip_sampler import IGNORED_LABEL, ClipLabel, ClipSampler, Labels, speed_in_words, visible_labels
from .pace_indices import place_offsets


@TRANSFORMS.register_module()
class SamplePlaybackRate(ClipSampler):
    """Sample a clip at one of several playback rates, and twice as many frames of the same stretch at half the rate.

    Rate ``s`` gives the input clip ``start, start + s, ...`` and, as two more clips, the 2 T frames of the target, ``s / 2``
    frames apart, so every second frame of the target is one of the input. At rate 1 the target has every frame twice;
    :class:`~videossl.models.ReconstructionHead` then leaves the second out. The rate is uniform over all, and the start over
    all starts where the frames fit; both are drawn from NumPy's global generator, in this order.

    In a video that is too short frames go round (indices modulo its length). The released code keeps the rate and takes
    another video, so its high rates come from long videos alone.

    With ``EachClip(groups=[[0, 1, 2]])`` input and target have one crop and flip; :class:`KeepTargetFrames` then takes the
    target out of the clips. ``TemporalJitter`` moves input and target by one shift.

    Required and added keys are those of :class:`~.clip_sampler.ClipSampler`; V is 3, or K. The label is ``gt_rate``, int64
    [1], or [K]: the index into ``rates``, or -100 in videos that are too short for the rate
    (:func:`~.pace_indices.hides_speed`: at most twice its frames).

    Args:
        clip_len: Frames per clip T.
        rates: The rates in ascending order: 1 or even numbers.
        short_videos: ``'loop'``: see above. ``'smaller'``: the rate is uniform over those that fit; where none does, it is
            the lowest.
        num_views: None for input and target; else the number of independent clips K, each at a rate of its own and without
            a target: the views of an auxiliary stage.

    Raises:
        ConfigError: at build time; the message names the parameter.
    """

    labels = dict(gt_rate=ClipLabel(lambda label: f'rate {label + 1}', of_spacing=True))

    def __init__(
        self,
        clip_len: int = 16,
        rates: Sequence[int] = (1, 2, 4, 8),
        short_videos: str = 'loop',
        num_views: int | None = None,
    ) -> None:
        super().__init__(clip_len, 3 if num_views is None else num_views)
        for rate in rates:
            check_integer('SamplePlaybackRate: each of rates', rate)
        if list(rates) != sorted(set(rates)) or not rates or any(rate > 1 and rate % 2 for rate in rates):
            raise ConfigError(f'SamplePlaybackRate: rates must be 1 or even numbers, in ascending order, got {rates}')
        check_choice('SamplePlaybackRate: short_videos', short_videos, ('loop', 'smaller'))
        self.rates = tuple(rates)
        self.short_videos = short_videos
        self.num_views = num_views
        self.clips_move_together = num_views is None

    def sample(self, total_frames: int, results: dict) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        choices = len(self.rates)
        if self.short_videos == 'smaller':
            choices = max(sum(rate * self.clip_len <= total_frames for rate in self.rates), 1)
        classes = np.random.randint(choices, size=self.num_views or 1)
        if self.num_views is None:
            target = target_offsets(self.clip_len, self.rates[classes[0]])
            clips = list(place_offsets(np.stack([target[::2], *np.split(target, 2)]), total_frames))
        else:
            clips = [place_offsets(self.rates[c] * np.arange(self.clip_len), total_frames) for c in classes]
        return clips, dict(gt_rate=visible_labels(classes, total_frames, [self.rates[c] for c in classes]))

    def describe_label(self, name: str, label: int) -> str:
        return super().describe_label(name, label) if label == IGNORED_LABEL else speed_in_words(self.rates[label])

    def altered_positions(self, labels: Labels, view: int) -> np.ndarray:
        return np.full(self.clip_len, 'gt_rate' in labels and int(labels['gt_rate'][view]) > 0)


def target_offsets(clip_len: int, rate: int) -> np.ndarray:
    """Frames of the target of a clip at a rate, relative to the first, int64 [2 * clip_len].

    Examples:
        >>> target_offsets(3, 4).tolist(), target_offsets(3, 1).tolist()
        ([0, 2, 4, 6, 8, 10], [0, 0, 1, 1, 2, 2])
    """
    return rate * np.arange(2 * clip_len) // 2


@TRANSFORMS.register_module()
class KeepTargetFrames(Transform):
    """Keeps the first clip of a sample as its only clip, and the frames of the others as what is to be reconstructed.

    Stands between :class:`~.each_clip.EachClip`, which gives all clips one crop and flip, and ``PackClips``.

    Reads and changes: ``imgs``, ``num_clips``, ``clip_len``, ``frame_inds``, and per-clip records where there are any.
    Writes: ``target_frames``, uint8 [frames, H, W, 3]; ``PackClips`` makes a field uint8 [3, frames, H, W] of it.
    """

    fields_written = ('target_frames',)

    def transform(self, results: dict) -> dict:
        """Take the target out of the clips.

        Raises:
            ValueError: the sample has one clip only.
        """
        clip_len = results['clip_len']
        if len(results['imgs']) <= clip_len:
            raise ValueError(
                'KeepTargetFrames: the sample has one clip only; SamplePlaybackRate must have no num_views'
            )
        results['target_frames'] = np.stack(results['imgs'][clip_len:])
        results['imgs'], results['num_clips'] = results['imgs'][:clip_len], 1
        if 'frame_inds' in results:
            results['frame_inds'] = results['frame_inds'][:clip_len]
        for key in ('clip_geometry', 'middle_frames'):
            if key in results:
                results[key] = results[key][:1]
        return results
