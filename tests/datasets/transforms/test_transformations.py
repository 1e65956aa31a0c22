"""Clips of one video under transformations: their frames in videos of every length, labels, and rotations."""

import pickle

import numpy as np
import pytest
import torch
from drawn_labels import as_drawn

from videossl.datasets import EachClip, PackClips, RotateClips, SampleTransformations, TemporalJitter
from videossl.models.embeddings import Embeddings
from videossl.models.heads import ClipClassificationHead
from videossl.registry import TRANSFORMS

T = 16
POOL = [(1, False), (2, False), (1, True), (3, True)]


def forward_clip(start, speed, total_frames):
    """Frames at one stride; behind the last comes the first again."""
    return [(start + speed * position) % total_frames for position in range(T)]


@pytest.mark.parametrize('shared_start', [False, True])
@as_drawn()
def test_clips_in_videos_of_every_length_have_the_frames_of_their_transformation(shared_start):
    np.random.seed(0)
    sampler = SampleTransformations(transformations=POOL, shared_start=shared_start)
    for total_frames in range(1, 100):
        for _ in range(4):
            results = sampler(dict(total_frames=total_frames, start_index=3))
            assert results['gt_transformation'].tolist() == [0, 1, 2, 3] and results['num_clips'] == 4
            clips, starts = results['frame_inds'].reshape(4, T) - 3, []
            for clip, (speed, backwards) in zip(clips.tolist(), POOL):
                natural = clip[::-1] if backwards else clip
                assert natural == forward_clip(natural[0], speed, total_frames)
                span = (T - 1) * (3 if shared_start else speed) + 1
                assert natural[0] <= max(total_frames - span, 0)
                starts.append(natural[0])
            assert not shared_start or len(set(starts)) == 1


def test_a_backwards_clip_is_the_forward_clip_in_reverse():
    sampler = SampleTransformations(transformations=[(2, False), (2, True)], shared_start=True)
    forwards, backwards = sampler(dict(total_frames=90))['frame_inds'].reshape(2, T)
    assert forwards.tolist() == backwards[::-1].tolist()


def test_every_place_is_drawn_and_places_are_independent():
    np.random.seed(0)
    sampler, places = SampleTransformations(transformations=[(1, False), (1, True)]), set()
    for _ in range(400):
        first, second = sampler(dict(total_frames=20))['frame_inds'].reshape(2, T)
        places.add((int(first[0]), int(second[-1])))
    assert places == {(first, second) for first in range(5) for second in range(5)}


def test_one_rotation_is_drawn_for_all_clips_of_a_sample():
    np.random.seed(0)
    sampler, counts = SampleTransformations(with_rotation=True), np.zeros(4)
    for _ in range(400):
        (rotation,) = set(sampler(dict(total_frames=50))['gt_rotation'].tolist())
        counts[rotation] += 1
    assert (np.abs(counts - 100) < 4 * np.sqrt(400 * 3 / 16)).all()
    assert set(sampler.labels) == {'gt_transformation', 'gt_rotation'}
    assert 'gt_rotation' not in SampleTransformations()(dict(total_frames=50))


def test_views_of_the_auxiliary_stage_have_a_transformation_each():
    np.random.seed(0)
    sampler, seen = SampleTransformations(num_views=2), set()
    for _ in range(100):
        results = sampler(dict(total_frames=60))
        seen.add(tuple(results['gt_transformation'].tolist()))
        for clip, label in zip(results['frame_inds'].reshape(2, T), results['gt_transformation']):
            assert set(np.diff(clip)) == {(1, 2, -1)[label]}
    assert seen == {(first, second) for first in range(3) for second in range(3)}


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [
        (dict(transformations=[(1, False)]), 'transformations must be two or more'),
        (dict(transformations=[(1, False), (1, False)]), 'transformations must be two or more, each once'),
        (dict(transformations=3), 'transformations'),
        (dict(transformations=[(0, False), (1, True)]), 'the speed in each of transformations'),
        (dict(transformations=[(1, False), (2, 1)]), 'each of transformations must be a speed and'),
        (dict(transformations=[(1, False), 2]), 'each of transformations must be a speed and'),
        (dict(num_views=0), 'num_views'),
        (dict(clip_len=0), 'clip_len'),
    ],
)
def test_a_senseless_argument_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        TRANSFORMS.build(dict(type='SampleTransformations', **arguments))


