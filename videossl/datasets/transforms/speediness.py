"""The sampler of SpeedNet: one stretch of a video at natural speed and sped up.

Source: Sagie Benaim, Ariel Ephrat, Oran Lang, Inbar Mosseri, William T. Freeman, Michael Rubinstein, Michal Irani, Tali
Dekel, "SpeedNet: Learning the Speediness in Videos", 2020. The authors released no code.
"""

from collections.abc import Sequence

import numpy as np

from videossl.errors import ConfigError
from videossl.registry import TRANSFORMS

from .clip_sampler import IGNORED_LABEL, ClipLabel, PaceSampler
from .pace_indices import hides_speed, place_offsets


def thinned_offsets(clip_len: int, factors: Sequence[float]) -> np.ndarray:
    """Frames that stay when each frame is kept with probability 1 / factor, by draws that all factors share.

    The distances of kept frames are independent and geometric: mean f and variance f (f - 1) for the factor f. What a
    higher factor keeps, a lower one keeps too. Uniform numbers are drawn from NumPy's global generator, ``3 * clip_len``
    at once and ``clip_len`` more where these do not suffice.

    Returns:
        int64 [len(factors), clip_len], each row strictly increasing.
    """
    draws = np.random.rand(3 * clip_len)
    while (draws * max(factors) < 1).sum() < clip_len:
        draws = np.append(draws, np.random.rand(clip_len))
    return np.stack([np.flatnonzero(draws * factor < 1)[:clip_len] for factor in factors])


@TRANSFORMS.register_module()
class SampleSpeediness(PaceSampler):
    """Sample two clips from one start: the first at about natural speed, the second about twice as fast.

    Frames are left out at random (:func:`thinned_offsets`), by a factor that is drawn uniformly for each clip. Both clips
    have the same start and the same random numbers. Start and numbers are uniform; the start is drawn so that both clips
    fit. In a shorter video frames go round (indices modulo its length).

    The paper says that clips are at natural speed or sped up, and that a batch has both versions of a video. The ranges of
    the factors, the thinning and the shared numbers are those of another's reimplementation.

    Required and added keys are those of :class:`~.clip_sampler.ClipSampler`. The label is ``gt_speed``, int64 [V]: 0 for
    natural speed, 1 for sped up, -100 in videos of at most twice the highest factor (:func:`~.pace_indices.hides_speed`).

    Args:
        clip_len: Frames per clip T.
        natural: Lowest and highest factor of the clip at natural speed.
        fast: Lowest and highest factor of the clip that is sped up.
        coupled: Whether both clips share the random numbers that leave out frames. False: they share the start alone.
        num_views: None for the two clips; else the number of independent clips K, each at either speed with probability
            one half: the views of an auxiliary stage.

    Raises:
        ConfigError: at build time; the message names the parameter.
    """

    labels = dict(gt_speed=ClipLabel(('natural speed', 'sped up').__getitem__, of_spacing=True))

    def __init__(
        self,
        clip_len: int = 64,
        natural: tuple[float, float] = (1.0, 1.2),
        fast: tuple[float, float] = (1.7, 2.2),
        coupled: bool = True,
        num_views: int | None = None,
    ) -> None:
        super().__init__(clip_len, 2 if num_views is None else num_views)
        if not 1 <= natural[0] <= natural[1] < fast[0] <= fast[1]:
            raise ConfigError(
                'SampleSpeediness: natural and fast must be ranges of factors of at least 1, fast above natural, got '
                f'natural={natural} and fast={fast}'
            )
        self.natural, self.fast = (natural[0], natural[1]), (fast[0], fast[1])
        self.coupled = coupled
        self.num_views = num_views

    def sample(self, total_frames: int, results: dict) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        if self.num_views is None:
            speeds = np.arange(2)
            clips = list(place_offsets(self._draw_both(), total_frames))
        else:
            speeds = np.random.randint(2, size=self.num_views)
            clips = [place_offsets(self._draw_both()[speed], total_frames) for speed in speeds]
        if hides_speed(total_frames, self.fast[1]):
            speeds[:] = IGNORED_LABEL
        return clips, dict(gt_speed=speeds)

    def _draw_both(self) -> np.ndarray:
        """Offsets from a common start, int64 [2, T]: natural, fast."""
        factors = [np.random.uniform(*self.natural), np.random.uniform(*self.fast)]
        if self.coupled:
            return thinned_offsets(self.clip_len, factors)
        return np.concatenate([thinned_offsets(self.clip_len, [factor]) for factor in factors])
