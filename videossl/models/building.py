"""Parts of models, built of their configs."""

from typing import Any

from torch import nn

from videossl.registry import MODELS


def build(part: nn.Module | dict) -> Any:
    """A part, built in videossl's scope where it is a dict.

    The scope matters in configs of other packages: under mmaction2's default scope a bare ``type='C3D'`` inside a pretrainer
    would silently build mmaction2's C3D.
    """
    return MODELS.build({'_scope_': 'videossl', **part}) if isinstance(part, dict) else part
