"""The pace sampler: the whole clip at one speed."""

import numpy as np
import pytest
from drawn_labels import as_drawn

from videossl.datasets.transforms.pace import SamplePace
from videossl.registry import TRANSFORMS

CLIP_LEN = 16
NUM_SPEEDS = 8
VIDEO_LENGTHS = range(1, 129)


def fitting_clip(start, speed, clip_len, last_frame):
    """Frames counted from 1, at one stride; behind the last comes the first again, as on a wheel."""
    frames, frame = [], start
    for _ in range(clip_len):
        frames.append(frame)
        for _ in range(speed):
            frame = 1 if frame == last_frame else frame + 1
    return frames


def looping_clip(start, speed, clip_len, last_frame, lookahead=1):
    """Frames counted from 1, at one stride; back to frame 1 itself when the next would lie behind the last."""
    frames, frame = [], start
    while len(frames) < clip_len:
        frames.append(frame)
        frame = 1 if frame + lookahead * speed > last_frame else frame + speed
    return frames


def clip_of_each_speed(sampler, last_frame):
    """(speed, frames) of one sample with one clip at every speed; ``start_index=1`` makes its frames count from 1."""
    results = sampler(dict(total_frames=last_frame, start_index=1))
    clips = results['frame_inds'].reshape(NUM_SPEEDS, sampler.clip_len).tolist()
    speeds = (results['gt_speed'] + 1).tolist()
    assert sorted(speeds) == list(range(1, NUM_SPEEDS + 1))
    return zip(speeds, clips)


@pytest.mark.parametrize('clip_len', [8, 16, 64])
@as_drawn()
def test_pace_clips_fit_where_they_can_for_every_speed_and_video_length(clip_len):
    np.random.seed(0)
    sampler = SamplePace(clip_len, NUM_SPEEDS, num_views=NUM_SPEEDS, distinct_views=True)
    for last_frame in VIDEO_LENGTHS:
        for _ in range(4):
            for speed, clip in clip_of_each_speed(sampler, last_frame):
                span = (clip_len - 1) * speed + 1
                assert 1 <= clip[0] <= max(last_frame - span + 1, 1)
                assert clip == fitting_clip(clip[0], speed, clip_len, last_frame)
                if span <= last_frame:
                    assert clip == list(range(clip[0], clip[0] + span, speed))


@pytest.mark.parametrize('lookahead', [1, 3])
@pytest.mark.parametrize('clip_len', [8, 16, 64])
@as_drawn()
def test_looping_pace_clips_restart_at_the_first_frame_for_every_speed_and_video_length(clip_len, lookahead):
    np.random.seed(0)
    sampler = SamplePace(clip_len, NUM_SPEEDS, NUM_SPEEDS, overrun='loop', lookahead=lookahead, distinct_views=True)
    for last_frame in VIDEO_LENGTHS:
        for _ in range(2):
            for speed, clip in clip_of_each_speed(sampler, last_frame):
                assert 1 <= clip[0] <= last_frame
                assert clip == looping_clip(clip[0], speed, clip_len, last_frame, lookahead)


def test_a_looping_pace_clip_may_reach_the_last_frame_and_then_restarts():
    sampler = SamplePace(clip_len=8, num_speeds=1, num_views=200, overrun='loop')
    clips = sampler(dict(total_frames=5, start_index=1))['frame_inds'].reshape(200, 8)
    assert clips[clips[:, 0] == 3][0].tolist() == [3, 4, 5, 1, 2, 3, 4, 5]


@pytest.mark.parametrize('overrun', ['fit', 'loop'])
def test_every_start_and_every_speed_of_a_pace_clip_is_equally_likely(overrun):
    np.random.seed(0)
    draws, last_frame, clip_len = 30000, 24, 5
    results = SamplePace(clip_len, num_views=draws, overrun=overrun)(dict(total_frames=last_frame, start_index=1))
    counts = np.zeros((4, last_frame))
    np.add.at(counts, (results['gt_speed'], results['frame_inds'].reshape(draws, clip_len)[:, 0] - 1), 1)
    for speed in range(1, 5):
        starts = last_frame if overrun == 'loop' else last_frame - (clip_len - 1) * speed
        expected = draws / 4 / starts
        assert np.abs(counts[speed - 1, :starts] - expected).max() < 5 * expected**0.5
        assert not counts[speed - 1, starts:].any()


