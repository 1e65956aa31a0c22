"""Left and right, found by name."""

import pytest

from videossl.models.teachers import find_left_right_pairs


@pytest.mark.parametrize(
    ('names', 'pairs'),
    [
        (['Background', 'Left-arm', 'Right-arm'], ((1, 2),)),
        (['right_leg', 'hat', 'left_leg'], ((2, 0),)),
        (['LeftShoe', 'RightShoe', 'shoe (left)', 'shoe (right)'], ((0, 1), (2, 3))),
        (['left upper arm', 'left lower arm', 'right lower arm', 'right upper arm'], ((0, 3), (1, 2))),
        (['LEFT HAND', 'right hand'], ((0, 1),)),
        (['Upper Arms', 'bright sky', 'cleft', 'r sky', 'cright'], ()),
        (['left-arm', 'right-leg'], ()),
        ([], ()),
    ],
)
def test_left_and_right_are_found_as_words_of_a_name(names, pairs):
    assert find_left_right_pairs(names) == pairs
