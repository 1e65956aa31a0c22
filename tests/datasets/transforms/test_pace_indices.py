"""The frame indices of the pace samplers against walks written out frame by frame, which share no code with them."""

import numpy as np
import pytest
from released_walk import CLIP_LEN, FRAMES_PER_SEGMENT, walk

from videossl.datasets.transforms.pace_indices import (
    looped_indices,
    place_offsets,
    segment_pace_indices,
    segment_pace_steps,
)
from videossl.datasets.transforms.segment_pace import SampleSegmentPace

SPEEDS = (1, 2, 3, 4)
SEGMENT_COUNTS = (1, 2, 3, 4)
EVERY_SEGMENT = [(count, segment) for count in SEGMENT_COUNTS for segment in range(count)]


def equation_4_clip(start, num_segments, segment, speed):
    """Natural frames, then the segment between the paper's end points I_b and I_e, then natural frames behind it."""
    lengths = FRAMES_PER_SEGMENT[num_segments]
    before, inside, after = sum(lengths[:segment]), lengths[segment], sum(lengths[segment + 1 :])
    begin = start + before + (speed - 1)
    end = begin + speed * (inside - 1)
    return [*range(start, start + before), *range(begin, end + 1, speed), *range(end + 1, end + 1 + after)]


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


@pytest.mark.parametrize(
    'segment, altered', [(0, range(1, 6)), (1, range(5, 11)), (2, range(10, 16))], ids=['first', 'second', 'third']
)
def test_three_released_segments_of_sixteen_frames_include_both_ends(segment, altered):
    steps = segment_pace_steps(CLIP_LEN, 3, segment, speed=2, inclusive_end=True)
    assert np.flatnonzero(steps == 2).tolist() == list(altered)


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


def released(segment, speed):
    return segment_pace_steps(CLIP_LEN, 4, segment, speed, inclusive_end=True)


@pytest.mark.parametrize(
    'start, segment, speed, total_frames, lookahead, frames',
    [
        # The last fast frame is 17 of 18: 17 + 4 would leave the video, so it restarts, though the next stride is 1.
        (1, 0, 4, 18, 1, [1, 5, 9, 13, 17, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        # One frame more changes nothing; with 21 frames 17 + 4 is the last frame, and the walk goes on.
        (1, 0, 4, 20, 1, [1, 5, 9, 13, 17, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        (1, 0, 4, 21, 1, [1, 5, 9, 13, 17, 18, 19, 20, 21, 1, 2, 3, 4, 5, 6, 7]),
        # In the middle of the fast segment; the frame after the restart is frame 1, and the next is fast again.
        (4, 1, 4, 20, 1, [4, 5, 6, 7, 11, 15, 19, 1, 5, 6, 7, 8, 9, 10, 11, 12]),
        # From a slow position into the fast segment: 14 + 1 is in the video of 24, and so is 14 + 3.
        (7, 2, 3, 24, 1, [7, 8, 9, 10, 11, 12, 13, 14, 17, 20, 23, 1, 4, 5, 6, 7]),
        # auxSKD's folder looks three strides ahead: 9 + 3 * 4 is beyond 20.
        (1, 0, 4, 20, 3, [1, 5, 9, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
        # ... and at natural speed three frames before the end: 17 + 3 is in the video, 18 + 3 is not.
        (4, 3, 1, 20, 3, [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 1]),
    ],
)
def test_the_released_restarts_written_out_by_hand_counting_from_one(
    start, segment, speed, total_frames, lookahead, frames
):
    indices = looped_indices(start - 1, released(segment, speed), total_frames, lookahead)
    assert (indices + 1).tolist() == frames


@pytest.mark.parametrize('lookahead, changed', [(1, 1150), (3, 3284)])
def test_the_stride_that_decides_is_that_of_the_frame_just_taken(lookahead, changed):
    """In videos of 17 to 105 frames so many of 64,080 walks differ from those where the next frame's stride decides."""

    def by_the_next_stride(start, steps, total_frames):
        frames = [start]
        for step in steps[1:].tolist():
            frames.append(frames[-1] + step if frames[-1] + lookahead * step < total_frames else 0)
        return frames

    differing = walks = 0
    for segment in range(4):
        for speed in SPEEDS:
            steps = released(segment, speed)
            for total_frames in range(17, 106):
                for start in range(total_frames - 16):
                    indices = looped_indices(start, steps, total_frames, lookahead)
                    walks += 1
                    differing += indices.tolist() != by_the_next_stride(start, steps, total_frames)
                    assert indices.max() < total_frames
    assert (walks, differing) == (64080, changed)


@pytest.mark.parametrize('segment', [-1, 4])
def test_a_segment_outside_the_clip_is_refused(segment):
    with pytest.raises(ValueError, match='segment'):
        segment_pace_indices(0, CLIP_LEN, 4, segment, 2)


# ----------------------------------------------------------------------------------------------- offsets of any shape
@pytest.mark.parametrize(
    'offsets', [[0, 1, 2], [5, 5], [3, 7, 4, 4, 9], [0, -2, -4], [[2, 4, 6], [2, 3, 4]], [-8, 1, -8]]
)
@pytest.mark.parametrize('overrun', ['fit', 'loop'])
def test_offsets_are_placed_at_every_start_that_fits_and_go_round_in_a_shorter_video(monkeypatch, offsets, overrun):
    flat = np.ravel(offsets).tolist()
    for total in range(1, 20):
        starts = [start for start in range(total) if start + max(flat) - min(flat) < total] or [0]
        if overrun == 'loop':
            starts = list(range(total))
        for draw, start in enumerate(starts):
            chosen = ChosenDraws([draw])
            with monkeypatch.context() as patch:
                patch.setattr(np.random, 'randint', chosen)
                frames = place_offsets(np.array(offsets), total, overrun)
            assert chosen.ranges == [len(starts)]
            assert frames.shape == np.shape(offsets) and frames.dtype == np.int64
            assert frames.ravel().tolist() == [(start + offset - min(flat)) % total for offset in flat]


def test_an_unknown_policy_of_offsets_is_refused():
    with pytest.raises(ValueError, match="overrun must be one of 'fit', 'loop', got 'lop'"):
        place_offsets(np.arange(3), 10, 'lop')
