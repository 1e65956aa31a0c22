"""The sampler of video clip order prediction: where the clips of a tuple lie, and which order its label names."""

import logging
import math

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger

from videossl.datasets import PackClips, SampleClipOrder, TemporalJitter
from videossl.datasets.transforms.clip_order import clip_orders, tuple_layout, warn_that_clips_have_no_order
from videossl.models import OrderHead
from videossl.models.embeddings import Embeddings
from videossl.registry import TRANSFORMS

T = 16
ORDERS_OF_THREE = ['012', '021', '102', '120', '201', '210']  # written out, as the released code's list is


@pytest.fixture
def messages():
    """What goes to mmengine's logger, as in a process that has said nothing yet."""
    messages = []
    handler = logging.Handler()
    handler.addFilter(lambda record: 'will be deprecated' not in record.getMessage())  # mmengine's, about itself
    handler.emit = lambda record: messages.append(record)
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    warn_that_clips_have_no_order.cache_clear()
    yield messages
    logger.removeHandler(handler)
    warn_that_clips_have_no_order.cache_clear()


def lexicographic_rank(order) -> int:
    """How many orders come before this one: a digit for each place in the factorial number system."""
    order, rank = list(order), 0
    for place, entry in enumerate(order):
        smaller_behind = sum(other < entry for other in order[place + 1 :])
        rank += smaller_behind * math.factorial(len(order) - 1 - place)
    return rank


def possible_starts(total_frames, tuple_len, gap) -> set[tuple[int, ...]]:
    """Every tuple of starts, by trying: the widest gap that fits, at every place where it fits."""
    for distance in range(T + gap, T - 1, -1):
        found = {
            tuple(first + distance * clip for clip in range(tuple_len))
            for first in range(total_frames)
            if first + distance * (tuple_len - 1) + T <= total_frames
        }
        if found:
            return found
    room = max(total_frames - T, 0)
    return {tuple(math.floor(room * clip / (tuple_len - 1)) for clip in range(tuple_len))}


def draw(sampler, total_frames, **keys):
    """A draw as (first frames as shown, label), checked for everything that always holds."""
    results = sampler(dict(total_frames=total_frames, **keys))
    frames = results['frame_inds']
    assert frames.dtype == np.int64 and frames.shape == (results['num_clips'] * T,)
    assert results['clip_len'] == T and results['frame_interval'] == 1
    clips = frames.reshape(-1, T) - keys.get('start_index', 0)
    assert (clips == (clips[:, :1] + np.arange(T)) % total_frames).all()
    assert total_frames < T or (np.diff(clips) == 1).all()
    return clips[:, 0].tolist(), results.get('gt_order')


# ------------------------------------------------------------------------------------------------------- labels, places
@pytest.mark.parametrize('tuple_len', [2, 3, 4, 5])
def test_classes_are_the_permutations_in_lexicographic_order(tuple_len):
    orders = clip_orders(tuple_len)
    assert orders.dtype == np.int64 and orders.shape == (math.factorial(tuple_len), tuple_len)
    assert [lexicographic_rank(order) for order in orders] == list(range(len(orders)))
    assert all(sorted(order) == list(range(tuple_len)) for order in orders.tolist())


