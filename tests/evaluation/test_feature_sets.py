"""Two sets of features checked against each other."""

import numpy as np
import pytest
from feature_making import at_angles, features_of

from videossl.evaluation import clip_retrieval


def recalls(result):
    return {name: value for name, value in result.items() if name.startswith('R@')}


def test_an_unreadable_query_counts_as_wrong_and_an_unreadable_gallery_video_is_left_out_and_both_are_named():
    gallery = features_of([[0, 0], [1, 0], [0, 1]], [0, 1, 0], readable=[False, True, True])
    queries = features_of([[0, 1], [0, 0], [1, 0]], [0, 1, 1], readable=[True, False, True])
    for center in (False, True):
        result = clip_retrieval(gallery, queries, ks=(1, 2), center=center)
        assert recalls(result) == {'R@1': 2 / 3, 'R@2': 2 / 3}  # of three, not of two
        assert any('gallery: 1 of 3' in note and '0.mp4' in note and 'left out' in note for note in result['notes'])
        assert any('queries: 1 of 3' in note and '1.mp4' in note and 'wrong' in note for note in result['notes'])


def test_classes_that_the_gallery_lacks_are_named_and_their_queries_cannot_hit():
    gallery = features_of(at_angles([0, 10]), [0, 1])
    result = clip_retrieval(gallery, features_of(at_angles([0, 0, 0, 0]), [0, 5, 5, 3]), ks=[2])
    assert recalls(result) == {'R@2': 0.25}
    assert any('2 classes' in note and '3 of 4' in note and '3, 5' in note for note in result['notes'])


@pytest.mark.parametrize(
    'name, values',
    [
        ('clip_len', (16, 8)),
        ('frame_interval', (1, 2)),
        ('size', (112, 224)),
        ('resize', ([171, 128], 128)),
        ('pooling', ('avg', 'max')),
        ('precision', ('fp32', 'bf16')),
        ('pixels', (dict(mean=[0.0], std=[1.0]), dict(mean=[0.0], std=[255.0]))),
        ('weights', ('a', 'b')),
        ('checkpoint', ('a.pth', 'b.pth')),
    ],
)
def test_sets_that_were_extracted_in_two_ways_are_told_apart(name, values):
    key = 'weights_sha256' if name == 'weights' else name
    first, second = (features_of(np.ones((2, 3)), [0, 1], **{key: value}) for value in values)
    assert not clip_retrieval(first, first, ks=[1])['notes']
    assert clip_retrieval(first, second, ks=[1])['notes'] == [
        f'gallery and queries were not extracted alike; they differ in {name}'
    ]


def test_the_same_weights_under_two_names_and_other_numbers_of_views_are_no_difference():
    first = features_of(np.ones((2, 2, 3)), [0, 1], weights_sha256='a', checkpoint='a.pth', num_clips=2, crops=1)
    second = features_of(np.ones((2, 3, 3)), [0, 1], weights_sha256='a', checkpoint='b.pth', num_clips=1, crops=3)
    assert not clip_retrieval(first, second, ks=[1])['notes']


def good(**changes):
    return features_of(**{**dict(views=np.ones((3, 2, 4)), labels=[0, 1, 2]), **changes})


@pytest.mark.parametrize(
    'gallery, queries, words',
    [
        (good(), good(labels=None), ['queries', 'no labels', 'list.txt']),
        (good(labels=None), good(), ['gallery', 'no labels']),
        (good(), good(views=np.ones((0, 2, 4)), labels=[]), ['queries', 'empty', 'list.txt']),
        (good(views=np.ones((0, 2, 4)), labels=[]), good(), ['gallery', 'empty']),
        (good(), good(views=np.ones((3, 2, 5))), ['4 channels', '5']),
        (good(readable=[False] * 3), good(), ['gallery', 'none of the 3', 'data root']),
        (good(), good(readable=[False] * 3), ['queries', 'none of the 3']),
        (good(views=np.full((3, 2, 4), np.nan)), good(), ['gallery', 'not a number', 'diverge']),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(gallery, queries, words):
    with pytest.raises(ValueError) as error:
        clip_retrieval(gallery, queries)
    assert all(word in str(error.value) for word in words), error.value
