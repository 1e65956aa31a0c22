"""SampleClipOrder as OPN has it: four frames, an order and its reversal being one class."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest

from videossl.datasets import SampleClipOrder
from videossl.datasets.transforms.clip_order import clip_orders, warn_that_clips_have_no_order
from videossl.registry import TRANSFORMS

# The released code's classes, counted from 1, in its own order.
RELEASED = '1234 1324 1342 1243 1423 1432 2134 2143 2314 3124 3142 3214'.split()


@pytest.fixture
def sampler():
    """Four frames, four frames left out between two."""
    return TRANSFORMS.build(dict(type='SampleClipOrder', tuple_len=4, clip_len=1, gap=4, up_to_reversal=True))


@pytest.fixture(autouse=True)
def fresh_warning():
    yield
    warn_that_clips_have_no_order.cache_clear()


@pytest.mark.parametrize('tuple_len', [2, 3, 4, 5])
def test_an_order_and_its_reversal_are_one_class(tuple_len):
    classes = clip_orders(tuple_len, up_to_reversal=True).tolist()
    assert len(classes) == math.factorial(tuple_len) // 2 and classes == sorted(classes)
    for order in itertools.permutations(range(tuple_len)):
        found = [row for row in classes if row in (list(order), list(reversed(order)))]
        assert len(found) == 1 and found[0][0] < found[0][-1]


def test_the_released_codes_classes_are_the_same_in_another_order():
    classes = [tuple(row) for row in clip_orders(4, up_to_reversal=True).tolist()]
    released = [tuple(int(digit) - 1 for digit in order) for order in RELEASED]
    places = [classes.index(order if order in classes else order[::-1]) for order in released]
    assert places == [0, 2, 3, 1, 4, 5, 6, 7, 8, 10, 9, 11]


def test_every_class_and_both_directions_of_it_are_equally_likely(sampler):
    np.random.seed(0)
    draws, counts, ascending = 12000, np.zeros(12), 0
    for _ in range(draws):
        results = sampler(dict(total_frames=30))
        frames, label = results['frame_inds'].tolist(), int(results['gt_order'])
        ranks = [sorted(frames).index(frame) for frame in frames]
        canonical = ranks if ranks[0] < ranks[-1] else ranks[::-1]
        assert canonical == clip_orders(4, up_to_reversal=True)[label].tolist()
        counts[label] += 1
        ascending += frames[0] < frames[-1]
    assert np.abs(counts - 1000).max() < 4.5 * math.sqrt(1000 * 11 / 12)
    assert abs(ascending - draws / 2) < 4.5 * math.sqrt(draws / 4)


def test_frames_of_every_video_length_are_different_or_have_no_label(sampler):
    np.random.seed(0)
    for total_frames in range(1, 129):
        results = sampler(dict(total_frames=total_frames))
        frames = sorted(results['frame_inds'].tolist())
        assert 0 <= frames[0] and frames[-1] < total_frames and results['clip_len'] == 1
        assert (results['gt_order'] == -100) == (total_frames < 4)
        if total_frames >= 4:
            assert set(np.diff(frames)) == {min(5, (total_frames - 4) // 3 + 1)}


def test_without_the_option_draws_are_those_of_before(sampler):
    for seed in range(20):
        np.random.seed(seed)
        start, order = np.random.randint(90 - 64 + 1), np.random.randint(6)
        np.random.seed(seed)
        results = SampleClipOrder()(dict(total_frames=90))
        assert results['gt_order'] == order and results['frame_inds'].min() == start


def test_a_tuple_starts_where_its_frames_move(sampler):
    np.random.seed(0)
    motion = SimpleNamespace(per_frame=np.where(np.arange(100) == 50, 1.0, 0.0))
    starts = [sampler(dict(total_frames=100, motion=motion))['frame_inds'].min() for _ in range(300)]
    assert set(starts) == set(range(35, 51))  # 16 frames from the first to the last
    still = SimpleNamespace(per_frame=np.zeros(100))
    assert len({sampler(dict(total_frames=100, motion=still))['frame_inds'].min() for _ in range(300)}) > 60


def test_words_name_both_directions(sampler):
    labels = dict(gt_order=np.int64(1))  # 0, 1, 3, 2
    assert sampler.describe_sample(labels) == (
        'order 2 of 12: shown are the 1st, the 2nd, the 4th, the 3rd in time, or the reverse'
    )
    assert sampler.describe_clip(labels, 2) == '4th or 1st in time'
    assert sampler.describe_clip(dict(gt_order=np.int64(-100)), 0) == 'has no place in time of its own'


def test_two_frames_up_to_reversal_are_refused():
    with pytest.raises(ValueError, match='tuple_len must be an integer of at least 3'):
        SampleClipOrder(tuple_len=2, up_to_reversal=True)
