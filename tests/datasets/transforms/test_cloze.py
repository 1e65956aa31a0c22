"""The video cloze procedure: what is done to the middle clip, in videos of every length, and its label."""

import math

import numpy as np
import pytest

from videossl.datasets import ApplyClozeOperation, EachClip, PackClips, SampleClipOrder, SampleCloze, TemporalJitter
from videossl.datasets.transforms.cloze import permute_blocks
from videossl.models import TupleHead
from videossl.models.embeddings import Embeddings
from videossl.registry import TRANSFORMS

T = 16
NOTHING, ROTATION, PERMUTATION, SWAP, REMOTE = range(5)


def draw(total_frames, sampler=None, **keys):
    """The clips [V, T] from 0, and the class of the operation."""
    results = (sampler or SampleCloze())(dict(total_frames=total_frames, **keys))
    clips = results['frame_inds'].reshape(-1, T) - keys.get('start_index', 0)
    assert clips.min() >= 0 and clips.max() < total_frames
    assert 'gt_operation' not in results
    return clips, results.get('cloze_operation')


def starts_with_room(total_frames, span=64) -> int:
    """Of all places of a tuple, those with 2 T frames on one side: T between, and T for the clip."""
    return sum(
        start >= 2 * T or total_frames - start - span >= 2 * T for start in range(max(total_frames - span, 0) + 1)
    )


# --------------------------------------------------------------------------------------------------------------- in time
def test_tuples_of_every_video_length_are_altered_as_their_class_says():
    np.random.seed(0)
    for total_frames in range(1, 129):
        for _ in range(20):
            clips, operation = draw(total_frames, start_index=total_frames % 2)
            assert clips.shape == (3, T) and 0 <= operation < 5
            natural = (clips[:, :1] + np.arange(T)) % total_frames
            assert (clips[[0, 2]] == natural[[0, 2]]).all()
            first, middle, last = clips
            if operation == SWAP:
                assert total_frames >= T
                natural = np.sort(middle)
                assert (np.diff(natural) == 1).all()
                assert np.count_nonzero(middle != natural) == 8
                assert all((np.diff(chunk) == 1).all() for chunk in middle.reshape(4, 4))
                middle = natural
            elif operation == REMOTE:
                assert total_frames >= 96 and (np.diff(middle) == 1).all()
                before, behind = first.min() - middle.max() - 1, middle.min() - last.max() - 1
                assert max(before, behind) >= T
                continue
            else:
                assert (middle == natural[1]).all()
            if total_frames >= T:
                assert abs((last[0] - first[0]) / 2 - (middle[0] - first[0])) < 1  # halfway between the others
    assert (starts_with_room(95), starts_with_room(96), starts_with_room(126)) == (0, 2, 62)


def test_an_untouched_tuple_is_that_of_clip_order_prediction():
    for seed in range(40):
        np.random.seed(seed)
        clips, operation = draw(150)
        np.random.seed(seed)
        ordered = SampleClipOrder()(dict(total_frames=150))['frame_inds'].reshape(3, T)
        if operation in (NOTHING, ROTATION, PERMUTATION):
            assert (clips == ordered[np.argsort(ordered[:, 0])]).all()


@pytest.mark.parametrize('total_frames', [7, 40, 95, 96, 110, 127, 300])
def test_possible_operations_are_drawn_equally_often_and_impossible_ones_never(total_frames):
    np.random.seed(0)
    draws, counts = 2000, np.zeros(5)
    for _ in range(draws):
        counts[draw(total_frames)[1]] += 1
    room = starts_with_room(total_frames) / (max(total_frames - 64, 0) + 1)
    assert (room == 1) == (total_frames >= 127) and (room == 0) == (total_frames < 96)
    expected = np.array([room / 5 + (1 - room) / 4] * 4 + [room / 5])
    if total_frames < T:
        expected = np.array([1 / 3] * 3 + [0] * 2)
    deviation = 4 * np.sqrt(draws * expected * (1 - expected))
    assert (np.abs(counts - draws * expected) <= deviation).all()


def test_every_pair_of_chunks_is_swapped_and_swapping_again_restores_the_clip():
    np.random.seed(0)
    seen = set()
    while len(seen) < 6:
        clips, operation = draw(80)
        if operation == SWAP:
            order = (clips[1].reshape(4, 4)[:, 0] - clips[1].min()) // 4
            assert sorted(order) == [0, 1, 2, 3] and (order[order] == np.arange(4)).all()
            seen.add(tuple(order.tolist()))
    assert all(sum(place != chunk for place, chunk in enumerate(order)) == 2 for order in seen)


def test_remote_clips_come_from_every_place_on_both_sides():
    np.random.seed(0)
    sampler, places = SampleCloze(clip_len=4, gap=0), set()
    for _ in range(3000):
        results = sampler(dict(total_frames=26))
        if results['cloze_operation'] == REMOTE:
            places.add(tuple(results['frame_inds'][[0, 4]].tolist()))
    # A tuple has 12 frames; 4 frames at least lie between it and the 4 of the remote clip.
    assert places == {
        (start, remote)
        for start in range(26 - 12 + 1)
        for remote in range(26 - 4 + 1)
        if remote + 4 + 4 <= start or remote >= start + 12 + 4
    }


def test_views_are_clips_of_tuples_of_their_own_without_an_operation():
    np.random.seed(0)
    sampler = SampleCloze(num_views=2)
    apart = 0
    for _ in range(50):
        clips, operation = draw(200, sampler)
        assert clips.shape == (2, T) and (np.diff(clips) == 1).all() and operation is None
        apart += abs(int(clips[0][0] - clips[1][0])) > 48
    assert apart > 5
    results = sampler(dict(total_frames=200))
    assert ApplyClozeOperation()(dict(results, imgs=[])).keys() == {*results, 'imgs'}


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [
        (dict(tuple_len=1), 'tuple_len'),
        (dict(gap=-1), 'gap'),
        (dict(clip_len=18), 'clip_len must be a multiple of 4'),
        (dict(num_views=0), 'num_views'),
    ],
)
def test_a_senseless_number_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        TRANSFORMS.build(dict(type='SampleCloze', **arguments))


