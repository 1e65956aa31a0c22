"""The sampler of PSP: which clip plays at which pace, and which order the label names."""

import itertools
import math

import numpy as np
import pytest
import torch

from videossl.datasets import PackClips, SamplePaceOrder, TemporalJitter
from videossl.models import OrderHead
from videossl.models.embeddings import Embeddings

T = 16
ORDERS = list(itertools.permutations(range(3)))  # lexicographic


@pytest.fixture(autouse=True)
def seeded():
    np.random.seed(0)


def draw(sampler, total_frames):
    results = sampler(dict(total_frames=total_frames))
    return results['frame_inds'].reshape(-1, T), results.get('gt_order')


def pace_of(clip) -> int:
    (step,) = set(np.diff(clip).tolist())
    return step


def test_the_label_is_the_order_of_the_paces_that_the_clips_show():
    sampler, seen = SamplePaceOrder(), set()
    for _ in range(100):
        clips, label = draw(sampler, 61)  # 15 steps of 4, and one frame
        paces = [pace_of(clip) for clip in clips]
        assert sorted(paces) == [-1, 1, 4]
        assert label.dtype == np.int64 and ORDERS[label] == tuple(sorted(paces).index(pace) for pace in paces)
        # The other way round: the clip at each rank's place plays at that rank's pace.
        assert [paces[ORDERS[label].index(rank)] for rank in range(3)] == [-1, 1, 4]
        seen.add(int(label))
    assert seen == set(range(6))


def test_all_orders_and_all_starts_are_equally_likely():
    sampler, orders, starts = SamplePaceOrder(), np.zeros(6), {-1: [], 1: [], 4: []}
    for _ in range(1200):
        clips, label = draw(sampler, 64)
        orders[label] += 1
        for clip in clips:
            starts[pace_of(clip)].append(clip.min())
    assert (abs(orders - 200) < 4 * math.sqrt(1200 / 6 * 5 / 6)).all()
    for pace, places in ((-1, 49), (1, 49), (4, 4)):
        counts = np.bincount(starts[pace], minlength=places)
        assert len(counts) == places
        assert (abs(counts - 1200 / places) < 4.5 * math.sqrt(1200 / places * (1 - 1 / places))).all()
    # Each clip has a start of its own.
    assert abs(np.corrcoef(starts[-1], starts[1])[0, 1]) < 0.12


def test_videos_of_every_length_give_paces_that_go_round_and_no_label_where_they_hide_them():
    sampler = SamplePaceOrder()
    for total_frames in range(1, 129):
        for _ in range(3):
            clips, label = draw(sampler, total_frames)
            assert clips.min() >= 0 and clips.max() < total_frames
            steps = [set((np.diff(clip) % total_frames).tolist()) for clip in clips]
            assert sorted(map(sorted, steps)) == sorted([pace % total_frames] for pace in (-1, 1, 4))
            assert (label == -100) == (total_frames <= 8)
            if total_frames >= 61:
                assert sorted(map(pace_of, clips)) == [-1, 1, 4]
    # Without the label -100 two paces would look alike: 4 = 1 in a video of 3 frames, 4 = -1 in one of 5.
    assert len({pace % 3 for pace in (-1, 1, 4)}) == len({pace % 5 for pace in (-1, 1, 4)}) == 2


def test_views_have_paces_of_their_own_and_no_label():
    sampler = SamplePaceOrder(num_views=2)
    paces = np.array([[pace_of(clip) for clip in draw(sampler, 100)[0]] for _ in range(600)])
    assert draw(sampler, 100)[1] is None
    counts = [(paces == pace).sum() for pace in (-1, 1, 4)]
    assert sum(counts) == 1200 and all(abs(count - 400) < 4 * math.sqrt(1200 * 2 / 9) for count in counts)
    assert 0.2 < (paces[:, 0] == paces[:, 1]).mean() < 0.47


def test_words_and_shading():
    sampler = SamplePaceOrder()
    labels = dict(gt_order=np.int64(3))  # ranks 1, 2, 0
    assert sampler.describe_sample(labels) == 'order 4 of 6: shown are the paces 1, 4, -1'
    assert sampler.describe_clip(labels, 1) == '4 times natural speed: 3rd by pace'
    assert [bool(sampler.altered_positions(labels, view).all()) for view in range(3)] == [False, True, True]
    assert sampler.describe_sample(dict(gt_order=-100)) == 'no order asked for'
    assert sampler.describe_clip({}, 0) == sampler.describe_clip(dict(gt_order=-100), 0) == ''


def test_single_frames_may_not_be_moved_but_whole_clips_may():
    results = SamplePaceOrder()(dict(total_frames=200))
    with pytest.raises(ValueError, match='gt_order'):
        TemporalJitter(2, per_frame=True)(dict(results))
    clips = TemporalJitter(2)(results)['frame_inds'].reshape(3, T)
    assert sorted(map(pace_of, clips)) == [-1, 1, 4]


def test_the_order_head_reads_the_label_as_it_is_packed():
    results = SamplePaceOrder()(dict(total_frames=100))
    results['imgs'] = [np.zeros((8, 8, 3), np.uint8)] * 48
    sample = PackClips()(results)['data_samples']
    head = OrderHead(in_channels=4, hidden_channels=4)
    torch.nn.init.zeros_(head.classifier.weight)
    torch.nn.init.zeros_(head.classifier.bias)
    loss = head.loss(Embeddings(torch.rand(1, 3, 4)), [sample])['loss_order']
    assert loss.item() == pytest.approx(math.log(6))


@pytest.mark.parametrize('speeds', [(1,), (1, 1), (0, 1), (1, 2, 3, 4, 5, 6), (1, 1.5)])
def test_paces_that_make_no_order_are_refused(speeds):
    with pytest.raises(ValueError, match='speeds'):
        SamplePaceOrder(speeds=speeds)
