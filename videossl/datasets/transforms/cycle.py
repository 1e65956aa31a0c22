"""The sampler of cycle encoding prediction (CEP): past, present and future of a window, and frames out of all of it."""

import math

import numpy as np

from videossl.checks import check_positive
from videossl.errors import ConfigError
from videossl.registry import TRANSFORMS

from .clip_sampler import ClipSampler, draw_consecutive

# Past, current and future.
NUM_SEGMENTS = 3


@TRANSFORMS.register_module()
class SampleCycle(ClipSampler):
    """Sample three clips that follow one another without a gap, and a fourth with frames out of all three.

    Source: Xinyu Yang, Majid Mirmehdi, Tilo Burghardt, "Back to the Future: Cycle Encoding Prediction for Self-supervised
    Contrastive Video Representation Learning", 2021, and its released code.

    A window is ``3 * clip_len`` consecutive frames, 48 by default. Its start is uniform over those where it fits; in a
    shorter video the frames wrap around (indices modulo the length). The views are:

    ====  =================================================================================
    view  frames
    ====  =================================================================================
    0     the first third of the window: the past
    1     the second third: the present
    2     the last third: the future
    3     the key: ``clip_len`` frames of the window, drawn without replacement, in their order
    ====  =================================================================================

    With ``EachClip(groups=[[0, 1, 2], [3]])`` past, present and future share crop, flip and colours, as in the released code. It
    draws the positions of the key's frames once for a batch; here each sample draws its own.

    Required and added keys are those of :class:`~.clip_sampler.ClipSampler`, and ``avg_fps`` is read with ``fps``. There are no
    labels.

    Args:
        clip_len: Frames per clip T.
        fps: Frames per second at which the window is taken: its i-th frame of the video as resampled is frame
            ``floor(i * avg_fps / fps)``. Released code: 24. None: the video's own frames. A video whose rate is not known is
            taken as it is.
        num_views: None: the four views above. 2: one of the three thirds and the key, the views of an auxiliary stage in front
            of CEP.

    Raises:
        ConfigError: at build time; the message names the parameter.
    """

    def __init__(self, clip_len: int = 16, fps: float | None = None, num_views: int | None = None) -> None:
        if num_views not in (None, 2):
            raise ConfigError(
                f'SampleCycle: num_views must be None, for the {NUM_SEGMENTS + 1} views of CEP, or 2, for one of the three '
                f'segments and the key, got {num_views!r}'
            )
        if fps is not None:
            check_positive('SampleCycle: fps', fps)
        super().__init__(clip_len, NUM_SEGMENTS + 1 if num_views is None else num_views)
        self.fps = fps
        self.clips_move_together = num_views is None  # the key has frames of the same window

    def sample(self, total_frames: int, results: dict) -> tuple[list[np.ndarray], dict]:
        window = self._draw_window(total_frames, results.get('avg_fps'))
        key = window[np.sort(np.random.permutation(len(window))[: self.clip_len])]
        segments = np.split(window, NUM_SEGMENTS)
        if self.num_views == 2:
            segments = [segments[np.random.randint(NUM_SEGMENTS)]]
        return [*segments, key], {}

    def _draw_window(self, total_frames: int, avg_fps: float | None) -> np.ndarray:
        length = NUM_SEGMENTS * self.clip_len
        if self.fps is None or not avg_fps or not math.isfinite(avg_fps):
            return draw_consecutive(length, total_frames)
        stride = avg_fps / self.fps
        resampled = draw_consecutive(length, max(int(total_frames / stride), 1))
        return np.minimum((resampled * stride).astype(np.int64), total_frames - 1)