def test_labels_in_words():
    sampler = SampleCloze()
    assert sampler.describe_sample(dict(gt_operation=4)) == 'from a remote place'
    assert [sampler.altered_positions(dict(gt_operation=3), view).all() for view in range(3)] == [False, True, False]
    assert not sampler.altered_positions(dict(gt_operation=0), 1).any()


def test_single_frames_are_not_shifted():
    with pytest.raises(ValueError, match='gt_operation'):
        TemporalJitter(max_shift=1, per_frame=True)(SampleCloze()(dict(total_frames=128)))


# -------------------------------------------------------------------------------------------------------------- in space
def made(operation, side=6, clip_len=4, **shape):
    """A sample whose class is given; every pixel of every frame is another number."""
    results = SampleCloze(clip_len=clip_len)(dict(total_frames=200))
    pixels = np.random.RandomState(1).permutation(3 * clip_len * side * side * 3 % 256 + 256)[: side * side * 3]
    frames = [((pixels + 17 * number) % 256).astype(np.uint8).reshape(side, side, 3) for number in range(3 * clip_len)]
    results.update(imgs=frames, cloze_operation=np.int64(operation), clip_geometry=[{}] * 3)
    return results, [frame.copy() for frame in frames]


@pytest.mark.parametrize('operation', range(5))
def test_only_the_middle_clip_is_rotated_or_permuted_and_every_sample_gets_its_label(operation):
    np.random.seed(0)
    results, before = made(operation)
    results = ApplyClozeOperation()(results)
    assert results['gt_operation'] == operation and 'clip_geometry' not in results
    assert len(results['imgs']) == 12
    for position, (frame, old) in enumerate(zip(results['imgs'], before)):
        changed = operation in (ROTATION, PERMUTATION) and 4 <= position < 8
        assert (frame != old).any() == changed
        assert sorted(map(tuple, frame.reshape(-1, 3).tolist())) == sorted(map(tuple, old.reshape(-1, 3).tolist()))


def test_rotations_are_by_one_two_or_three_quarters_and_the_same_for_all_frames():
    np.random.seed(0)
    seen = set()
    for _ in range(40):
        results, before = made(ROTATION)
        frames = ApplyClozeOperation()(results)['imgs'][4:8]
        (quarters,) = (
            number
            for number in range(4)
            if all((np.rot90(old, number) == new).all() for old, new in zip(before[4:8], frames))
        )
        seen.add(quarters)
    assert seen == {1, 2, 3}


def arrangement(old, new) -> tuple[int, ...]:
    """For each quarter of a frame, row by row, which quarter of the old frame it is."""
    half = len(old) // 2
    corners = [(top, left) for top in (0, half) for left in (0, half)]
    quarter = {
        old[top : top + half, left : left + half].tobytes(): number for number, (top, left) in enumerate(corners)
    }
    return tuple(quarter[new[top : top + half, left : left + half].tobytes()] for top, left in corners)


def test_blocks_come_in_each_of_the_other_23_arrangements_or_in_reverse():
    np.random.seed(0)
    seen = set()
    for _ in range(400):
        results, before = made(PERMUTATION)
        frames = ApplyClozeOperation()(results)['imgs'][4:8]
        (order,) = {arrangement(old, new) for old, new in zip(before[4:8], frames)}
        seen.add(order)
    assert len(seen) == 23 and (0, 1, 2, 3) not in seen
    results, before = made(PERMUTATION)
    frames = ApplyClozeOperation(permutation='reversed')(results)['imgs']
    assert arrangement(before[5], frames[5]) == (3, 2, 1, 0)
    assert (permute_blocks(permute_blocks(before[0], [3, 2, 1, 0]), [3, 2, 1, 0]) == before[0]).all()


@pytest.mark.parametrize('operation', [ROTATION, PERMUTATION])
@pytest.mark.parametrize('size', [(6, 8), (7, 7)])
def test_frames_that_are_not_square_or_have_an_odd_side_are_refused(operation, size):
    results, _ = made(operation)
    results['imgs'] = [np.zeros((*size, 3), np.uint8)] * 12
    with pytest.raises(ValueError, match=f'even side, got {size[1]}x{size[0]}: crop before it'):
        ApplyClozeOperation()(results)
    results['cloze_operation'] = SWAP
    assert ApplyClozeOperation()(results)['gt_operation'] == SWAP


def test_another_word_for_the_permutation_is_refused():
    with pytest.raises(ValueError, match="permutation must be one of 'random', 'reversed'"):
        ApplyClozeOperation(permutation='all')


def test_the_label_reaches_the_head_behind_crops_and_packing():
    np.random.seed(0)
    head = TupleHead(2, 3, 5, 'gt_operation')
    for parameter in head.parameters():
        parameter.data.zero_()
    results, _ = made(ROTATION, side=8)
    del results['clip_geometry']
    for step in (EachClip(dict(crop=dict(type='RandomCrop', size=4))), ApplyClozeOperation(), PackClips()):
        results = step(results)
    assert results['inputs'].shape == (3, 3, 4, 4, 4)
    assert results['data_samples'].gt_operation.item() == ROTATION
    loss = head.loss(Embeddings(results['inputs'].float()[None, :, 0, 0, 0, :2]), [results['data_samples']])
    assert loss['loss_operation'].item() == pytest.approx(math.log(5))
