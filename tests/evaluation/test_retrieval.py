"""Clip retrieval on hand-made features with known answers."""

import numpy as np
import pytest
from feature_making import at_angles, features_of

from videossl.evaluation import clip_retrieval
from videossl.evaluation.retrieval import ROWS_AT_ONCE


def recalls(result):
    return {name: value for name, value in result.items() if name.startswith('R@')}


def test_the_nearest_video_of_a_class_decides_from_which_k_on_a_query_hits():
    # Seen from 0 degrees the gallery comes in the order 5, 10, 20, 40: labels 7, 3, 7, 9.
    gallery = features_of(at_angles([40, 5, 20, 10]), [9, 7, 7, 3])
    queries = features_of(at_angles([0, 0, 0, 0]), [7, 3, 9, 4])
    result = clip_retrieval(gallery, queries, ks=(1, 2, 3, 4))
    assert recalls(result) == {'R@1': 1 / 4, 'R@2': 2 / 4, 'R@3': 2 / 4, 'R@4': 3 / 4}


def test_a_hit_is_the_same_by_sorting_all_videos_for_random_features_and_more_queries_than_fit_at_once():
    generator = np.random.default_rng(0)
    gallery = features_of(generator.normal(size=(60, 3, 5)), generator.integers(0, 9, 60))
    queries = features_of(generator.normal(size=(ROWS_AT_ONCE + 7, 2, 5)), generator.integers(0, 9, ROWS_AT_ONCE + 7))
    result = clip_retrieval(gallery, queries)
    unit = [video.mean(axis=0) / np.linalg.norm(video.mean(axis=0)) for video in gallery.features]
    for k in (1, 5, 10, 20, 50):
        hits = 0
        for query, label in zip(queries.features, queries.labels):
            order = sorted(range(60), key=lambda place: -float(unit[place] @ query.mean(axis=0)))
            hits += label in gallery.labels[order[:k]]
        assert result[f'R@{k}'] == pytest.approx(hits / len(queries.labels))
    values = list(recalls(result).values())
    assert values == sorted(values) and values[0] < values[-1]


def test_lengths_do_not_count():
    gallery = features_of([*at_angles([30], length=100), *at_angles([10], length=0.01)], [0, 1])
    assert recalls(clip_retrieval(gallery, features_of(at_angles([0]), [1]), ks=[1])) == {'R@1': 1.0}


def test_of_equally_similar_videos_the_one_that_stands_first_is_nearer():
    queries = features_of([[1, 0]], [1])
    twins = [[0, 1], [2, 0], [2, 0]]
    assert recalls(clip_retrieval(features_of(twins, [0, 1, 2]), queries, ks=[1]))['R@1'] == 1
    behind = clip_retrieval(features_of(twins, [0, 2, 1]), queries, ks=[1, 2])
    assert recalls(behind) == {'R@1': 0, 'R@2': 1}


def test_features_that_are_all_alike_hit_for_the_first_class_of_the_gallery_only():
    gallery, queries = np.ones((6, 4)), np.ones((3, 4))
    result = clip_retrieval(features_of(gallery, [0, 0, 1, 1, 2, 2]), features_of(queries, [0, 1, 2]), ks=[1, 2, 3])
    assert recalls(result) == {'R@1': 1 / 3, 'R@2': 1 / 3, 'R@3': 2 / 3}


def test_centring_takes_from_each_set_its_own_mean_and_changes_the_answer():
    # Far from the origin all directions are alike; the queries lie elsewhere altogether.
    gallery = features_of([[10, 1], [10, -1], [30, 1], [30, -1]], [0, 1, 0, 1])
    queries = features_of([[-50, 102], [-50, 98]], [0, 1])
    assert recalls(clip_retrieval(gallery, queries, ks=[1])) == {'R@1': 0.5}
    assert recalls(clip_retrieval(gallery, queries, ks=[1], center=True)) == {'R@1': 1.0}
    assert 'centered' in clip_retrieval(gallery, queries, center=True)['protocol']
    assert 'centered' not in clip_retrieval(gallery, queries)['protocol']


def test_the_views_of_a_video_are_averaged_before_they_are_compared():
    # Each view of the first video is far from the query; their mean is not.
    gallery = features_of([at_angles([60, -60]), at_angles([20, 20])], [0, 1])
    assert recalls(clip_retrieval(gallery, features_of([at_angles([0, 0])], [0]), ks=[1])) == {'R@1': 1.0}


def test_normalised_views_weigh_alike():
    views = [[*at_angles([0]), *at_angles([90], length=100)], [*at_angles([80]), *at_angles([80])]]
    gallery, queries = features_of(views, [0, 1]), features_of(at_angles([45]), [0])
    assert recalls(clip_retrieval(gallery, queries, ks=[1])) == {'R@1': 0.0}
    assert recalls(clip_retrieval(gallery, queries, ks=[1], average='normalised')) == {'R@1': 1.0}


def test_a_k_above_the_size_of_the_gallery_looks_at_all_of_it_and_says_so():
    gallery = features_of(at_angles([0, 10, 20]), [0, 1, 2])
    result = clip_retrieval(gallery, features_of(at_angles([0, 0]), [2, 5]), ks=(1, 50))
    assert recalls(result) == {'R@1': 0.0, 'R@50': 0.5}
    assert any('R@50' in note and '3 videos' in note for note in result['notes'])


def test_the_protocol_says_how_the_number_came_about():
    gallery = features_of(np.ones((4, 10, 3)), [0, 1, 0, 1], num_clips=10, split='train_1.txt', pooling='max')
    queries = features_of(np.ones((2, 10, 3)), [0, 1], num_clips=10, split='test_1.txt', pooling='max')
    protocol = clip_retrieval(gallery, queries)['protocol']
    for words in (
        '10 clips x 1 crop',
        '16 frames at interval 1',
        '112 px',
        'max pooling',
        'cosine',
        'mean of the views',
        'gallery train_1.txt (4 videos)',
        'queries test_1.txt (2 videos)',
    ):
        assert words in protocol, (words, protocol)


def good(**changes):
    return features_of(**{**dict(views=np.ones((3, 2, 4)), labels=[0, 1, 2]), **changes})


@pytest.mark.parametrize(
    'arguments, word',
    [
        (dict(ks=()), 'ks'),
        (dict(ks=[0]), 'ks'),
        (dict(ks=5), 'ks'),
        (dict(ks=[1.5]), 'ks'),
        (dict(average='prob'), 'average'),
    ],
)
def test_unusable_arguments_are_refused_by_name(arguments, word):
    with pytest.raises(ValueError, match=f'^{word} must'):
        clip_retrieval(good(), good(), **arguments)