def test_two_pace_views_have_their_own_draws_and_distinct_ones_differ_in_speed():
    np.random.seed(0)
    for distinct in (False, True):
        sampler = SamplePace(CLIP_LEN, num_views=2, distinct_views=distinct)
        pairs = np.zeros((4, 4))
        for _ in range(2000):
            results = sampler(dict(total_frames=80, start_index=1))
            assert 'gt_segment' not in results
            assert results['num_clips'] == 2 and results['clip_len'] == CLIP_LEN and results['frame_interval'] == 1
            assert results['gt_speed'].dtype == results['frame_inds'].dtype == np.int64
            assert results['frame_inds'].min() >= 1 and results['frame_inds'].max() <= 80
            steps = np.diff(results['frame_inds'].reshape(2, CLIP_LEN))
            assert (steps == results['gt_speed'][:, None] + 1).all()
            pairs[tuple(results['gt_speed'])] += 1
        expected = (1 - np.eye(4)) / 12 if distinct else np.full((4, 4), 1 / 16)
        assert np.abs(pairs / 2000 - expected).max() < 0.025


def test_the_same_numpy_seed_gives_the_same_pace_sample():
    def draw():
        np.random.seed(11)
        return [SamplePace(num_views=2)(dict(total_frames=90))['frame_inds'].tolist() for _ in range(5)]

    assert draw() == draw()


@pytest.mark.parametrize(
    'arguments, named',
    [
        (dict(clip_len=0), 'clip_len'),
        (dict(num_speeds=0), 'num_speeds'),
        (dict(num_views=0), 'num_views'),
        (dict(overrun='modulo'), 'overrun'),
        (dict(num_views=2, num_speeds=1, distinct_views=True), 'num_speeds=1'),
    ],
)
def test_a_senseless_parameter_is_refused_by_name_when_the_pace_sampler_is_built(arguments, named):
    with pytest.raises(ValueError, match=named):
        SamplePace(**arguments)


def test_pace_is_built_from_a_config_and_prints_it():
    sampler = TRANSFORMS.build(dict(type='SamplePace', clip_len=8, overrun='loop'))
    assert repr(sampler) == (
        "SamplePace(clip_len=8, num_speeds=4, num_views=1, overrun='loop', lookahead=1, distinct_views=False, "
        'shared_start=False)'
    )


@pytest.mark.parametrize('last_frame', [1, 20, 31, 32, 200])
def test_views_of_one_clip_are_the_same_frames(last_frame):
    np.random.seed(0)
    sampler, starts = SamplePace(CLIP_LEN, num_speeds=1, num_views=2, shared_start=True), set()
    for _ in range(300):
        first, second = sampler(dict(total_frames=last_frame, start_index=1))['frame_inds'].reshape(2, CLIP_LEN)
        assert first.tolist() == second.tolist() == fitting_clip(first[0], 1, CLIP_LEN, last_frame)
        starts.add(int(first[0]))
    places = max(last_frame - CLIP_LEN + 1, 1)
    assert starts <= set(range(1, places + 1)) and len(starts) > 0.6 * places


def test_clips_of_several_speeds_that_share_a_start_fit_where_the_longest_does():
    np.random.seed(0)
    sampler = SamplePace(CLIP_LEN, num_speeds=2, num_views=2, distinct_views=True, shared_start=True)
    starts = set()
    for _ in range(100):
        results = sampler(dict(total_frames=35, start_index=1))
        clips = results['frame_inds'].reshape(2, CLIP_LEN)
        for clip, label in zip(clips, results['gt_speed']):
            assert clip.tolist() == [clips[0, 0] + (label + 1) * position for position in range(CLIP_LEN)]
        starts.add(int(clips[0, 0]))
    assert starts == set(range(1, 35 - 31 + 2))


def test_clips_that_loop_share_no_start():
    with pytest.raises(ValueError, match="shared_start=True needs overrun='fit'"):
        SamplePace(shared_start=True, overrun='loop')
