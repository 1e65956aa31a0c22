"""Statistics of a study: intervals over seeds, paired differences, the error of a finite test set, nested label subsets."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from videossl.checks import check_integer, check_share


@dataclass(frozen=True)
class Interval:
    """A mean and its t-interval.

    Attributes:
        mean: of the values.
        half_width: of the interval; None for a single value.
        confidence: of the interval, between 0 and 1.
        number: of values.
    """

    mean: float
    half_width: float | None
    confidence: float
    number: int

    @property
    def low(self) -> float | None:
        return None if self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float | None:
        return None if self.half_width is None else self.mean + self.half_width

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside of the interval. False for a single value, and where 0 is its end but for rounding."""
        return self.half_width is not None and abs(self.mean) > self.half_width + 1e-9


def t_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Mean of independent values, with the interval of Student's t: mean ± t(n - 1) s / sqrt(n).

    Student, "The Probable Error of a Mean", 1908. The values are taken to be normally distributed; s is the standard
    deviation with n - 1 in the denominator.

    Args:
        values: at least one, e.g. the accuracies of all seeds.
        confidence: probability that such an interval covers the true mean.

    Raises:
        ValueError: no values, a value that is not finite, or a confidence outside of (0, 1).
    """
    from scipy import stats  # here: it takes a second to import

    numbers = np.asarray(list(values), dtype=np.float64)
    if numbers.ndim != 1 or len(numbers) == 0 or not np.isfinite(numbers).all():
        raise ValueError(f'an interval needs at least one finite number, got {values!r}')
    if not 0 < confidence < 1:
        raise ValueError(f'confidence must be between 0 and 1, got {confidence!r}')
    count = len(numbers)
    half_width = None
    if count > 1:
        half_width = float(stats.t.ppf((1 + confidence) / 2, count - 1) * numbers.std(ddof=1) / sqrt(count))
    return Interval(float(numbers.mean()), half_width, confidence, count)


def over_seeds(values: Sequence[float], number: int, confidence: float = 0.95) -> Interval:
    """The t-interval of accuracies on ``number`` test videos, or of their differences. Seeds that happen to give the same number
    would leave no width, and do not show that others will give it, too: then it is one test video to each side.
    """
    interval = t_interval(values, confidence)
    agree = interval.half_width is not None and np.ptp(values) < 1e-9
    return replace(interval, half_width=1 / number) if agree else interval


def paired_difference(
    values: dict[Hashable, float], baseline: dict[Hashable, float], number: int, confidence: float = 0.95
) -> Interval | None:
    """Interval of the mean difference between two rows, seed by seed.

    The variance that both rows of a seed share (the few labels, the videos) cancels, so this interval is narrower than those
    of the two rows where they are correlated.

    Args:
        values, baseline: accuracy by seed. A seed that only one of them has is left out.
        number: of test videos, see :func:`over_seeds`.
        confidence: see :func:`t_interval`.

    Returns:
        The interval of ``values - baseline``; None where they share no seed.
    """
    shared = [seed for seed in values if seed in baseline]
    return over_seeds([values[seed] - baseline[seed] for seed in shared], number, confidence) if shared else None


def binomial_standard_error(accuracy: float, number: int) -> float:
    """Standard error of an accuracy that was measured on ``number`` test videos: sqrt(p (1 - p) / n).

    It estimates how much the accuracy would vary with other test videos of the same kind, which runs with other seeds do not
    show.

    Raises:
        ValueError: the accuracy lies outside of 0..1, or there are no videos.
    """
    check_share('accuracy', accuracy)
    check_integer('number of test videos', number)
    return sqrt(accuracy * (1 - accuracy) / number)


def difference_standard_error(first: float, second: float, number: int) -> float:
    """Standard error of the difference of two accuracies on the same ``number`` test videos, as if they were independent.

    Two nets tend to fail on the same videos, so the true error is smaller, seldom larger.
    """
    return sqrt(binomial_standard_error(first, number) ** 2 + binomial_standard_error(second, number) ** 2)


def nested_subsets(labels: Sequence[int], counts: Iterable[int], seed: int) -> dict[int, list[int]]:
    """Random subsets with a number of videos of each class, each subset within the next larger one.

    Args:
        labels: of the videos.
        counts: videos of each class. A class that has fewer gives all it has.
        seed: of the choice. NumPy guarantees that the draws of this generator never change.

    Returns:
        By count, in ascending order, the indices into ``labels``, in ascending order.

    Raises:
        ValueError: a count is not a positive integer.
    """
    counts = sorted(set(counts))
    for count in counts:
        check_integer('each of counts', count)
    classes = np.asarray(labels)
    generator = np.random.RandomState(seed)
    orders = [generator.permutation(np.flatnonzero(classes == label)) for label in np.unique(classes)]
    return {count: sorted(int(index) for order in orders for index in order[:count]) for count in counts}
