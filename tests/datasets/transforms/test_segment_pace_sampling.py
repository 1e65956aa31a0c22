"""The segment-pace sampler against walks written out frame by frame, which share no code with it."""

import doctest

import numpy as np
import pytest

from videossl.datasets.transforms import pace_indices
from videossl.datasets.transforms.pace_indices import looped_indices, segment_pace_indices, segment_pace_steps
from videossl.datasets.transforms.segment_pace import SampleSegmentPace
from videossl.registry import TRANSFORMS

CLIP_LEN = 16
SPEEDS = (1, 2, 3, 4)
SEGMENT_COUNTS = (1, 2, 3, 4)
EVERY_SEGMENT = [(count, segment) for count in SEGMENT_COUNTS for segment in range(count)]
FRAMES_PER_SEGMENT = {1: [16], 2: [8, 8], 3: [6, 5, 5], 4: [4, 4, 4, 4]}


def equation_4_clip(start, num_segments, segment, speed):
    """Natural frames, then the segment between the paper's end points I_b and I_e, then natural frames behind it."""
    lengths = FRAMES_PER_SEGMENT[num_segments]
    before, inside, after = sum(lengths[:segment]), lengths[segment], sum(lengths[segment + 1 :])
    begin = start + before + (speed - 1)
    end = begin + speed * (inside - 1)
    return [*range(start, start + before), *range(begin, end + 1, speed), *range(end + 1, end + 1 + after)]


def altered_positions(num_segments, segment, inclusive_end):
    """The positions reached by an altered step."""
    lengths = FRAMES_PER_SEGMENT[num_segments]
    first, end = sum(lengths[:segment]), sum(lengths[: segment + 1])
    return range(max(first, 1), end + 1) if inclusive_end else range(first, end)


def walk(start, num_segments, segment, speed, inclusive_end, total_frames=10**9, lookahead=1):
    """Frame after frame as the released code goes, with its restarts; frames count from 1 in here."""
    altered = altered_positions(num_segments, segment, inclusive_end)
    frame = start + 1
    if 0 in altered:
        frame += speed - 1
    if frame > total_frames:
        frame = 1
    frames = [frame]
    while len(frames) < CLIP_LEN:
        step = speed if len(frames) in altered else 1
        if frame + lookahead * step > total_frames:
            frame = 1
        else:
            frame += step
        frames.append(frame)
    return [number - 1 for number in frames]


class ChosenDraws:
    """Stands in for np.random.randint: hands out prepared draws and notes how many values each had to choose from."""

    def __init__(self, draws):
        self.draws = list(draws)
        self.ranges = []

    def __call__(self, low, high=None, size=None):
        low, high = (0, low) if high is None else (low, high)
        draw = self.draws.pop(0)
        self.ranges.append(high - low)
        draw = low + (draw % (high - low))  # so that -1 is the last of the range
        return draw if size is None else np.full(size, draw)


def sample(monkeypatch, sampler, total_frames, draws, **results):
    chosen = ChosenDraws(draws)
    with monkeypatch.context() as patch:
        patch.setattr(np.random, 'randint', chosen)
        results = sampler(dict(total_frames=total_frames, **results))
    assert not chosen.draws
    return results, chosen.ranges


@pytest.mark.parametrize(
    'segment, speed, inclusive_end, frames',
    [
        (2, 2, False, [1, 2, 3, 4, 6, 8, 10, 12, *range(13, 21)]),
        (2, 2, True, [1, 2, 3, 4, 6, 8, 10, 12, 14, *range(15, 22)]),
        (1, 4, False, [4, 8, 12, 16, *range(17, 29)]),
        (1, 4, True, [1, 5, 9, 13, 17, *range(18, 29)]),
        (4, 3, False, [*range(1, 13), 15, 18, 21, 24]),
        (4, 3, True, [*range(1, 13), 15, 18, 21, 24]),
    ],
)
def test_segment_pace_gives_the_worked_examples_which_count_from_one(segment, speed, inclusive_end, frames):
    indices = segment_pace_indices(0, CLIP_LEN, 4, segment - 1, speed, inclusive_end)
    assert (indices + 1).tolist() == frames


