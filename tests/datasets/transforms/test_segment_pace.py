"""The segment-pace sampler: its draws and labels."""

import numpy as np
import pytest
from drawn_labels import as_drawn
from released_walk import CLIP_LEN, walk

from videossl.datasets.transforms.pace_indices import segment_pace_steps
from videossl.datasets.transforms.segment_pace import SampleSegmentPace
from videossl.registry import TRANSFORMS


def released(segment, speed):
    return segment_pace_steps(CLIP_LEN, 4, segment, speed, inclusive_end=True)


@pytest.mark.parametrize('overrun', ['fit', 'loop'])
def test_real_draws_reach_the_first_and_the_last_start_and_stay_inside(overrun):
    np.random.seed(0)
    sampler = SampleSegmentPace(CLIP_LEN, num_segments=4, num_speeds=1, overrun=overrun)
    starts = {int(sampler(dict(total_frames=24))['frame_inds'][0]) for _ in range(400)}
    assert starts == set(range(9 if overrun == 'fit' else 8))


@pytest.mark.parametrize('overrun', ['fit', 'loop'])
@pytest.mark.parametrize('inclusive_end', [False, True])
@as_drawn()
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


def test_the_ceiling_is_the_accuracy_of_a_head_that_sees_every_segment_that_can_be_seen():
    np.random.seed(0)
    sampler = SampleSegmentPace(num_views=50, num_speeds=3, num_segments=2)
    draws = [sampler(dict(total_frames=60)) for _ in range(100)]
    speeds, segments = (np.concatenate([draw[name] for draw in draws]) for name in ('gt_speed', 'gt_segment'))
    right = np.where(speeds > 0, True, segments == 0)  # at natural speed it always says the first
    assert sampler.ceilings().keys() == {'gt_segment'}
    assert abs(right.mean() - sampler.ceilings()['gt_segment']) < 0.03
    assert SampleSegmentPace().ceilings() == dict(gt_segment=0.8125)
    assert SampleSegmentPace(ignore_segment_at_speed_one=True).ceilings() == {}


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
