"""Small random shifts of clips in time."""

import numpy as np

from videossl.checks import check_integer
from videossl.errors import ConfigError
from videossl.registry import TRANSFORMS

from .base import Transform


@TRANSFORMS.register_module()
class TemporalJitter(Transform):
    """Move each clip as a whole by a random number of frames, within the video and without touching its labels.

    Goes after any sampler. For every clip one shift is drawn uniformly from those of at most ``max_shift`` frames that
    keep all its frames inside the video, so strides, and with them speed and segment labels, stay as they are. A clip
    that touches both ends of the video, such as one that wraps around, does not move.

    Clips of one sample move independently, by up to ``2 * max_shift`` relative to each other. Where their positions
    relative to each other matter (the order of a tuple of clips, keys cut from one window), keep ``2 * max_shift`` below
    the gap between them. All clips of a sampler with :attr:`~.clip_sampler.ClipSampler.clips_move_together` get one shift.

    The auxSKD paper's "temporal jittering" is not this: there it means ten fresh draws per video and epoch, which is
    ``DrawSampler(repeats=10)``.

    Required keys: ``frame_inds`` (V * T), ``clip_len``, ``total_frames``, ``start_index`` (0 if absent),
    ``clip_sampler`` (if a :class:`~.clip_sampler.ClipSampler` drew the clips).

    Modified keys: ``frame_inds``.

    Args:
        max_shift: Largest shift in frames, in either direction; 0 moves nothing.
        per_frame: Whether every frame gets its own shift instead. This would make a label of the frames' spacing wrong
            (:class:`~.clip_sampler.ClipLabel`, ``of_spacing``), such as ``gt_speed``, so samplers that declare such a
            label are refused, and so are those whose clips move together. Frames can change their order when
            ``2 * max_shift`` exceeds their interval.

    Raises:
        ValueError: at build time if ``max_shift`` is not an integer of at least 0.
    """

    def __init__(self, max_shift: int, per_frame: bool = False) -> None:
        check_integer('max_shift', max_shift, 0)
        self.max_shift = max_shift
        self.per_frame = per_frame

    def transform(self, results: dict) -> dict:
        """Shift ``results['frame_inds']``.

        Raises:
            ValueError: if a frame index lies outside the video, or for ``per_frame`` after a pace sampler.
            ConfigError: for ``per_frame`` after a sampler whose clips move together.
        """
        sampler = results.get('clip_sampler')
        together = sampler is not None and sampler.clips_move_together
        labels = sampler.labels if self.per_frame and sampler is not None else {}
        broken_labels = [name for name, label in labels.items() if label.of_spacing]
        if broken_labels:
            raise ValueError(
                f'TemporalJitter(per_frame=True) would make the labels {broken_labels} wrong, '
                'which describe the spacing of the frames; set per_frame=False to move each clip as a '
                'whole'
            )
        if self.per_frame and together:
            raise ConfigError(
                f'TemporalJitter(per_frame=True) would move apart what {type(sampler).__name__} has drawn at fixed distances; '
                'set per_frame=False to move all clips of a sample as a whole'
            )
        first_frame = results.get('start_index', 0)
        last_frame = first_frame + results['total_frames'] - 1
        clips = np.asarray(results['frame_inds']).reshape(
            1 if together else -1, -1 if together else results['clip_len']
        )
        if clips.min() < first_frame or clips.max() > last_frame:
            raise ValueError(
                f'frame_inds run from {clips.min()} to {clips.max()}, but the video from {first_frame} to '
                f'{last_frame}; TemporalJitter needs a sampler that stays inside the video'
            )

        earliest = clips if self.per_frame else clips.min(axis=1, keepdims=True)
        latest = clips if self.per_frame else clips.max(axis=1, keepdims=True)
        lowest_shift = np.maximum(-self.max_shift, first_frame - earliest)
        highest_shift = np.minimum(self.max_shift, last_frame - latest)
        shifts = np.random.randint(lowest_shift, highest_shift + 1)
        results['frame_inds'] = (clips + shifts).reshape(-1)
        return results