def test_segment_pace_matches_equation_4_for_every_speed_and_segment():
    for num_segments, segment in EVERY_SEGMENT:
        for speed in SPEEDS:
            indices = segment_pace_indices(7, CLIP_LEN, num_segments, segment, speed)
            assert indices.dtype == np.int64
            assert indices.tolist() == equation_4_clip(7, num_segments, segment, speed)


def test_segment_pace_needs_the_length_of_equation_4_for_every_speed_and_segment():
    for num_segments, segment in EVERY_SEGMENT:
        for speed in SPEEDS:
            needed = CLIP_LEN + FRAMES_PER_SEGMENT[num_segments][segment] * (speed - 1)
            steps = segment_pace_steps(CLIP_LEN, num_segments, segment, speed)
            assert steps.sum() == needed
            assert segment_pace_indices(3, CLIP_LEN, num_segments, segment, speed)[-1] == 3 + needed - 1


def test_inclusive_end_matches_the_released_walk_for_every_speed_and_segment():
    for num_segments, segment in EVERY_SEGMENT:
        for speed in SPEEDS:
            indices = segment_pace_indices(7, CLIP_LEN, num_segments, segment, speed, inclusive_end=True)
            assert indices.tolist() == walk(7, num_segments, segment, speed, inclusive_end=True)
            assert indices[0] == 7


def test_inclusive_end_has_four_or_five_altered_gaps_in_a_clip_of_four_segments():
    gaps = [np.diff(segment_pace_indices(0, CLIP_LEN, 4, segment, 3, inclusive_end=True)) for segment in range(4)]
    assert [int((gap == 3).sum()) for gap in gaps] == [4, 5, 5, 4]
    largest_span = max(np.ptp(segment_pace_indices(0, CLIP_LEN, 4, segment, 4, True)) for segment in range(4))
    assert largest_span == 30


@pytest.mark.parametrize('num_segments', SEGMENT_COUNTS)
@pytest.mark.parametrize('inclusive_end', [False, True])
def test_fit_covers_every_start_that_fits_and_no_other_for_every_video_length(monkeypatch, num_segments, inclusive_end):
    sampler = SampleSegmentPace(CLIP_LEN, num_segments, inclusive_end=inclusive_end)
    for segment in range(num_segments):
        for speed in SPEEDS:
            endless = walk(0, num_segments, segment, speed, inclusive_end)
            needed = endless[-1] + 1
            for total_frames in range(1, 65):
                for start in (0, 1, -1):
                    results, ranges = sample(monkeypatch, sampler, total_frames, [speed - 1, segment, start])
                    num_starts = max(total_frames - needed + 1, 1)
                    assert ranges == [4, num_segments, num_starts]
                    expected = [(frame + start % num_starts) % total_frames for frame in endless]
                    assert results['frame_inds'].tolist() == expected
                    if start == -1 and total_frames >= needed:
                        assert expected[-1] == total_frames - 1


@pytest.mark.parametrize('num_segments', SEGMENT_COUNTS)
@pytest.mark.parametrize('inclusive_end', [False, True])
@pytest.mark.parametrize('lookahead', [1, 3])
def test_loop_restarts_like_the_released_walk_for_every_video_length(
    monkeypatch, num_segments, inclusive_end, lookahead
):
    sampler = SampleSegmentPace(
        CLIP_LEN, num_segments, inclusive_end=inclusive_end, overrun='loop', lookahead=lookahead
    )
    for segment in range(num_segments):
        for speed in SPEEDS:
            for total_frames in range(1, 65):
                for start in (0, -1):
                    results, ranges = sample(monkeypatch, sampler, total_frames, [speed - 1, segment, start])
                    num_starts = max(total_frames - CLIP_LEN, 1)
                    assert ranges == [4, num_segments, num_starts]
                    expected = walk(
                        start % num_starts, num_segments, segment, speed, inclusive_end, total_frames, lookahead
                    )
                    assert results['frame_inds'].tolist() == expected
                    assert 0 <= min(expected) and max(expected) < total_frames


