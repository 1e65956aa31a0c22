"""Checks of arguments. Each raises a ConfigError, which is a ValueError, that names the argument and the value."""

import math
from collections.abc import Collection, Sequence
from numbers import Integral, Real
from typing import Any

from videossl.errors import ConfigError


def check_integer(name: str, value: Any, minimum: int = 1) -> None:
    """Refuse everything but integers (NumPy's too) of at least ``minimum``; True and False are not integers here."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < minimum:
        raise ConfigError(f'{name} must be an integer of at least {minimum}, got {value!r}')


def check_positive(name: str, value: Any, finite: bool = True) -> None:
    """Refuse everything but numbers above 0; NaN is refused, and infinity unless ``finite=False``."""
    if not is_number(value, finite) or not float(value) > 0:
        raise ConfigError(f'{name} must be positive, got {value!r}')


def check_finite(name: str, value: Any) -> None:
    """Refuse everything but numbers; NaN and infinity are refused."""
    if not is_number(value):
        raise ConfigError(f'{name} must be a finite number, got {value!r}')


def is_number(value: Any, finite: bool = True) -> bool:
    """Whether a value is a number (NumPy's too), finite if asked for; True and False are not numbers here."""
    return isinstance(value, Real) and not isinstance(value, bool) and (not finite or math.isfinite(value))


def check_share(name: str, value: Any) -> None:
    """Refuse everything but numbers from 0 to 1: probabilities and shares."""
    if not is_number(value) or not 0 <= float(value) <= 1:
        raise ConfigError(f'{name} must be a number from 0 to 1, got {value!r}')


def check_choice(name: str, value: Any, choices: Collection[Any]) -> None:
    """Refuse a value that is not among the choices."""
    if value not in choices:
        raise ConfigError(f'{name} must be one of {", ".join(map(repr, choices))}, got {value!r}')


def checked_size(name: str, size: int | Sequence[int] | None, minimum: int = 1) -> tuple[int, int] | None:
    """(height, width) of integers of at least ``minimum``, from a pair or one number for both; None stays None."""
    if size is None:
        return None
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or not all(isinstance(side, int) and side >= minimum for side in pair):
        raise ConfigError(
            f'{name} must be (height, width) or one number for both, of at least {minimum}, or None, got {size!r}'
        )
    return pair
