"""SampleFrameTuple: three frames whose middle one is between the outer two or not, counted over many draws."""

import logging
import math
from types import SimpleNamespace

import numpy as np
import pytest

from videossl.datasets import PackClips, SampleFrameTuple
from videossl.datasets.transforms import frame_tuple
from videossl.registry import TRANSFORMS


def draw(sampler, total_frames, **keys):
    """A draw as (frames as shown, label), checked for everything that always holds."""
    results = sampler(dict(total_frames=total_frames, **keys))
    frames = results['frame_inds']
    assert frames.dtype == np.int64 and (frames >= 0).all() and (frames < total_frames).all()
    assert results['clip_len'] == 1 and results['num_clips'] == len(frames)
    return frames.tolist(), results.get('gt_tuple')


def chi_square(counts, shares) -> float:
    """Distance of counts from the expected ones, in standard deviations of its own distribution."""
    expected = np.sum(counts) * np.asarray(shares)
    freedom = len(expected) - 1
    return (np.sum((counts - expected) ** 2 / expected) - freedom) / math.sqrt(2 * freedom)


def test_the_middle_frame_alone_decides_and_three_in_four_are_wrong():
    np.random.seed(0)
    draws, right, ascending, outer = 10000, 0, 0, {0: [], 1: []}
    for _ in range(draws):
        (first, middle, third), label = draw(SampleFrameTuple(), 200)
        low, high = sorted((first, third))
        assert 2 <= high - low <= 60
        if label:
            assert low < middle < high
        else:
            assert 15 <= low - middle <= 60 or 15 <= middle - high <= 60
        right += int(label)
        ascending += first < third
        outer[int(label)].append((low, high - low))
    assert abs(right - draws / 4) < 3 * math.sqrt(draws * 3 / 16)
    assert abs(ascending - draws / 2) < 3 * math.sqrt(draws / 4)
    means = {label: np.mean(pairs, axis=0) for label, pairs in outer.items()}
    deviations = np.std(outer[1], axis=0) / math.sqrt(right)
    assert (np.abs(means[0] - means[1]) < 4 * deviations).all(), 'the outer frames tell the class'


def test_distances_and_middle_frames_are_uniform():
    np.random.seed(1)
    distances, places = np.zeros(59), np.zeros(3)
    for _ in range(6000):
        (first, middle, third), _ = draw(SampleFrameTuple(wrong_share=0), 300)
        low, distance = min(first, third), abs(first - third)
        distances[distance - 2] += 1
        if distance == 4:
            places[middle - low - 1] += 1
    assert abs(chi_square(distances, np.full(59, 1 / 59))) < 4.5
    assert abs(chi_square(places, np.full(3, 1 / 3))) < 4.5


def test_starts_are_uniform_over_those_that_leave_room_for_an_outsider():
    np.random.seed(2)
    sampler, total = SampleFrameTuple(window=2, margin=2), 9
    counts = np.zeros(total - 2)
    for _ in range(4000):
        (first, _, third), _ = draw(sampler, total)
        counts[min(first, third)] += 1
    # The pair (b, b + 2) with b >= 2, or b + 2 <= 8 - 2: any b from 0 to 6.
    assert abs(chi_square(counts, np.full(7, 1 / 7))) < 4.5


