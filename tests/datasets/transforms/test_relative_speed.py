"""The sampler of relative speed perception: two windows, three clips, two speeds."""

from collections import Counter

import numpy as np
import pytest
from drawn_labels import as_drawn

from videossl.datasets.transforms import SampleRelativeSpeed, TemporalJitter
from videossl.registry import TRANSFORMS

CLIP_LEN = 16
SPEEDS = [(2,), (4, 2), (3,)]


@pytest.fixture(autouse=True)
def seeded():
    np.random.seed(0)


def draw(sampler, total_frames, **results):
    """Frames [V, T] and speeds [V] of one draw."""
    results = sampler(dict(total_frames=total_frames, **results))
    return results['frame_inds'].reshape(-1, CLIP_LEN), (results['gt_speed'] + 1).tolist()


def frames_of(start, speed, total_frames, window):
    """The clip at a speed, from a window that fits or from one that is all the video, over and over."""
    if total_frames > window:
        return [start + speed * i for i in range(CLIP_LEN)]
    whole = list(range(total_frames)) * window
    return whole[:window][::speed][:CLIP_LEN]


@pytest.mark.parametrize('speeds', SPEEDS)
@as_drawn()
def test_each_clip_is_every_nth_frame_of_its_window_for_every_video_length(speeds):
    sampler = SampleRelativeSpeed(CLIP_LEN, speeds)
    window = CLIP_LEN * max(speeds)
    for total_frames in range(1, 129):
        for _ in range(10):
            clips, (anchor, same, other) = draw(sampler, total_frames)
            assert anchor == same and sorted((anchor, other))[0] == 1 and sorted((anchor, other))[1] in speeds
            query, same_key, other_key = clips.tolist()
            for start in (query[0], same_key[0]):
                assert 0 <= start <= max(total_frames - window, 0)
            assert query == frames_of(query[0], anchor, total_frames, window)
            assert same_key == frames_of(same_key[0], anchor, total_frames, window)
            assert other_key == frames_of(same_key[0], other, total_frames, window)
            assert clips.min() >= 0 and clips.max() < total_frames


def test_natural_speed_is_the_first_half_of_the_window_and_twice_the_speed_every_second_frame_of_all_of_it():
    sampler = SampleRelativeSpeed()
    seen = set()
    while len(seen) < 2:
        (_, same_key, other_key), (anchor, _, other) = draw(sampler, 32)
        by_speed = {anchor: same_key.tolist(), other: other_key.tolist()}
        assert by_speed == {1: list(range(16)), 2: list(range(0, 32, 2))}
        seen.add(anchor)


def test_both_windows_start_at_every_place_that_fits_independently_of_each_other():
    sampler = SampleRelativeSpeed()
    pairs = Counter()
    for _ in range(4000):
        clips, _ = draw(sampler, 35)
        pairs[int(clips[0, 0]), int(clips[1, 0])] += 1
    assert set(pairs) == {(first, second) for first in range(4) for second in range(4)}
    # 250 of each pair, give or take 15.
    assert max(abs(count - 250) for count in pairs.values()) < 75


def test_the_anchor_speed_is_natural_with_probability_one_half_and_the_other_speeds_are_equally_likely():
    sampler = SampleRelativeSpeed(CLIP_LEN, (4, 2))
    counts = Counter(tuple(draw(sampler, 100)[1]) for _ in range(4000))
    assert set(counts) == {(1, 1, 2), (1, 1, 4), (2, 2, 1), (4, 4, 1)}
    # 1000 of each, give or take 27.
    assert max(abs(count - 1000) for count in counts.values()) < 130


def test_two_views_are_a_clip_of_each_window_at_speeds_of_their_own():
    sampler = SampleRelativeSpeed(CLIP_LEN, (4, 2), num_views=2)
    counts, starts = Counter(), set()
    for _ in range(4000):
        clips, speeds = draw(sampler, 66)
        assert len(clips) == len(speeds) == 2
        for clip, speed in zip(clips.tolist(), speeds):
            assert clip == frames_of(clip[0], speed, 66, 64)
        counts[tuple(speeds)] += 1
        starts.add(tuple(clips[:, 0].tolist()))
    assert len(starts) == 9
    share = {1: 0.5, 2: 0.25, 4: 0.25}
    for first in share:
        for second in share:
            assert counts[first, second] / 4000 == pytest.approx(share[first] * share[second], abs=0.03)


