"""The sampler of Video Segment Pace Prediction (VSPP): which segment of the clip is fast, and how fast."""

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

# What torch.nn.functional.cross_entropy ignores unless told otherwise.
IGNORED_LABEL = -100


@TRANSFORMS.register_module()
class SampleSegmentPace(BaseTransform):
    """Sample clips in which one random segment is played at one random speed, with both as labels.

    For every view a speed from ``1 .. num_speeds``, a segment and a start are drawn uniformly and independently from
    NumPy's global generator; the frames follow Equation 4 of "Auxiliary Learning for Self-Supervised Video
    Representation via Similarity-based Knowledge Distillation" (Dadashzadeh, Whone, Mirmehdi, 2021).

    The paper and its released code disagree. The defaults are the paper's; the code's are:

    * ``inclusive_end=True``: the code plays one frame more than the segment at the altered speed, and starts at the
      drawn frame itself when the segment is the first.
    * ``overrun='loop'``: the code draws the start from the first N - K of the N frames, whatever the speed, and
      restarts at the first frame in the middle of the clip when it reaches the end. (It fails when N <= K; here such a
      clip starts at frame 0.) ``lookahead=1`` in its VSPP folder, 3 in its auxSKD folder. The restart is a visible cut
      that tells something of the speed, which the default avoids wherever the video is long enough.
    * ``distinct_views=True``: in the code the two views of the auxiliary stage differ in speed and in segment.

    At natural speed the segment cannot be seen. With four speeds and four segments a quarter of the segment labels are
    therefore noise, and a perfect segment head is right 81.25 % of the time. The released code trains on these labels
    all the same; ``ignore_segment_at_speed_one`` removes them.

    Required keys: ``total_frames``, ``start_index`` (0 if absent).

    Added keys:

    * ``frame_inds``: int64 [V * T], clip after clip, ``start_index`` included
    * ``clip_len``: T
    * ``num_clips``: V
    * ``frame_interval``: 1, the interval outside the altered segment
    * ``gt_speed``: int64 [V], the speed minus 1
    * ``gt_segment``: int64 [V], from 0; -100 where it is ignored

    Args:
        clip_len: Frames per clip T, the paper's K.
        num_segments: Segments per clip, the paper's Z; need not divide ``clip_len``.
        num_speeds: Speeds to draw from, natural speed included.
        num_views: Clips per sample V; 2 for a teacher and a student.
        inclusive_end: Whether to walk as the released code does instead of by Equation 4.
        overrun: ``'fit'`` or ``'loop'``, see :func:`~.pace_indices.draw_clip_indices`.
        lookahead: Steps that ``'loop'`` looks ahead.
        distinct_views: Whether all views must differ from one another in speed and also in segment.
        ignore_segment_at_speed_one: Whether ``gt_segment`` is -100, cross-entropy's ignore index, at natural speed.

    Raises:
        ValueError: at build time, naming the parameter that does not make sense.
    """

    def __init__(
        self,
        clip_len: int = 16,
        num_segments: int = 4,
        num_speeds: int = 4,
        num_views: int = 1,
        inclusive_end: bool = False,
        overrun: str = 'fit',
        lookahead: int = 1,
        distinct_views: bool = False,
        ignore_segment_at_speed_one: bool = False,
    ) -> None:
        check_integer('num_speeds', num_speeds, 1)
        check_integer('num_views', num_views, 1)
        check_overrun(overrun, lookahead)
        segment_pace_steps(clip_len, num_segments, segment=0, speed=1)  # raises if these two do not go together
        if distinct_views:
            check_distinct_views(num_views, num_speeds=num_speeds, num_segments=num_segments)
        self.clip_len = clip_len
        self.num_segments = num_segments
        self.num_speeds = num_speeds
        self.num_views = num_views
        self.inclusive_end = inclusive_end
        self.overrun = overrun
        self.lookahead = lookahead
        self.distinct_views = distinct_views
        self.ignore_segment_at_speed_one = ignore_segment_at_speed_one

    def transform(self, results: dict) -> dict:
        """Add the frame indices and labels of a fresh draw to ``results``.

        Raises:
            ValueError: if the video has no frames.
        """
        total_frames = int(results['total_frames'])
        speed_classes = draw_classes(self.num_speeds, self.num_views, self.distinct_views)
        segments = draw_classes(self.num_segments, self.num_views, self.distinct_views)
        clips = []
        for speed_class, segment in zip(speed_classes.tolist(), segments.tolist()):
            steps = segment_pace_steps(self.clip_len, self.num_segments, segment, speed_class + 1, self.inclusive_end)
            clips.append(
                draw_clip_indices(
                    steps,
                    total_frames,
                    self.overrun,
                    num_loop_starts=total_frames - self.clip_len,
                    lookahead=self.lookahead,
                )
            )
        if self.ignore_segment_at_speed_one:
            segments[speed_classes == 0] = IGNORED_LABEL
        results['frame_inds'] = np.concatenate(clips) + results.get('start_index', 0)
        results['clip_len'] = self.clip_len
        results['num_clips'] = self.num_views
        results['frame_interval'] = 1
        results['gt_speed'] = speed_classes
        results['gt_segment'] = segments
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(clip_len={self.clip_len}, num_segments={self.num_segments}, '
            f'num_speeds={self.num_speeds}, num_views={self.num_views}, inclusive_end={self.inclusive_end}, '
            f'overrun={self.overrun!r}, lookahead={self.lookahead}, distinct_views={self.distinct_views}, '
            f'ignore_segment_at_speed_one={self.ignore_segment_at_speed_one})'
        )
