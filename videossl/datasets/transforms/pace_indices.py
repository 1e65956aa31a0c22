"""Which frames make a clip whose speed changes in one of its segments: the maths behind the pace samplers.

A clip of T frames is described by its *steps*: ``steps[i]`` is the distance in frames from position ``i - 1`` to position
``i``, and ``steps[0]`` is counted from frame ``start - 1``. The frame indices are ``start - 1 + cumsum(steps)``. The clip
takes exactly ``sum(steps)`` frames from ``start`` on. Frames are counted from 0; the paper counts from 1.

Source: Amirhossein Dadashzadeh, Alan Whone, Majid Mirmehdi, "Auxiliary Learning for Self-Supervised Video
Representation via Similarity-based Knowledge Distillation", 2021, Equation 4 (Video Segment Pace Prediction, VSPP).
"""

import numpy as np

from videossl.checks import check_choice, check_integer

OVERRUN_POLICIES = ('fit', 'loop')


def check_overrun(overrun: str, lookahead: int) -> None:
    """Refuse an unknown policy, and a ``lookahead`` below 1."""
    check_choice('overrun', overrun, OVERRUN_POLICIES)
    check_integer('lookahead', lookahead)


def segment_pace_steps(
    clip_len: int, num_segments: int, segment: int, speed: int, inclusive_end: bool = False
) -> np.ndarray:
    """Steps between the frames of a clip that plays one of its segments at ``speed`` and the rest at natural speed.

    Position ``i`` belongs to segment ``floor(i * num_segments / clip_len)``, so 3 segments of a 16-frame clip have
    6, 5 and 5 frames.

    Args:
        clip_len: Frames in the clip, K in the paper.
        num_segments: Segments the clip is divided into, Z in the paper; at most ``clip_len``.
        segment: Which segment is altered, counted from 0 (the paper's zeta - 1).
        speed: Stride inside the segment in frames, lambda in the paper; 1 is natural speed.
        inclusive_end: False gives Equation 4: exactly the segment's own frames are reached at stride ``speed``,
            even the clip's first frame where the first segment is altered. True gives the walk of the authors' released
            code: positions ``floor(segment * K / Z)`` to ``floor((segment + 1) * K / Z)``, both ends included, are
            reached at stride ``speed``, and the clip always begins at ``start`` itself. With 3 segments of 16 frames
            these are positions 0-5, 5-10 and 10-15.

    Returns:
        int64 [clip_len]. The sum, which is the number of frames the clip needs, is K + n (speed - 1) in Equation 4,
        with n the number of frames in the segment.

    Raises:
        ValueError: if a count is not positive, a segment would be empty or ``segment`` is not one of the segments.
    """
    check_integer('clip_len', clip_len)
    check_integer('num_segments', num_segments)
    check_integer('segment', segment, 0)
    check_integer('speed', speed)
    if num_segments > clip_len:
        raise ValueError(
            f'num_segments={num_segments} leaves segments without a frame in a clip of '
            f'clip_len={clip_len}; use fewer segments or longer clips'
        )
    if segment >= num_segments:
        raise ValueError(f'segment must be below num_segments={num_segments} (it counts from 0), but is {segment}')

    position = np.arange(clip_len)
    if inclusive_end:
        first, last = segment * clip_len // num_segments, (segment + 1) * clip_len // num_segments
        in_segment = (position >= max(first, 1)) & (position <= last)
    else:
        in_segment = position * num_segments // clip_len == segment
    return np.where(in_segment, speed, 1).astype(np.int64)


