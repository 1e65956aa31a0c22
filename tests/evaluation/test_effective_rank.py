"""The effective rank against closed forms."""

import numpy as np
import pytest

from videossl.evaluation import effective_rank


def rotated(matrix: np.ndarray) -> np.ndarray:
    """The same singular values, in other directions."""
    generator = np.random.default_rng(0)
    left, right = (np.linalg.qr(generator.normal(size=(size, size)))[0] for size in matrix.shape)
    return left @ matrix @ right


@pytest.mark.parametrize('shape', [(6, 6), (9, 4), (3, 8)])
def test_equal_singular_values_count_in_full(shape):
    assert effective_rank(rotated(5 * np.eye(*shape))) == pytest.approx(min(shape))


def test_unequal_ones_count_by_their_entropy():
    # Shares 1/2, 1/4, 1/4: an entropy of 1.5 bits.
    assert effective_rank(rotated(np.diag([2.0, 1.0, 1.0]))) == pytest.approx(2**1.5)


def test_rows_that_are_multiples_of_one_another_have_rank_one_whatever_their_mean():
    assert effective_rank(np.outer([1.0, -2.0, 3.0], [0.5, 1.0])) == pytest.approx(1)
    assert effective_rank(np.full((7, 3), 4.0)) == pytest.approx(1), 'the mean counts: it is not subtracted'


def test_views_count_as_rows_and_zeros_have_no_rank():
    features = np.random.default_rng(1).normal(size=(5, 2, 4)).astype(np.float32)
    assert effective_rank(features) == pytest.approx(effective_rank(features.reshape(10, 4)))
    assert effective_rank(np.zeros((3, 4))) == 0


@pytest.mark.parametrize('features', [np.ones(3), np.ones((0, 4)), np.array([[1.0, np.nan]])])
def test_what_has_no_rank_is_refused(features):
    with pytest.raises(ValueError, match='needs finite features'):
        effective_rank(features)
