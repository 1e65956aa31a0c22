"""The pace sampler: the whole clip at one speed."""
import numpy as np
import pytest

from videossl.datasets.transforms.pace import SamplePace
from videossl.registry import TRANSFORMS

CLIP_LEN = 16


def looping_clip(start, speed, total_frames, lookahead=1):
    """Constant stride; back to the first frame when the next would lie behind the last."""
    frames, frame = [], start
    for _ in range(CLIP_LEN):
        frames.append(frame)
        frame = 0 if frame + lookahead * speed >= total_frames else frame + speed
    return frames


def test_pace_clips_have_one_stride_and_fit_from_every_start_for_every_video_length():
    np.random.seed(0)
    sampler = SamplePace(CLIP_LEN)
    for total_frames in range(1, 65):
        for _ in range(20):
            results = sampler(dict(total_frames=total_frames))
            speed = int(results['gt_speed'][0]) + 1
            needed = (CLIP_LEN - 1) * speed + 1
            start = int(results['frame_inds'][0])
            assert 0 <= start <= max(total_frames - needed, 0)
            expected = [(start + speed * i) % total_frames for i in range(CLIP_LEN)]
            assert results['frame_inds'].tolist() == expected
            assert 'gt_segment' not in results


def test_pace_starts_cover_the_whole_range_that_fits():
    np.random.seed(0)
    sampler = SamplePace(CLIP_LEN)
    starts = {speed: set() for speed in range(4)}
    for _ in range(4000):
        results = sampler(dict(total_frames=70))
        starts[int(results['gt_speed'][0])].add(int(results['frame_inds'][0]))
    assert starts == {speed: set(range(70 - 15 * (speed + 1))) for speed in range(4)}


@pytest.mark.parametrize('lookahead', [1, 3])
def test_looping_pace_clips_start_anywhere_and_restart_at_the_first_frame(lookahead):
    np.random.seed(0)
    sampler = SamplePace(CLIP_LEN, overrun='loop', lookahead=lookahead)
    for total_frames in range(1, 65):
        starts = set()
        for _ in range(20):
            results = sampler(dict(total_frames=total_frames))
            frames = results['frame_inds'].tolist()
            assert frames == looping_clip(frames[0], int(results['gt_speed'][0]) + 1, total_frames, lookahead)
            starts.add(frames[0])
        assert max(starts) < total_frames
    starts = {int(sampler(dict(total_frames=12))['frame_inds'][0]) for _ in range(300)}
    assert starts == set(range(12))


def test_two_pace_views_have_their_own_draws_and_distinct_ones_differ_in_speed():
    np.random.seed(0)
    for distinct in (False, True):
        sampler = SamplePace(CLIP_LEN, num_views=2, distinct_views=distinct)
        pairs = np.zeros((4, 4))
        for _ in range(2000):
            results = sampler(dict(total_frames=80, start_index=1))
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


@pytest.mark.parametrize('arguments, named', [
    (dict(clip_len=0), 'clip_len'),
    (dict(num_speeds=0), 'num_speeds'),
    (dict(num_views=0), 'num_views'),
    (dict(overrun='modulo'), 'overrun'),
    (dict(num_views=2, num_speeds=1, distinct_views=True), 'num_speeds=1'),
])
def test_a_senseless_parameter_is_refused_by_name_when_the_pace_sampler_is_built(arguments, named):
    with pytest.raises(ValueError, match=named):
        SamplePace(**arguments)


def test_pace_is_built_from_a_config_and_prints_it():
    sampler = TRANSFORMS.build(dict(type='SamplePace', clip_len=8, overrun='loop'))
    assert repr(sampler) == ("SamplePace(clip_len=8, num_speeds=4, num_views=1, overrun='loop', lookahead=1, "
                             'distinct_views=False)')