def test_labels_in_words_also_in_a_worker_of_its_own():
    sampler = pickle.loads(pickle.dumps(SampleTransformations(transformations=POOL, with_rotation=True)))
    labels = dict(gt_transformation=[3, 0], gt_rotation=[0, 1])
    assert sampler.describe_clip(labels, 0) == '3 times natural speed, backwards; upright'
    assert sampler.describe_clip(labels, 1) == 'natural speed; rotated by 90 degrees'
    assert [sampler.altered_positions(labels, view).all() for view in (0, 1)] == [True, False]


def test_single_frames_are_not_shifted():
    with pytest.raises(ValueError, match='gt_transformation'):
        TemporalJitter(max_shift=1, per_frame=True)(SampleTransformations()(dict(total_frames=128)))


# ------------------------------------------------------------------------------------------------------------- rotation
def sample_of(rotations, side=4, clip_len=2):
    pixels = np.random.RandomState(0).randint(0, 256, (len(rotations) * clip_len, side, side, 3), np.uint8)
    return dict(imgs=list(pixels), clip_len=clip_len, num_clips=len(rotations), gt_rotation=np.array(rotations))


def test_each_clip_is_turned_by_its_quarters_and_four_turns_are_none():
    results = sample_of([0, 1, 2, 3])
    before = [frame.copy() for frame in results['imgs']]
    results = RotateClips()(dict(results, clip_geometry=[{}] * 4))
    assert 'clip_geometry' not in results
    for position, (old, new) in enumerate(zip(before, results['imgs'])):
        for row, column in np.ndindex(4, 4):  # counter-clockwise: the right column becomes the top row
            source = [(row, column), (column, 3 - row), (3 - row, 3 - column), (3 - column, row)][position // 2]
            assert (new[row, column] == old[source]).all()
    results = sample_of([1, 1])
    before = [frame.copy() for frame in results['imgs']]
    for _ in range(4):
        results = RotateClips()(results)
    assert all((new == old).all() for old, new in zip(before, results['imgs']))


def test_frames_that_are_not_square_and_a_rotation_that_was_not_drawn_are_refused():
    results = sample_of([1])
    with pytest.raises(ValueError, match='RotateClips needs square frames, got 6x4: crop before it'):
        RotateClips()(dict(results, imgs=[np.zeros((4, 6, 3), np.uint8)] * 2))
    del results['gt_rotation']
    with pytest.raises(ValueError, match='set with_rotation=True'):
        RotateClips()(results)


def test_labels_reach_the_heads_behind_crops_and_packing():
    np.random.seed(0)
    results = SampleTransformations(clip_len=2, with_rotation=True)(dict(total_frames=30))
    results['imgs'] = [np.full((8, 9, 3), number, np.uint8) for number in range(6)]
    for step in (EachClip(dict(crop=dict(type='RandomCrop', size=4))), RotateClips(), PackClips()):
        results = step(results)
    assert results['inputs'].shape == (3, 3, 2, 4, 4)
    sample = results['data_samples']
    assert sample.gt_transformation.tolist() == [0, 1, 2] and len(set(sample.gt_rotation.tolist())) == 1
    for label, classes in (('gt_transformation', 3), ('gt_rotation', 4)):
        head = ClipClassificationHead(2, classes, label)
        assert head.loss(Embeddings(torch.rand(1, 3, 2)), [sample])[f'loss_{head.name}'].isfinite()
