"""An argument that a part cannot take is refused with its name and its value."""

import pytest

from videossl.checks import check_choice, check_finite, check_integer, check_positive, check_share, checked_size
from videossl.errors import ConfigError


@pytest.mark.parametrize(
    ('check', 'accepted', 'refused'),
    [
        (check_integer, [1, 7], [0, -1, 1.0, True, '1', None]),
        (check_positive, [1, 0.5], [0, -0.5, float('nan'), float('inf'), True, '1', None]),
        (check_finite, [1, 0, -0.5], [float('nan'), float('-inf'), True, '1', None, [1]]),
        (check_share, [0, 1, 0.5], [-0.1, 1.1, float('nan'), True, '1', None]),
        (lambda name, value: check_choice(name, value, ('conv', None)), ['conv', None], ['linear', 1]),
    ],
)
def test_each_check_accepts_what_fits_and_names_what_does_not(check, accepted, refused):
    for value in accepted:
        check('width', value)
    for value in refused:
        with pytest.raises(ConfigError) as error:
            check('width', value)
        assert str(error.value).startswith('width must be ') and repr(value) in str(error.value)


def test_infinity_is_positive_where_asked_for():
    check_positive('size', float('inf'), finite=False)


def test_the_least_integer_can_be_another_one():
    check_integer('gap', 0, 0)
    with pytest.raises(ValueError, match='at least 2'):
        check_integer('tuple_len', 1, 2)


def test_a_size_is_a_pair_one_number_for_both_or_none():
    assert [checked_size('size', size) for size in (56, (7, 9), [7, 9], None)] == [(56, 56), (7, 9), (7, 9), None]


@pytest.mark.parametrize('size', [1, (2,), (2, 1), (2, 2.5), (2, 3, 4), 'ab'])
def test_other_sizes_are_refused_by_name(size):
    with pytest.raises(ConfigError, match='^input_size must be .*at least 2'):
        checked_size('input_size', size, minimum=2)