@pytest.mark.parametrize('margin', [1, 15])
def test_every_video_length_has_both_classes_from_four_frames_on(margin, logged):
    frame_tuple.warn_that_frames_have_no_order.cache_clear()
    np.random.seed(0)
    for total_frames in range(1, 129):
        least = max(min(margin, (total_frames - 1) * margin // (60 + margin)), 1)
        for share in (0, 1):
            sampler = SampleFrameTuple(margin=margin, wrong_share=share)
            for _ in range(6):
                (first, middle, third), label = draw(sampler, total_frames)
                assert label == (-100 if total_frames < 4 else 1 - share), total_frames
                low, high = sorted((first, third))
                if total_frames >= 4 and share:
                    assert max(low - middle, middle - high) >= least
                elif total_frames >= 4:
                    assert low < middle < high
    assert len(logged) == 1 and logged[0].levelno == logging.WARNING
    assert 'fewer than 4 frames' in logged[0].getMessage()


def test_frames_lie_where_the_video_moves():
    np.random.seed(0)
    block = SimpleNamespace(per_frame=np.where((np.arange(400) >= 200) & (np.arange(400) < 210), 2.0, 0.0))
    for _ in range(500):
        (first, middle, third), _ = draw(SampleFrameTuple(), 400, motion=block)
        low, high = sorted((first, third))
        assert low < 210 and high >= 200 and 200 - 120 <= middle < 210 + 120


def test_constant_motion_is_as_good_as_none():
    np.random.seed(0)
    constant, counts = SimpleNamespace(per_frame=np.full(20, 0.3)), np.zeros(18)
    for _ in range(4000):
        (first, _, third), _ = draw(SampleFrameTuple(window=2, margin=1), 20, motion=constant)
        counts[min(first, third)] += 1
    assert abs(chi_square(counts, np.full(18, 1 / 18))) < 4.5


@pytest.mark.parametrize('num_views', [1, 2])
def test_views_are_middle_frames_without_a_label(num_views):
    np.random.seed(0)
    for total_frames in (1, 3, 4, 50, 500):
        frames, label = draw(SampleFrameTuple(num_views=num_views), total_frames)
        assert len(frames) == num_views and label is None


def test_the_label_is_one_number_a_sample_and_clips_have_one_frame():
    np.random.seed(0)
    results = SampleFrameTuple()(dict(total_frames=80, start_index=3))
    label = int(results['gt_tuple'])
    results['imgs'] = [np.zeros((2, 2, 3), np.uint8)] * 3
    packed = PackClips()(results)
    assert packed['inputs'].shape == (3, 3, 1, 2, 2)
    assert packed['data_samples'].gt_tuple.item() == label


def test_tuples_of_longer_clips_are_ordered_by_their_first_frames(logged):
    np.random.seed(0)
    frame_tuple.warn_that_frames_have_no_order.cache_clear()
    for total_frames in (3, 8, 10, 11, 12, 40, 120):
        for share in (0, 1):
            results = SampleFrameTuple(clip_len=8, wrong_share=share)(dict(total_frames=total_frames))
            clips = results['frame_inds'].reshape(3, 8)
            assert (clips == (clips[:, :1] + np.arange(8)) % total_frames).all()
            assert results['gt_tuple'] == (-100 if total_frames < 11 else 1 - share)
            first, middle, third = clips[:, 0]
            if total_frames >= 11:
                assert (min(first, third) < middle < max(first, third)) == (share == 0)
    assert len(logged) == 1 and 'fewer than 11 frames' in logged[0].getMessage()


def test_words_and_the_frame_that_is_out_of_order():
    sampler = TRANSFORMS.build(dict(type='SampleFrameTuple'))
    assert sampler.describe_sample(dict(gt_tuple=np.int64(0))) == 'not in order'
    assert sampler.describe_sample(dict(gt_tuple=np.int64(1))) == 'in order'
    assert sampler.describe_sample(dict(gt_tuple=np.int64(-100))) == 'no tuple asked for'
    altered = [
        [bool(sampler.altered_positions(dict(gt_tuple=label), view)[0]) for view in range(3)] for label in (0, 1)
    ]
    assert altered == [[False, True, False], [False, False, False]]


@pytest.mark.parametrize(
    'arguments, named',
    [
        (dict(window=1), 'window'),
        (dict(margin=0), 'margin'),
        (dict(margin=61), 'margin must be at most window=60'),
        (dict(wrong_share=1.5), 'wrong_share'),
        (dict(num_views=0), 'num_views'),
    ],
)
def test_a_senseless_parameter_of_frame_tuples_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        SampleFrameTuple(**arguments)