@pytest.mark.parametrize('lookahead', [1, 3])
def test_looped_walk_is_right_from_every_start(lookahead):
    for segment in range(4):
        for speed in SPEEDS:
            for inclusive_end in (False, True):
                steps = segment_pace_steps(CLIP_LEN, 4, segment, speed, inclusive_end)
                for start in range(40):
                    indices = looped_indices(start, steps, 40, lookahead)
                    assert indices.dtype == np.int64
                    assert indices.tolist() == walk(start, 4, segment, speed, inclusive_end, 40, lookahead)


def test_loop_restarts_at_the_first_frame_in_the_middle_of_the_fast_segment():
    steps = segment_pace_steps(CLIP_LEN, 4, segment=1, speed=4)
    assert looped_indices(0, steps, 14).tolist() == [0, 1, 2, 3, 7, 11, 0, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert looped_indices(0, steps, 14, lookahead=3).tolist() == [0, 1, 2, 3, 0, 4, 0, 4, 5, 6, 7, 8, 9, 10, 11, 0]


@pytest.mark.parametrize('overrun', ['fit', 'loop'])
def test_real_draws_reach_the_first_and_the_last_start_and_stay_inside(overrun):
    np.random.seed(0)
    sampler = SampleSegmentPace(CLIP_LEN, num_segments=4, num_speeds=1, overrun=overrun)
    starts = {int(sampler(dict(total_frames=24))['frame_inds'][0]) for _ in range(400)}
    assert starts == set(range(9 if overrun == 'fit' else 8))


@pytest.mark.parametrize('overrun', ['fit', 'loop'])
@pytest.mark.parametrize('inclusive_end', [False, True])
def test_two_views_hold_two_independent_clips_with_their_own_labels(overrun, inclusive_end):
    np.random.seed(1)
    sampler = SampleSegmentPace(CLIP_LEN, num_views=2, overrun=overrun, inclusive_end=inclusive_end)
    for total_frames in range(1, 65):
        results = sampler(dict(total_frames=total_frames, start_index=0))
        assert results['num_clips'] == 2 and results['clip_len'] == CLIP_LEN and results['frame_interval'] == 1
        assert results['frame_inds'].shape == (2 * CLIP_LEN,) and results['frame_inds'].dtype == np.int64
        for label in ('gt_speed', 'gt_segment'):
            assert results[label].shape == (2,) and results[label].dtype == np.int64
        views = zip(results['frame_inds'].reshape(2, CLIP_LEN).tolist(), results['gt_speed'], results['gt_segment'])
        for frames, speed, segment in views:
            if overrun == 'loop':
                candidates = [
                    walk(start, 4, segment, speed + 1, inclusive_end, total_frames)
                    for start in range(max(total_frames - CLIP_LEN, 1))
                ]
            else:
                endless = walk(0, 4, segment, speed + 1, inclusive_end)
                candidates = [
                    [(frame + start) % total_frames for frame in endless]
                    for start in range(max(total_frames - endless[-1], 1))
                ]
            assert frames in candidates


def test_start_index_is_added_to_the_frames_and_to_nothing_else():
    draws = []
    for results in (dict(total_frames=50), dict(total_frames=50, start_index=1)):
        np.random.seed(3)
        draws.append(SampleSegmentPace(num_views=2)(results))
    assert (draws[1]['frame_inds'] - draws[0]['frame_inds'] == 1).all()
    assert (draws[1]['gt_speed'] == draws[0]['gt_speed']).all()


def test_the_same_numpy_seed_gives_the_same_sample():
    def draw():
        np.random.seed(11)
        return [SampleSegmentPace(num_views=2)(dict(total_frames=90))['frame_inds'].tolist() for _ in range(5)]

    assert draw() == draw()


def test_speeds_and_segments_are_uniform_and_independent():
    np.random.seed(0)
    sampler = SampleSegmentPace(num_views=2)
    counts = np.zeros((4, 4))
    speed_pairs = np.zeros((4, 4))
    for _ in range(4000):
        results = sampler(dict(total_frames=60))
        np.add.at(counts, (results['gt_speed'], results['gt_segment']), 1)
        speed_pairs[tuple(results['gt_speed'])] += 1
    assert np.abs(counts / counts.sum() - 1 / 16).max() < 0.01
    assert np.abs(speed_pairs / speed_pairs.sum() - 1 / 16).max() < 0.015


def test_distinct_views_differ_in_speed_and_segment_and_stay_uniform():
    np.random.seed(0)
    sampler = SampleSegmentPace(num_views=2, distinct_views=True)
    speed_pairs, segment_pairs = np.zeros((4, 4)), np.zeros((4, 4))
    for _ in range(4000):
        results = sampler(dict(total_frames=60))
        speed_pairs[tuple(results['gt_speed'])] += 1
        segment_pairs[tuple(results['gt_segment'])] += 1
    expected = (1 - np.eye(4)) / 12
    assert np.abs(speed_pairs / 4000 - expected).max() < 0.02
    assert np.abs(segment_pairs / 4000 - expected).max() < 0.02
    assert np.trace(speed_pairs) == np.trace(segment_pairs) == 0


def test_segment_labels_at_natural_speed_are_ignored_only_on_request():
    for ignored in (False, True):
        np.random.seed(5)
        sampler = SampleSegmentPace(num_views=4, ignore_segment_at_speed_one=ignored)
        results = [sampler(dict(total_frames=60)) for _ in range(50)]
        speeds = np.concatenate([result['gt_speed'] for result in results])
        segments = np.concatenate([result['gt_segment'] for result in results])
        assert (speeds == 0).any() and (speeds > 0).any()
        assert set(segments[speeds == 0]) == ({-100} if ignored else {0, 1, 2, 3})
        assert set(segments[speeds > 0]) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    'arguments, named',
    [
        (dict(clip_len=0), 'clip_len'),
        (dict(clip_len=16.0), 'clip_len'),
        (dict(num_segments=0), 'num_segments'),
        (dict(clip_len=3, num_segments=4), 'num_segments=4'),
        (dict(num_speeds=0), 'num_speeds'),
        (dict(num_views=True), 'num_views'),
        (dict(overrun='clamp'), 'overrun'),
        (dict(overrun='loop', lookahead=0), 'lookahead'),
        (dict(num_views=2, num_segments=1, distinct_views=True), 'num_segments=1'),
        (dict(num_views=2, num_speeds=1, distinct_views=True), 'num_speeds=1'),
        (dict(num_views=5, distinct_views=True), 'num_speeds=4'),
        (dict(num_views=1, distinct_views=True), 'num_views=1'),
    ],
)
def test_a_senseless_parameter_is_refused_by_name_when_the_sampler_is_built(arguments, named):
    with pytest.raises(ValueError, match=named):
        SampleSegmentPace(**arguments)


@pytest.mark.parametrize('segment', [-1, 4])
def test_a_segment_outside_the_clip_is_refused(segment):
    with pytest.raises(ValueError, match='segment'):
        segment_pace_indices(0, CLIP_LEN, 4, segment, 2)


def test_a_video_without_frames_is_refused():
    with pytest.raises(ValueError, match='total_frames=0'):
        SampleSegmentPace()(dict(total_frames=0))


def test_segment_pace_is_built_from_a_config_and_prints_it():
    sampler = TRANSFORMS.build(dict(type='SampleSegmentPace', num_views=2, overrun='loop', lookahead=3))
    assert repr(sampler) == (
        'SampleSegmentPace(clip_len=16, num_segments=4, num_speeds=4, num_views=2, inclusive_end=False, '
        "overrun='loop', lookahead=3, distinct_views=False, ignore_segment_at_speed_one=False)"
    )
    assert repr(eval(repr(sampler))) == repr(sampler)


def test_the_examples_in_the_docstrings_are_true():
    outcome = doctest.testmod(pace_indices)
    assert outcome.attempted > 0 and outcome.failed == 0
