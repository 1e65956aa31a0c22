"""The sampler of pace prediction (VideoPace): the whole clip at one random speed."""

import numpy as np
from mmcv.transforms import BaseTransform

from videossl.registry import TRANSFORMS

from .pace_indices import (
    check_distinct_views,
    check_integer,
    check_overrun,
    draw_classes,
    draw_clip_indices,
    segment_pace_steps,
)


@TRANSFORMS.register_module()
class SamplePace(BaseTransform):
    """Sample clips at one random speed each, with the speed as label.

    Speed ``s`` gives the frames ``start, start + s, ..., start + s (T - 1)``: a segment-pace clip of a single segment
    which begins at its start (``inclusive_end=True``), so that no frames before it are set aside. Speed and start are
    drawn uniformly and independently from NumPy's global generator. Source: Jiangliu Wang, Jianbo Jiao, Yun-Hui Liu,
    "Self-supervised Video Representation Learning by Pace Prediction", 2020.

    The default draws the start so that the clip fits, where the video is long enough. ``overrun='loop'`` is the
    released code: the start is any frame of the video, and the clip restarts at the first frame when it reaches the
    end. That is a visible cut which becomes likelier with the speed.

    Required keys: ``total_frames``, ``start_index`` (0 if absent).

    Added keys:

    * ``frame_inds``: int64 [V * T], clip after clip, ``start_index`` included
    * ``clip_len``: T
    * ``num_clips``: V
    * ``frame_interval``: 1, the interval at natural speed
    * ``gt_speed``: int64 [V], the speed minus 1

    Args:
        clip_len: Frames per clip T.
        num_speeds: Speeds to draw from: ``1 .. num_speeds``.
        num_views: Clips per sample V.
        overrun: ``'fit'`` or ``'loop'``, see :func:`~.pace_indices.draw_clip_indices`.
        lookahead: Steps that ``'loop'`` looks ahead; 1 in the released code.
        distinct_views: Whether all views must differ from one another in speed.

    Raises:
        ValueError: at build time, naming the parameter that does not make sense.
    """

    def __init__(
        self,
        clip_len: int = 16,
        num_speeds: int = 4,
        num_views: int = 1,
        overrun: str = 'fit',
        lookahead: int = 1,
        distinct_views: bool = False,
    ) -> None:
        check_integer('clip_len', clip_len, 1)
        check_integer('num_speeds', num_speeds, 1)
        check_integer('num_views', num_views, 1)
        check_overrun(overrun, lookahead)
        if distinct_views:
            check_distinct_views(num_views, num_speeds=num_speeds)
        self.clip_len = clip_len
        self.num_speeds = num_speeds
        self.num_views = num_views
        self.overrun = overrun
        self.lookahead = lookahead
        self.distinct_views = distinct_views

    def transform(self, results: dict) -> dict:
        """Add the frame indices and labels of a fresh draw to ``results``.

        Raises:
            ValueError: if the video has no frames.
        """
        total_frames = int(results['total_frames'])
        speed_classes = draw_classes(self.num_speeds, self.num_views, self.distinct_views)
        clips = []
        for speed_class in speed_classes.tolist():
            steps = segment_pace_steps(
                self.clip_len, num_segments=1, segment=0, speed=speed_class + 1, inclusive_end=True
            )
            clips.append(
                draw_clip_indices(
                    steps, total_frames, self.overrun, num_loop_starts=total_frames, lookahead=self.lookahead
                )
            )
        results['frame_inds'] = np.concatenate(clips) + results.get('start_index', 0)
        results['clip_len'] = self.clip_len
        results['num_clips'] = self.num_views
        results['frame_interval'] = 1
        results['gt_speed'] = speed_classes
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(clip_len={self.clip_len}, num_speeds={self.num_speeds}, '
            f'num_views={self.num_views}, overrun={self.overrun!r}, lookahead={self.lookahead}, '
            f'distinct_views={self.distinct_views})'
        )