def test_results_have_the_types_and_the_offset_of_every_sampler():
    results = SampleRelativeSpeed()(dict(total_frames=50, start_index=1))
    assert results['frame_inds'].dtype == results['gt_speed'].dtype == np.int64
    assert results['frame_inds'].shape == (48,) and results['gt_speed'].shape == (3,)
    assert (results['num_clips'], results['clip_len'], results['frame_interval']) == (3, 16, 1)
    first_frames = {
        int(SampleRelativeSpeed()(dict(total_frames=33, start_index=1))['frame_inds'][0]) for _ in range(50)
    }
    assert first_frames == {1, 2}


def test_the_same_numpy_seed_gives_the_same_sample():
    def sample():
        np.random.seed(11)
        return [draw(SampleRelativeSpeed(speeds=(3, 2)), 200)[0].tolist() for _ in range(5)]

    assert sample() == sample()


def test_frames_cannot_be_jittered_one_by_one_afterwards():
    results = SampleRelativeSpeed()(dict(total_frames=50))
    with pytest.raises(ValueError, match='gt_speed'):
        TemporalJitter(1, per_frame=True)(dict(results))
    TemporalJitter(1)(results)


@pytest.mark.parametrize('first_turn', [0, 1, 7])
@pytest.mark.parametrize('batch_size', [2, 6, 64])
def test_a_balanced_batch_of_consecutive_turns_has_exactly_half_of_either_anchor_speed(first_turn, batch_size):
    sampler = SampleRelativeSpeed(balanced=True, speeds=(4, 2))
    anchors = [draw(sampler, 80, rank_position=first_turn + place)[1][0] for place in range(batch_size)]
    assert anchors.count(1) == batch_size // 2


def test_balanced_without_the_number_of_the_draw_says_where_it_comes_from():
    with pytest.raises(KeyError, match='rank_position.*VideoDataset.*DrawSampler.*balanced=False'):
        SampleRelativeSpeed(balanced=True)(dict(total_frames=50))
    SampleRelativeSpeed()(dict(total_frames=50))


@pytest.mark.parametrize(
    'arguments, named',
    [
        (dict(clip_len=0), 'clip_len'),
        (dict(speeds=()), 'speeds must be a list'),
        (dict(speeds=2), 'speeds must be a list'),
        (dict(speeds='2'), 'speeds must be a list'),
        (dict(speeds=(2, 0)), 'each of speeds must be an integer'),
        (dict(speeds=(2.0,)), 'each of speeds must be an integer'),
        (dict(speeds=(True,)), 'each of speeds must be an integer'),
        (dict(speeds=(4, 2, 1)), 'positives equal negatives; leave 1 out'),
        (dict(speeds=(2, 4, 2)), 'names a speed twice'),
        (dict(num_views=1), 'num_views must be None'),
        (dict(num_views=4), 'num_views must be None'),
        (dict(num_views=2, balanced=True), 'balanced=True is about the speed of the query'),
    ],
)
def test_a_senseless_parameter_is_refused_by_name_when_the_sampler_is_built(arguments, named):
    with pytest.raises(ValueError, match=named):
        SampleRelativeSpeed(**arguments)


def test_a_video_without_frames_is_refused():
    with pytest.raises(ValueError, match='total_frames=0'):
        SampleRelativeSpeed()(dict(total_frames=0))


def test_it_is_built_from_a_config_and_prints_it():
    sampler = TRANSFORMS.build(dict(type='SampleRelativeSpeed', clip_len=8, speeds=[3, 2]))
    assert repr(sampler) == 'SampleRelativeSpeed(clip_len=8, speeds=(3, 2), num_views=3, balanced=False)'
