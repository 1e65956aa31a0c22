"""The sampler of pace prediction (VideoPace): the whole clip at one random speed."""

import numpy as np

from videossl.checks import check_integer
from videossl.errors import ConfigError
from videossl.registry import TRANSFORMS

from .clip_sampler import PaceSampler, visible_labels
from .pace_indices import (
    check_distinct_views,
    check_overrun,
    draw_classes,
    draw_clip_indices,
    place_offsets,
    segment_pace_steps,
)


@TRANSFORMS.register_module()
class SamplePace(PaceSampler):
    """Sample clips at one random speed each, with the speed as label.

    Speed ``s`` gives the frames ``start, start + s, ..., start + s (T - 1)``: a segment-pace clip of a single segment
    that begins at its start (``inclusive_end=True``). Speed and start are
    drawn uniformly and independently from NumPy's global generator. Source: Jiangliu Wang, Jianbo Jiao, Yun-Hui Liu,
    "Self-supervised Video Representation Learning by Pace Prediction", 2020.

    By default the start is drawn so that the clip fits, where the video is long enough. ``overrun='loop'`` is the
    released code: the start is any frame of the video, and the clip restarts at the first frame when it reaches the end.
    This restart is a visible cut, and likelier at higher speeds.

    Required and added keys are those of :class:`~.clip_sampler.ClipSampler`; the label is ``gt_speed``, int64 [V], the
    speed minus 1, or -100 in videos that are too short for the speed (:func:`~.pace_indices.hides_speed`: at most twice
    its frames). With ``num_speeds=1`` it is 0 in every video.

    Args:
        clip_len: Frames per clip T.
        num_speeds: Speeds to draw from: ``1 .. num_speeds``.
        num_views: Clips per sample V.
        overrun: ``'fit'`` or ``'loop'``, see :func:`~.pace_indices.draw_clip_indices`.
        lookahead: Steps that ``'loop'`` looks ahead; 1 in the released code.
        distinct_views: Whether all views must differ from one another in speed.
        shared_start: Whether all views begin at the same frame, which is drawn so that the longest fits: with
            ``num_speeds=1`` the views are one clip. Not with ``overrun='loop'``.

    Raises:
        ValueError: at build time; the message names the parameter.
    """

    def __init__(
        self,
        clip_len: int = 16,
        num_speeds: int = 4,
        num_views: int = 1,
        overrun: str = 'fit',
        lookahead: int = 1,
        distinct_views: bool = False,
        shared_start: bool = False,
    ) -> None:
        super().__init__(clip_len, num_views)
        check_integer('num_speeds', num_speeds)
        check_overrun(overrun, lookahead)
        if distinct_views:
            check_distinct_views(num_views, num_speeds=num_speeds)
        if shared_start and overrun == 'loop':
            raise ConfigError(
                "shared_start=True needs overrun='fit': clips that restart by themselves have no shared start"
            )
        self.num_speeds = num_speeds
        self.overrun = overrun
        self.lookahead = lookahead
        self.distinct_views = distinct_views
        self.shared_start = self.clips_move_together = shared_start

    def sample(self, total_frames: int, results: dict) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        speed_classes = draw_classes(self.num_speeds, self.num_views, self.distinct_views)
        if self.shared_start:
            offsets = np.arange(self.clip_len) * (speed_classes[:, None] + 1)
            return list(place_offsets(offsets, total_frames)), self._labels(speed_classes, total_frames)
        clips = []
        for speed_class in speed_classes.tolist():
            steps = segment_pace_steps(
                self.clip_len, num_segments=1, segment=0, speed=speed_class + 1, inclusive_end=True
            )
            clips.append(draw_clip_indices(steps, total_frames, self.overrun, total_frames, self.lookahead))
        return clips, self._labels(speed_classes, total_frames)

    def _labels(self, speed_classes: np.ndarray, total_frames: int) -> dict[str, np.ndarray]:
        if self.num_speeds > 1:
            speed_classes = visible_labels(speed_classes, total_frames, speed_classes + 1)
        return dict(gt_speed=speed_classes)
