"""Kinetics-100: its classes by the list and by their size."""

import pytest

from videossl.datasets.preparation import PreparationError, kinetics100

CLASSES = ['air_drumming', 'yawning']


def test_the_list_of_kinetics_100_has_100_different_classes_in_alphabetical_order():
    assert len(set(kinetics100.CLASSES)) == 100
    assert list(kinetics100.CLASSES) == sorted(kinetics100.CLASSES)
    assert {'shooting_goal_(soccer)', 'using_remote_controller_(not_gaming)', 'tying_bow_tie', 'stretching_leg'} <= set(
        kinetics100.CLASSES
    )


def test_the_smallest_classes_are_those_of_the_fewest_bytes_not_of_the_fewest_videos():
    videos = [('a', 'many'), ('b', 'many'), ('c', 'one'), ('d', 'tie_2'), ('e', 'tie_1')]
    totals = kinetics100.total_sizes(videos, dict(a=1, b=1, c=100, d=7, e=7))
    assert totals == dict(many=2, one=100, tie_2=7, tie_1=7)
    assert kinetics100.smallest_classes(totals, 2) == ['many', 'tie_1']
    assert kinetics100.smallest_classes(totals, 3) == ['many', 'tie_1', 'tie_2']
    with pytest.raises(PreparationError, match='cannot be chosen from 4'):
        kinetics100.smallest_classes(totals)
