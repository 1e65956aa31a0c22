"""kNN on hand-made features with known answers."""

import math

import numpy as np
import pytest
from feature_making import at_angles, features_of

from videossl.evaluation import knn


def top(result):
    return result['top1'], result['top5']


def test_a_single_neighbour_decides_alone():
    gallery = features_of(at_angles([0, 90, 180]), [4, 8, 6])
    queries = features_of(at_angles([10, 80, 100, 170]), [4, 8, 6, 6])
    assert knn(gallery, queries, k=1)['top1'] == 3 / 4
    assert knn(gallery, queries, k=1)['top5'] == 3 / 4, 'a class without a vote is not among the five'


def test_the_temperature_decides_whether_one_near_video_outvotes_two_farther_ones():
    # Votes of class 0: exp(cos 10 / T); of class 1: 2 exp(cos 40 / T). Equal at T = (cos 10 - cos 40) / log 2.
    gallery = features_of(at_angles([10, 40, -40]), [0, 1, 1])
    queries = features_of(at_angles([0]), [0])
    turning_point = (math.cos(math.radians(10)) - math.cos(math.radians(40))) / math.log(2)
    assert knn(gallery, queries, k=3, temperature=0.99 * turning_point)['top1'] == 1
    assert knn(gallery, queries, k=3, temperature=1.01 * turning_point)['top1'] == 0
    assert knn(gallery, queries, k=1, temperature=1.01 * turning_point)['top1'] == 1


def test_votes_equal_those_counted_by_hand_for_random_features():
    generator = np.random.default_rng(0)
    gallery = features_of(generator.normal(size=(40, 3, 6)), generator.integers(0, 8, 40))
    queries = features_of(generator.normal(size=(30, 3, 6)), generator.integers(0, 8, 30))
    first = fifth = 0
    for views, label in zip(queries.features, queries.labels):
        query = views.mean(axis=0)
        cosines = [
            float(query @ video.mean(axis=0)) / np.linalg.norm(query) / np.linalg.norm(video.mean(axis=0))
            for video in gallery.features
        ]
        votes = {}
        for place in sorted(range(40), key=lambda place: -cosines[place])[:12]:
            votes[gallery.labels[place]] = votes.get(gallery.labels[place], 0) + math.exp(cosines[place] / 0.2)
        ranked = sorted(votes, key=lambda name: -votes[name])
        first += ranked[0] == label
        fifth += label in ranked[:5]
    assert top(knn(gallery, queries, k=12, temperature=0.2)) == (pytest.approx(first / 30), pytest.approx(fifth / 30))
    assert 0 < first < fifth < 30


def test_a_tiny_temperature_overflows_nothing():
    gallery = features_of(at_angles([0, 40, 80]), [0, 1, 1])
    assert knn(gallery, features_of(at_angles([15]), [0]), k=3, temperature=1e-5)['top1'] == 1


def test_of_equal_votes_the_smaller_class_wins():
    gallery = features_of(at_angles([0, 0]), [5, 2])
    assert knn(gallery, features_of(at_angles([0]), [2]), k=2)['top1'] == 1
    assert top(knn(gallery, features_of(at_angles([0]), [5]), k=2)) == (0, 1)


def test_centring_changes_the_answer():
    gallery = features_of([[10, 1], [10, -1], [30, 1], [30, -1]], [0, 1, 0, 1])
    queries = features_of([[-50, 102], [-50, 98]], [0, 1])
    assert knn(gallery, queries, k=1)['top1'] == 0.5
    assert knn(gallery, queries, k=1, center=True)['top1'] == 1


def test_a_k_above_the_size_of_the_gallery_lets_all_vote_and_says_so():
    gallery = features_of(at_angles([0, 10, 20]), [0, 1, 1])
    result = knn(gallery, features_of(at_angles([0]), [1]), k=200, temperature=1)
    assert result['top1'] == 1
    assert any('k = 200' in note and '3 videos' in note for note in result['notes'])
    assert '3 nearest' in result['protocol']


def test_unreadable_videos_count_as_wrong_and_are_named():
    gallery = features_of([[0, 0], [1, 0]], [0, 1], readable=[False, True])
    queries = features_of([[1, 0], [0, 0]], [1, 1], readable=[True, False])
    result = knn(gallery, queries, k=1)
    assert top(result) == (0.5, 0.5)
    assert any('gallery: 1 of 2' in note for note in result['notes'])
    assert any('queries: 1 of 2' in note and '1.mp4' in note for note in result['notes'])


@pytest.mark.parametrize(
    'arguments, word',
    [
        (dict(k=0), 'k'),
        (dict(k=2.0), 'k'),
        (dict(temperature=0), 'temperature'),
        (dict(temperature=float('nan')), 'temperature'),
    ],
)
def test_unusable_arguments_are_refused_by_name(arguments, word):
    good = features_of(np.eye(3), [0, 1, 2])
    with pytest.raises(ValueError, match=f'^{word} must'):
        knn(good, good, **arguments)
