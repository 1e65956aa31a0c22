"""What a sampler's labels say, in words, and which of a clip's frames they are about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

IGNORED_LABEL = -100


@dataclass(frozen=True)
class Sampling:
    """What is known of a sampler beyond the labels of one draw.

    Args:
        num_segments: segments of a clip, where the sampler changes the pace of one; None: it has none.
        tuple_len: clips of a tuple whose order is the label; None: there is no order.
        roles: what each view is for, e.g. ``('student', 'teacher')``; shorter than there are views: the others have none.
    """

    num_segments: int | None = None
    tuple_len: int | None = None
    roles: Sequence[str] = ()


def speed_in_words(speed_class: int) -> str:
    """A 0-based speed class in words.

    Examples:
        >>> speed_in_words(0), speed_in_words(2)
        ('natural speed', '3 times natural speed')
    """
    return 'natural speed' if speed_class == 0 else f'{speed_class + 1} times natural speed'


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``3rd``, ``4th`` ..."""
    ending = 'th' if number % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')
    return f'{number}{ending}'


def order_of(order_class: int, tuple_len: int) -> list[int]:
    """The order that a class stands for: entry ``i`` is the chronological rank, from 0, of the clip at position ``i``.

    Class ``c`` is the c-th permutation in lexicographic order; its digits in the factorial number system give it without
    the others.

    Examples:
        >>> order_of(3, tuple_len=3)
        [1, 2, 0]
    """
    left, order = list(range(tuple_len)), []
    number_of_orders = int(np.prod(np.arange(1, tuple_len + 1)))
    if not 0 <= order_class < number_of_orders:
        raise ValueError(
            f'order class {order_class} lies outside 0..{number_of_orders - 1}, the orders of {tuple_len} clips'
        )
    for places in range(tuple_len, 0, -1):
        number_of_orders //= places
        place, order_class = divmod(order_class, number_of_orders)
        order.append(left.pop(place))
    return order


def describe_view(labels: dict[str, np.ndarray], view: int, sampling: Sampling = Sampling()) -> str:
    """One view's labels in words.

    Args:
        labels: those of ``gt_speed`` [V], ``gt_segment`` [V] and ``gt_order`` (one number) that there are.
        view: which view, from 0.
        sampling: what is known of the sampler.

    Examples:
        >>> describe_view(dict(gt_speed=[1], gt_segment=[2]), 0, Sampling(num_segments=4))
        'view 1: segment 3 of 4 at 2 times natural speed'
    """
    role = f' ({sampling.roles[view]})' if view < len(sampling.roles) else ''
    said = []
    speed = int(labels['gt_speed'][view]) if 'gt_speed' in labels else None
    if 'gt_segment' in labels:
        segment = int(labels['gt_segment'][view])
        of = f' of {sampling.num_segments}' if sampling.num_segments else ''
        if segment == IGNORED_LABEL:
            said.append(f'{speed_in_words(speed or 0)} throughout, segment not asked for')
        elif speed == 0:
            said.append(f'natural speed throughout, labelled segment {segment + 1}{of}')
        else:
            said.append(f'segment {segment + 1}{of}' + ('' if speed is None else f' at {speed_in_words(speed)}'))
    elif speed is not None:
        said.append(speed_in_words(speed))
    if 'gt_order' in labels and sampling.tuple_len:
        order = int(labels['gt_order'])
        said.append(
            'has no place in time of its own'
            if order == IGNORED_LABEL
            else f'{ordinal(order_of(order, sampling.tuple_len)[view] + 1)} in time'
        )
    return f'view {view + 1}{role}' + (': ' + '; '.join(said) if said else '')


def describe_sample(labels: dict[str, np.ndarray], sampling: Sampling = Sampling()) -> str:
    """What the labels say of the sample as a whole: its class, its order; empty where they are about single views alone.

    Examples:
        >>> describe_sample(dict(gt_order=3), Sampling(tuple_len=3))
        'order 4 of 6: shown are the 2nd, the 3rd, the 1st in time'
        >>> describe_sample(dict(gt_label=[7]))
        'class 7'
    """
    said = [describe_order(labels, sampling)]
    if 'gt_label' in labels:
        classes = np.atleast_1d(labels['gt_label']).tolist()
        said.insert(0, ('class ' if len(classes) == 1 else 'classes ') + ', '.join(map(str, classes)))
    return '; '.join(part for part in said if part)


def describe_order(labels: dict[str, np.ndarray], sampling: Sampling = Sampling()) -> str:
    """The label of a sample's order in words; empty where there is none."""
    if 'gt_order' not in labels or not sampling.tuple_len:
        return ''
    order = int(labels['gt_order'])
    if order == IGNORED_LABEL:
        return 'no order asked for: the video is too short for different clips'
    ranks = ', '.join(f'the {ordinal(rank + 1)}' for rank in order_of(order, sampling.tuple_len))
    number_of_orders = int(np.prod(np.arange(1, sampling.tuple_len + 1)))
    return f'order {order + 1} of {number_of_orders}: shown are {ranks} in time'


def repaced_positions(
    labels: dict[str, np.ndarray], view: int, clip_len: int, sampling: Sampling = Sampling()
) -> np.ndarray:
    """Which frames of a view are played faster than at natural speed: bool [clip_len].

    Those of the segment, where the labels name one; all, where the speed is the whole clip's; none at natural speed.
    Position ``i`` belongs to segment ``floor(i * num_segments / clip_len)``.

    Raises:
        ValueError: the labels name a segment, but not of how many.
    """
    if 'gt_speed' not in labels or int(labels['gt_speed'][view]) == 0:
        return np.zeros(clip_len, dtype=bool)
    if 'gt_segment' not in labels:
        return np.ones(clip_len, dtype=bool)
    if not sampling.num_segments:
        raise ValueError('the labels name a segment, but num_segments of the sampler is unknown')
    return np.arange(clip_len) * sampling.num_segments // clip_len == int(labels['gt_segment'][view])


def frame_ranges(frames: Sequence[int], chosen: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last frame number of each stretch of chosen frames; a clip that goes round to the first frames of its
    video, or is cut, has several.

    Examples:
        >>> frame_ranges([4, 6, 8, 9], [False, True, True, False])
        [(6, 8)]
        >>> frame_ranges([36, 38, 0, 2], [True] * 4)
        [(36, 38), (0, 2)]
    """
    ranges: list[tuple[int, int]] = []
    before = None
    for frame, is_chosen in zip((int(frame) for frame in frames), chosen):
        if is_chosen and before is not None and frame > before:
            ranges[-1] = (ranges[-1][0], frame)
        elif is_chosen:
            ranges.append((frame, frame))
        before = frame if is_chosen else None
    return ranges
