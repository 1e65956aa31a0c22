"""Labels in words, and the frames that they are about."""

import itertools
import math

import numpy as np
import pytest

from videossl.datasets.transforms import SampleClipOrder, SamplePace, SampleSegmentPace
from videossl.visualization import Sampling, describe_sample, describe_view
from videossl.visualization.clip_labels import frame_ranges, order_of, ordinal, repaced_positions


@pytest.mark.parametrize(
    ('labels', 'view', 'sampling', 'words'),
    [
        (dict(gt_speed=[0, 3], gt_segment=[1, 2]), 1, Sampling(4), 'view 2: segment 3 of 4 at 4 times natural speed'),
        (
            dict(gt_speed=[0], gt_segment=[1]),
            0,
            Sampling(4),
            'view 1: natural speed throughout, labelled segment 2 of 4',
        ),
        (
            dict(gt_speed=[0], gt_segment=[-100]),
            0,
            Sampling(4),
            'view 1: natural speed throughout, segment not asked for',
        ),
        (dict(gt_segment=[0]), 0, Sampling(3), 'view 1: segment 1 of 3'),
        (dict(gt_speed=[1]), 0, Sampling(), 'view 1: 2 times natural speed'),
        (dict(gt_speed=[0, 0]), 1, Sampling(roles=('student', 'teacher')), 'view 2 (teacher): natural speed'),
        (dict(gt_order=4), 0, Sampling(tuple_len=3), 'view 1: 3rd in time'),
        (dict(gt_order=-100), 2, Sampling(tuple_len=3), 'view 3: has no place in time of its own'),
        ({}, 0, Sampling(tuple_len=3), 'view 1'),
    ],
)
def test_a_views_labels_in_words(labels, view, sampling, words):
    assert describe_view(labels, view, sampling) == words


def test_an_order_in_words():
    assert describe_sample(dict(gt_order=4), Sampling(tuple_len=3)) == (
        'order 5 of 6: shown are the 3rd, the 1st, the 2nd in time'
    )
    assert describe_sample(dict(gt_order=-100), Sampling(tuple_len=3)).startswith('no order asked for')
    assert describe_sample(dict(gt_speed=[1]), Sampling(4)) == ''


@pytest.mark.parametrize('tuple_len', [2, 3, 4, 5])
def test_orders_are_numbered_as_the_sampler_numbers_them(tuple_len):
    sampler = SampleClipOrder(tuple_len=tuple_len)
    assert [order_of(number, tuple_len) for number in range(math.factorial(tuple_len))] == sampler.orders.tolist()
    assert order_of(0, tuple_len) == list(next(itertools.permutations(range(tuple_len))))


def test_a_class_that_no_order_has_is_refused():
    with pytest.raises(ValueError, match='6 lies outside 0..5'):
        order_of(6, 3)


def test_ordinals():
    assert [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 102, 113)] == [
        '1st',
        '2nd',
        '3rd',
        '4th',
        '11th',
        '12th',
        '13th',
        '21st',
        '102nd',
        '113th',
    ]


@pytest.mark.parametrize('num_segments', [1, 3, 4])
def test_repaced_frames_are_those_that_equation_4_reaches_at_another_stride(num_segments):
    sampler, seen = SampleSegmentPace(num_segments=num_segments, num_speeds=3), set()
    for seed in range(40):
        np.random.seed(seed)
        results = sampler(dict(total_frames=500))
        speed, segment = int(results['gt_speed'][0]) + 1, int(results['gt_segment'][0])
        repaced = repaced_positions(results, 0, 16, Sampling(num_segments=num_segments))
        strides = np.diff(results['frame_inds'])
        seen.add((speed, segment))
        if speed == 1:
            assert not repaced.any()
        else:
            assert ((strides == speed) == repaced[1:]).all()
            assert repaced[0] == (segment == 0)
    assert len(seen) == 3 * num_segments


def test_at_a_speed_of_its_own_the_whole_clip_is_repaced():
    np.random.seed(0)
    results = SamplePace(num_views=8)(dict(total_frames=500))
    for view, speed in enumerate(results['gt_speed']):
        assert repaced_positions(results, view, 16).all() == (speed > 0)


def test_a_segment_of_unknown_number_is_refused():
    with pytest.raises(ValueError, match='num_segments'):
        repaced_positions(dict(gt_speed=[1], gt_segment=[1]), 0, 16)


def test_a_stretch_ends_where_the_clip_leaps_back():
    assert frame_ranges([10, 12, 14, 15], [True, True, False, True]) == [(10, 12), (15, 15)]
    assert frame_ranges([56, 58, 0, 2], [True] * 4) == [(56, 58), (0, 2)]
    assert frame_ranges([0, 0, 0], [True] * 3) == [(0, 0)] * 3
    assert frame_ranges([1, 2], [False, False]) == []
