"""The sampler of Video Segment Pace Prediction (VSPP): which segment of the clip is fast, and how fast."""

import numpy as np

from videossl.checks import check_integer
from videossl.registry import TRANSFORMS

from .clip_sampler import IGNORED_LABEL, ClipLabel, ClipSampler, Labels, speed_in_words, visible_labels
from .pace_indices import check_distinct_views, check_overrun, draw_classes, draw_clip_indices, segment_pace_steps


@TRANSFORMS.register_module()
class SampleSegmentPace(ClipSampler):
    """Sample clips in which one random segment is played at one random speed, with both as labels.

    For every view a speed from ``1 .. num_speeds``, a segment and a start are drawn uniformly and independently from
    NumPy's global generator; the frames follow Equation 4 of "Auxiliary Learning for Self-Supervised Video
    Representation via Similarity-based Knowledge Distillation" (Dadashzadeh, Whone, Mirmehdi, 2021).

    The paper and its released code disagree. The defaults are the paper's; the code's are:

    * ``inclusive_end=True``: the code plays one frame more than the segment at the altered speed, and starts at the
      drawn frame itself when the segment is the first. Where the number of segments does not divide ``clip_len``, its
      segments also begin elsewhere (:func:`~.pace_indices.segment_pace_steps`).
    * ``overrun='loop'``: the code draws the start from the first N - K of the N frames, whatever the speed, and
      restarts at the first frame in the middle of the clip when it reaches the end, which it decides with the stride of
      the frame just taken (:func:`~.pace_indices.looped_indices`). It fails when N <= K; here such a clip starts at
      frame 0. ``lookahead=1`` in its VSPP folder, 3 in its auxSKD folder. The restart is a visible cut that tells
      something of the speed, which the default avoids wherever the video is long enough.
    * ``distinct_views=True``: in the code the two views of the auxiliary stage differ in speed and in segment.

    At natural speed the segment cannot be seen. With four speeds and four segments a quarter of the segment labels are
    therefore noise, and a perfect segment head is right 81.25 % of the time. The released code trains on these labels;
    ``ignore_segment_at_speed_one`` removes them.

    Required and added keys are those of :class:`~.clip_sampler.ClipSampler`. The labels are:

    * ``gt_speed``: int64 [V], the speed minus 1
    * ``gt_segment``: int64 [V], from 0; -100 where it is ignored

    Both are -100 in videos that are too short for the speed (:func:`~.pace_indices.hides_speed`: at most twice its frames),
    unless ``num_speeds=1``.

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
        ValueError: at build time; the message names the parameter.
    """

    labels = dict(
        gt_speed=ClipLabel(lambda label: speed_in_words(label + 1), of_spacing=True),
        gt_segment=ClipLabel(lambda label: f'segment {label + 1}', of_spacing=True),
    )

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
        super().__init__(clip_len, num_views)
        check_integer('num_speeds', num_speeds)
        check_overrun(overrun, lookahead)
        segment_pace_steps(clip_len, num_segments, segment=0, speed=1)  # raises if these two do not go together
        if distinct_views:
            check_distinct_views(num_views, num_speeds=num_speeds, num_segments=num_segments)
        self.num_segments = num_segments
        self.num_speeds = num_speeds
        self.inclusive_end = inclusive_end
        self.overrun = overrun
        self.lookahead = lookahead
        self.distinct_views = distinct_views
        self.ignore_segment_at_speed_one = ignore_segment_at_speed_one

    def sample(self, total_frames: int, results: dict) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        speed_classes = draw_classes(self.num_speeds, self.num_views, self.distinct_views)
        segments = draw_classes(self.num_segments, self.num_views, self.distinct_views)
        starts = total_frames - self.clip_len
        clips = [
            draw_clip_indices(self._steps(segment, speed), total_frames, self.overrun, starts, self.lookahead)
            for speed, segment in zip(speed_classes.tolist(), segments.tolist())
        ]
        if self.ignore_segment_at_speed_one:
            segments[speed_classes == 0] = IGNORED_LABEL
        if self.num_speeds > 1:
            speeds = speed_classes + 1
            speed_classes, segments = (
                visible_labels(drawn, total_frames, speeds) for drawn in (speed_classes, segments)
            )
        return clips, dict(gt_speed=speed_classes, gt_segment=segments)

    def _steps(self, segment: int, speed_class: int) -> np.ndarray:
        return segment_pace_steps(self.clip_len, self.num_segments, segment, speed_class + 1, self.inclusive_end)

    def describe_clip(self, labels: Labels, view: int) -> str:
        if 'gt_speed' not in labels or 'gt_segment' not in labels:
            return super().describe_clip(labels, view)
        speed, segment = int(labels['gt_speed'][view]) + 1, int(labels['gt_segment'][view])
        if speed < 1:
            return super().describe_clip(labels, view)
        if segment == IGNORED_LABEL:
            return f'{speed_in_words(speed)} throughout, no segment asked for'
        words = f'segment {segment + 1} of {self.num_segments}'
        if speed == 1:
            return f'natural speed throughout, labelled {words}'
        return f'{words} at {speed_in_words(speed)}'

    def altered_positions(self, labels: Labels, view: int) -> np.ndarray:
        if 'gt_speed' not in labels or 'gt_segment' not in labels or int(labels['gt_speed'][view]) <= 0:
            return super().altered_positions(labels, view)
        return self._steps(int(labels['gt_segment'][view]), int(labels['gt_speed'][view])) > 1

    def ceilings(self) -> dict[str, float]:
        if self.ignore_segment_at_speed_one:
            return {}
        # At natural speed, one clip in num_speeds, a segment can only be guessed.
        return dict(gt_segment=1 - (1 - 1 / self.num_segments) / self.num_speeds)