def segment_pace_indices(
    start: int, clip_len: int, num_segments: int, segment: int, speed: int, inclusive_end: bool = False
) -> np.ndarray:
    """Frame indices of a clip that plays one segment at ``speed``, in a video without an end (Equation 4).

    Frames before the segment are consecutive from ``start``; those behind it continue one by one from the segment's
    last frame, they do not return to the natural timeline.

    Args:
        start: First of the frames the clip occupies, from 0. In Equation 4 an altered *first* segment begins at
            ``start + speed - 1``.
        clip_len: see :func:`segment_pace_steps`, as for the remaining arguments.

    Returns:
        int64 [clip_len], strictly increasing, within ``start .. start + sum(steps) - 1``.

    Examples:
        >>> segment_pace_indices(0, clip_len=16, num_segments=4, segment=1, speed=2).tolist()
        [0, 1, 2, 3, 5, 7, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19]
        >>> segment_pace_indices(0, clip_len=16, num_segments=4, segment=1, speed=2, inclusive_end=True).tolist()
        [0, 1, 2, 3, 5, 7, 9, 11, 13, 14, 15, 16, 17, 18, 19, 20]
    """
    return start - 1 + np.cumsum(segment_pace_steps(clip_len, num_segments, segment, speed, inclusive_end))


def looped_indices(start: int, steps: np.ndarray, total_frames: int, lookahead: int = 1) -> np.ndarray:
    """Walk ``steps`` through a video and restart at its first frame whenever the walk would overrun the end.

    This is the released code's walk. It restarts if the frame just taken, plus the stride of *its own* position, would
    leave the video. The stride of the next position does not count, which matters at the borders of segments. The restart
    replaces one step: the next frame is frame 0, and the walk goes on with the steps of the positions that remain. These
    indices differ from indices modulo the length.

    The released walk leaves the video where a fast position follows a slow one near the end: with 8 or more segments of 16
    frames, or from a start that its sampler does not draw. Here such a step restarts too.

    Args:
        start: First of the frames the clip occupies, from 0.
        steps: [T], from :func:`segment_pace_steps`: the stride of each position. Where the clip begins at ``start``
            itself, the first stride is missing and the second one is taken.
        total_frames: Frames in the video, at least 1.
        lookahead: The walk restarts if this many steps of the stride just taken would leave the video. 1 (the released
            VSPP folder) restarts at the last possible moment, 3 (the released auxSKD folder) two steps earlier.

    Returns:
        int64 [T], each within ``0 .. total_frames - 1``.

    Examples:
        >>> steps = segment_pace_steps(16, num_segments=4, segment=0, speed=4, inclusive_end=True)
        >>> looped_indices(0, steps, total_frames=18).tolist()
        [0, 4, 8, 12, 16, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    """
    indices = np.empty(len(steps), dtype=np.int64)
    # A first step of more than 1 (Equation 4, first segment) can overrun a very short video. No frame was taken before it,
    # so the lookahead does not apply.
    current = start - 1 + int(steps[0])
    indices[0] = current = current if current < total_frames else 0
    strides = steps.tolist()
    stride = strides[min(1, len(strides) - 1)]
    for position, step in enumerate(strides[1:], start=1):
        current = current + step if current + max(lookahead * stride, step) < total_frames else 0
        indices[position] = current
        stride = step
    return indices


def draw_clip_indices(
    steps: np.ndarray, total_frames: int, overrun: str, num_loop_starts: int, lookahead: int = 1
) -> np.ndarray:
    """Place a clip at random in a video: draw its start, with one call of ``np.random.randint``, and list its frames.

    Args:
        steps: [T], from :func:`segment_pace_steps`.
        total_frames: Frames in the video, at least 1.
        overrun: ``'fit'``: the start is uniform over all starts where the whole clip fits. In a shorter video the clip
            starts at frame 0, which puts the cut as late as possible, and wraps around (indices modulo the length, with
            the strides kept across the cut). ``'loop'``: the start is uniform over the first ``num_loop_starts`` frames,
            and :func:`looped_indices` gives the frames.
        num_loop_starts: Number of starts that ``'loop'`` chooses from; below 1: frame 0 only.
        lookahead: see :func:`looped_indices`; unused by ``'fit'``.

    Returns:
        int64 [T], each within ``0 .. total_frames - 1``.

    Raises:
        ValueError: if the video has no frames.
    """
    if total_frames < 1:
        raise ValueError(
            f'cannot sample a clip from a video with total_frames={total_frames}; leave it out of the list'
        )
    if overrun == 'loop':
        return looped_indices(np.random.randint(max(num_loop_starts, 1)), steps, total_frames, lookahead)
    num_fitting_starts = total_frames - int(steps.sum()) + 1
    start = np.random.randint(max(num_fitting_starts, 1))
    return (start - 1 + np.cumsum(steps)) % total_frames