def test_all_six_orders_of_three_clips_come_with_their_class():
    np.random.seed(0)
    sampler, seen = SampleClipOrder(), {}
    for _ in range(200):
        starts, label = draw(sampler, 64)
        # In a video of exactly 64 frames the tuple starts at 0, so a clip's first frame names its rank.
        seen.setdefault(''.join(str(start // 24) for start in starts), set()).add(int(label))
    assert seen == {order: {place} for place, order in enumerate(ORDERS_OF_THREE)}


@pytest.mark.parametrize('tuple_len, gap', [(3, 8), (2, 8), (4, 3), (5, 0)])
def test_clips_of_every_video_length_lie_where_they_can_and_carry_their_order(tuple_len, gap):
    np.random.seed(0)
    sampler = SampleClipOrder(tuple_len, T, gap)
    for total_frames in range(1, 129):
        possible = possible_starts(total_frames, tuple_len, gap)
        for _ in range(12):
            starts, label = draw(sampler, total_frames)
            assert tuple(sorted(starts)) in possible, total_frames
            ranks = [sum(other < start for other in starts) for start in starts]
            if len(set(starts)) == tuple_len:
                assert label == lexicographic_rank(ranks)
            else:
                assert label == -100


@pytest.mark.parametrize('total_frames', [64, 65, 70, 63, 62, 49, 48, 47, 33, 18])
def test_every_possible_start_is_drawn_about_equally_often(total_frames):
    np.random.seed(0)
    possible, draws = possible_starts(total_frames, 3, 8), 700
    sampler, counts = SampleClipOrder(), {}
    for _ in range(draws):
        starts = tuple(sorted(draw(sampler, total_frames)[0]))
        counts[starts] = counts.get(starts, 0) + 1
    assert counts.keys() == possible
    share = 1 / len(possible)
    deviation = math.sqrt(draws * share * (1 - share))
    assert all(abs(count - draws * share) <= 4 * deviation for count in counts.values())


def test_the_default_tuple_takes_64_frames_and_starts_from_0_to_the_length_minus_64():
    for total_frames in (64, 65, 100, 300):
        offsets, num_starts = tuple_layout(total_frames, 3, 16, 8)
        assert offsets.tolist() == [0, 24, 48] and num_starts == total_frames - 64 + 1


@pytest.mark.parametrize(
    'total_frames, offsets, num_starts',
    [
        (63, [0, 23, 46], 2),  # a gap of 7 takes 62 frames
        (62, [0, 23, 46], 1),
        (49, [0, 16, 32], 2),
        (48, [0, 16, 32], 1),
        (47, [0, 15, 31], 1),  # overlapping, spread over 0..31
        (18, [0, 1, 2], 1),
        (17, [0, 0, 1], 1),
        (16, [0, 0, 0], 1),
        (5, [0, 0, 0], 1),
    ],
)
def test_in_short_videos_gaps_shrink_and_then_clips_overlap(total_frames, offsets, num_starts):
    found = tuple_layout(total_frames, 3, 16, 8)
    assert (found[0].tolist(), found[1]) == (offsets, num_starts)


@pytest.mark.parametrize('tuple_len', [2, 3, 4])
def test_orders_are_drawn_about_equally_often_and_apart_from_the_start(tuple_len):
    np.random.seed(1)
    classes, draws = math.factorial(tuple_len), 4800
    sampler = SampleClipOrder(tuple_len, T, gap=0)
    counts = np.zeros((2, classes))
    for _ in range(draws):
        starts, label = draw(sampler, tuple_len * T + 1)  # two starts
        counts[min(starts), label] += 1
    expected = draws / counts.size
    assert np.abs(counts - expected).max() < 4.5 * math.sqrt(expected)


def test_a_tuple_is_put_back_in_order_by_its_label():
    np.random.seed(0)
    for tuple_len in (2, 3, 4, 5):
        sampler = SampleClipOrder(tuple_len, T, gap=2)
        for total_frames in (24, 60, 100):
            starts, label = draw(sampler, total_frames)
            order = clip_orders(tuple_len)[label]
            back = np.empty(tuple_len, dtype=int)
            back[order] = starts
            assert (np.diff(back) > 0).all()


def test_the_label_reaches_a_head_as_one_int64_number_a_sample():
    np.random.seed(0)
    samples, labels = [], []
    for _ in range(4):
        results = SampleClipOrder(clip_len=2)(dict(total_frames=40))
        assert np.asarray(results['gt_order']).dtype == np.int64 and np.ndim(results['gt_order']) == 0
        results['imgs'] = [np.zeros((2, 2, 3), np.uint8)] * 6
        labels.append(int(results['gt_order']))
        samples.append(PackClips()(results)['data_samples'])
    gathered = OrderHead().gather(samples, 'gt_order', Embeddings(torch.zeros(4, 3, 512)))
    assert gathered.dtype == torch.int64 and gathered.tolist() == labels


def test_frames_count_from_the_start_index():
    np.random.seed(3)
    without = SampleClipOrder()(dict(total_frames=70))
    np.random.seed(3)
    with_index = SampleClipOrder()(dict(total_frames=70, start_index=5))
    assert (with_index['frame_inds'] == without['frame_inds'] + 5).all()
    assert with_index['gt_order'] == without['gt_order']
    draw(SampleClipOrder(num_views=2), 70, start_index=1)


# -------------------------------------------------------------------------------------------- clips that have no order
@pytest.mark.parametrize('tuple_len, shortest', [(2, 17), (3, 18), (5, 20)])
def test_clips_without_an_order_are_ignored_and_said_so_once(messages, tuple_len, shortest):
    sampler = SampleClipOrder(tuple_len, T)
    for total_frames in (shortest, shortest + 1, 200):
        assert draw(sampler, total_frames)[1] >= 0
    assert messages == []
    for total_frames in range(1, shortest):
        assert draw(sampler, total_frames)[1] == -100
    assert len(messages) == 1 and messages[0].levelno == logging.WARNING
    text = messages[0].getMessage()
    assert f'fewer than {shortest} frames' in text and f'{tuple_len} different clips of 16' in text and '-100' in text


def test_a_video_shorter_than_a_clip_goes_round():
    for sampler in (SampleClipOrder(), SampleClipOrder(num_views=3)):
        frames = sampler(dict(total_frames=7))['frame_inds'].reshape(3, T)
        assert (frames == [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1]).all()


@pytest.mark.parametrize('num_views', [None, 2])
@pytest.mark.parametrize('total_frames', [0, -1])
def test_a_video_without_frames_is_refused(num_views, total_frames):
    with pytest.raises(ValueError, match=f'total_frames={total_frames}'):
        SampleClipOrder(num_views=num_views)(dict(total_frames=total_frames))


# ---------------------------------------------------------------------------------------------------------------- views
def test_views_are_clips_of_independent_tuples_without_a_label(messages):
    np.random.seed(0)
    sampler, draws = SampleClipOrder(num_views=2), 3600
    counts = np.zeros((6, 6))
    places = [0, 1, 24, 25, 48, 49]  # two starts of the tuple, three clips
    for _ in range(draws):
        results = sampler(dict(total_frames=65))
        assert 'gt_order' not in results and results['num_clips'] == 2
        first, second = results['frame_inds'].reshape(2, T)[:, 0]
        counts[places.index(first), places.index(second)] += 1
    assert np.abs(counts - 100).max() < 45  # 4.5 deviations
    sampler(dict(total_frames=3))
    assert messages == []


@pytest.mark.parametrize('num_views', [1, 2, 4])
def test_there_are_as_many_views_as_asked_for_whatever_the_video(num_views):
    np.random.seed(0)
    sampler = SampleClipOrder(num_views=num_views)
    for total_frames in range(1, 129):
        starts, label = draw(sampler, total_frames)
        assert len(starts) == num_views and label is None
        allowed = {start for place in possible_starts(total_frames, 3, 8) for start in place}
        assert set(starts) <= allowed


# -------------------------------------------------------------------------------------------------------- and the rest
def test_jitter_below_the_gap_leaves_the_label_true_and_the_clips_apart():
    np.random.seed(0)
    jitter = TemporalJitter(max_shift=3)
    for _ in range(200):
        results = jitter(SampleClipOrder()(dict(total_frames=80, start_index=1)))
        starts = results['frame_inds'].reshape(3, T)[:, 0]
        assert lexicographic_rank(np.argsort(np.argsort(starts))) == results['gt_order']
        assert np.diff(np.sort(starts)).min() >= T + 8 - 6


def test_the_same_numpy_seed_gives_the_same_tuple():

    def draws():
        np.random.seed(11)
        return [draw(SampleClipOrder(num_views=views), 90) for views in (None, 2) for _ in range(5)]

    assert draws() == draws()


@pytest.mark.parametrize(
    'arguments, named',
    [
        (dict(tuple_len=1), 'tuple_len'),
        (dict(tuple_len=6), 'tuple_len must be at most 5'),
        (dict(tuple_len=3.0), 'tuple_len'),
        (dict(clip_len=0), 'clip_len'),
        (dict(gap=-1), 'gap'),
        (dict(gap=None), 'gap'),
        (dict(num_views=0), 'num_views'),
        (dict(num_views=True), 'num_views'),
    ],
)
def test_a_senseless_parameter_is_refused_by_name_when_the_order_sampler_is_built(arguments, named):
    with pytest.raises(ValueError, match=named):
        SampleClipOrder(**arguments)


def test_the_order_sampler_is_built_from_a_config_and_prints_it():
    sampler = TRANSFORMS.build(dict(type='SampleClipOrder', gap=4))
    assert repr(sampler) == 'SampleClipOrder(tuple_len=3, clip_len=16, gap=4, num_views=None, up_to_reversal=False)'
