"""Statistics of studies, against closed forms and tables."""

from math import pi, sqrt, tan

import numpy as np
import pytest

from videossl.evaluation.statistics import (
    Interval,
    binomial_standard_error,
    difference_standard_error,
    nested_subsets,
    over_seeds,
    paired_difference,
    t_interval,
)


def test_two_values_have_the_interval_of_the_cauchy_distribution():
    # With one degree of freedom the t-distribution is Cauchy's, whose quantile is tan(pi (p - 1/2)).
    interval = t_interval([3.0, 5.0], confidence=0.9)
    assert interval.mean == 4 and interval.number == 2
    assert interval.half_width == pytest.approx(tan(pi * 0.45) * sqrt(2) / sqrt(2))
    assert (interval.low, interval.high) == pytest.approx((4 - tan(pi * 0.45), 4 + tan(pi * 0.45)))


def test_three_values_have_the_closed_form_of_two_degrees_of_freedom():
    # t = a sqrt(2 / (1 - a^2)) for the two-sided confidence a.
    quantile = 0.95 * sqrt(2 / (1 - 0.95**2))
    assert t_interval([1.0, 2.0, 6.0]).half_width == pytest.approx(quantile * sqrt(7) / sqrt(3))


@pytest.mark.parametrize(('number', 'quantile'), [(5, 2.776), (10, 2.262), (30, 2.045)])
def test_the_quantiles_are_those_of_the_tables(number, quantile):
    values = np.arange(number, dtype=float)
    assert t_interval(values).half_width == pytest.approx(quantile * values.std(ddof=1) / sqrt(number), rel=3e-4)


def test_intervals_cover_the_true_mean_as_often_as_they_say():
    draws = np.random.RandomState(0).normal(7, 3, size=(2000, 4))
    intervals = [t_interval(row, 0.8) for row in draws]
    assert np.mean([interval.low <= 7 <= interval.high for interval in intervals]) == pytest.approx(0.8, abs=0.03)


def test_a_single_value_has_no_interval_and_excludes_nothing():
    interval = t_interval([2.0])
    assert interval.mean == 2 and interval.half_width is None and interval.low is None and not interval.excludes_zero


@pytest.mark.parametrize(('values', 'confidence'), [([], 0.95), ([1.0, float('nan')], 0.95), ([1.0, 2.0], 1.0)])
def test_what_has_no_interval_is_refused(values, confidence):
    with pytest.raises(ValueError):
        t_interval(values, confidence)


def test_a_paired_difference_leaves_out_what_both_share():
    seeds = {seed: 10.0 * seed for seed in range(4)}
    better = {seed: value + shift for (seed, value), shift in zip(seeds.items(), (1.0, 2.0, 3.0, 2.0))}
    difference = paired_difference(better, seeds, 400)
    assert difference.mean == 2 and difference.excludes_zero
    assert difference.half_width == pytest.approx(t_interval([1.0, 2.0, 3.0, 2.0]).half_width)
    assert paired_difference(seeds, better, 400).mean == -2
    assert t_interval(list(better.values())).half_width > 10 * difference.half_width


def test_a_paired_difference_takes_only_the_seeds_of_both():
    assert paired_difference({0: 1.0, 1: 5.0, 2: 9.0}, {1: 3.0, 2: 6.0, 7: 0.0}, 400).number == 2
    assert paired_difference({0: 1.0}, {1: 1.0}, 400) is None


def test_seeds_that_agree_leave_the_width_of_one_test_video():
    assert over_seeds([0.9, 0.9, 0.9], 30) == Interval(pytest.approx(0.9), 1 / 30, 0.95, 3)
    assert over_seeds([0.3 + 0.6, 0.9], 30).half_width == 1 / 30, 'rounding is no difference'
    assert over_seeds([0.9, 0.9, 0.8], 30) == t_interval([0.9, 0.9, 0.8]) and over_seeds([0.9], 30).half_width is None
    assert not paired_difference({0: 0.5, 1: 0.6}, {0: 0.47, 1: 0.57}, 30).excludes_zero
    assert paired_difference({0: 0.5, 1: 0.6}, {0: 0.4, 1: 0.5}, 30).excludes_zero


@pytest.mark.parametrize('number', [30, 105, 400])
def test_seeds_that_agree_on_one_test_video_show_no_difference_and_on_two_they_do(number):
    for right in range(number - 1):
        for more, expected in ((1, False), (2, True)):
            first, second = ({seed: count / number for seed in range(3)} for count in (right + more, right))
            assert paired_difference(first, second, number).excludes_zero == expected


def test_an_interval_that_reaches_zero_does_not_exclude_it():
    assert not t_interval([-1.0, 1.0, 0.5]).excludes_zero
    assert not t_interval([0.0, 0.0]).excludes_zero
    assert t_interval([-2.0, -2.1, -1.9]).excludes_zero


def test_the_binomial_error_is_that_of_a_mean_of_right_and_wrong():
    outcomes = np.array([1] * 30 + [0] * 70)
    assert binomial_standard_error(0.3, 100) == pytest.approx(outcomes.std() / sqrt(100))
    assert binomial_standard_error(0.5, 30) == pytest.approx(0.0913, abs=1e-4)
    assert binomial_standard_error(1.0, 30) == 0
    assert difference_standard_error(0.5, 0.5, 30) == pytest.approx(sqrt(2) * binomial_standard_error(0.5, 30))
    for accuracy, number in ((1.2, 10), (0.5, 0)):
        with pytest.raises(ValueError):
            binomial_standard_error(accuracy, number)


LABELS = [0, 1, 2] * 7 + [0] * 5 + [2]


def test_subsets_are_nested_and_have_so_many_of_each_class():
    subsets = nested_subsets(LABELS, (5, 1, 2, 10), seed=3)
    assert list(subsets) == [1, 2, 5, 10]
    smaller: set[int] = set()
    for count, places in subsets.items():
        assert smaller <= set(places) and places == sorted(set(places))
        smaller = set(places)
        for label in range(3):
            there = LABELS.count(label)
            assert sum(LABELS[place] == label for place in places) == min(count, there)


def test_a_subset_depends_on_the_seed_and_not_on_the_other_counts():
    assert nested_subsets(LABELS, [2], 0)[2] == nested_subsets(LABELS, [1, 2, 5], 0)[2]
    assert len({tuple(nested_subsets(LABELS, [2], seed)[2]) for seed in range(8)}) > 4


@pytest.mark.parametrize('counts', [[0], [1.5], ['all']])
def test_a_count_that_is_no_positive_integer_is_refused(counts):
    with pytest.raises((ValueError, TypeError)):
        nested_subsets(LABELS, counts, 0)