def place_offsets(offsets: np.ndarray, total_frames: int, overrun: str = 'fit') -> np.ndarray:
    """Place clips of any shape in time at random in a video, with one call of ``np.random.randint``.

    Unlike steps, offsets may fall and repeat: a clip may turn around or stand still. Clips in one array share the draw, and
    keep their distance from one another.

    Args:
        offsets: integers of any shape: the frames relative to one another. Only differences count.
        total_frames: Frames in the video, at least 1.
        overrun: ``'fit'``: the start is uniform over all starts where every frame, from the smallest offset to the
            largest, lies inside the video. In a shorter video the smallest offset is at frame 0, and frames beyond the end
            go round (indices modulo the length). ``'loop'``: the smallest offset is at any frame of the video, and frames
            beyond the end go round.

    Returns:
        int64, the shape of ``offsets``, each within ``0 .. total_frames - 1``.

    Raises:
        ConfigError: ``overrun`` is unknown.

    Examples:
        >>> place_offsets(np.array([6, 4, 2, 4]), total_frames=5).tolist()
        [4, 2, 0, 2]
        >>> place_offsets(np.array([6, 4, 2, 4]), total_frames=3).tolist()
        [1, 2, 0, 2]
    """
    check_choice('overrun', overrun, OVERRUN_POLICIES)
    offsets = np.asarray(offsets, dtype=np.int64) - np.min(offsets)
    num_starts = total_frames if overrun == 'loop' else max(total_frames - int(offsets.max()), 1)
    return (np.random.randint(num_starts) + offsets) % total_frames


def hides_speed(total_frames: int, speed: float) -> bool:
    """Whether a video is too short to show a speed: where frames go round, a step of half the video looks like a step
    backwards, and a step of all of it like none. Such a clip has no true label.

    Args:
        total_frames: Frames in the video.
        speed: Distance of two frames, not negative.

    Examples:
        >>> hides_speed(8, 4), hides_speed(9, 4)
        (True, False)
    """
    return total_frames <= 2 * speed


def draw_classes(num_classes: int, num_views: int, distinct: bool) -> np.ndarray:
    """Draw one class per view, uniformly over ``0 .. num_classes - 1``.

    Args:
        num_classes: Number of classes.
        num_views: Number of draws, V.
        distinct: False: independent draws. True: no two views share a class. This has the same distribution as
            redrawing a view until it differs from those before it, without the loop.

    Returns:
        int64 [V].
    """
    if distinct:
        return np.random.permutation(num_classes)[:num_views].astype(np.int64)
    return np.random.randint(num_classes, size=num_views).astype(np.int64)


def check_distinct_views(num_views: int, **num_classes: int) -> None:
    """Refuse fewer than two views, and fewer classes than views.

    Args:
        num_views: Number of views that are to differ.
        num_classes: The number of classes under the name of the sampler's parameter, e.g. ``num_speeds=4``.
    """
    if num_views < 2:
        raise ValueError(f'distinct_views=True needs num_views of at least 2, but num_views={num_views}')
    for name, number in num_classes.items():
        if number < num_views:
            raise ValueError(
                f'distinct_views=True cannot give {num_views} views different classes with '
                f'{name}={number}; set distinct_views=False or raise {name} to at least {num_views}'
            )
