"""What the tests of models share: seeded noise, labelled samples, and a net small enough to compute by hand."""

from collections.abc import Callable

import pytest
import torch
from mmaction.structures import ActionDataSample
from torch import Tensor
from torch.nn import functional as F


@pytest.fixture(autouse=True)
def seeded():
    """The same random numbers in every run."""
    torch.manual_seed(0)


@pytest.fixture
def unit_rows() -> Callable[..., Tensor]:
    """A function from a number of rows and a dimension to random rows of length 1."""
    return lambda rows, dim: F.normalize(torch.randn(rows, dim), dim=1)


@pytest.fixture
def samples_with() -> Callable[..., list[ActionDataSample]]:
    """A function from ``label=rows`` to data samples, one for each row of labels."""

    def build(**labels) -> list[ActionDataSample]:
        samples = [ActionDataSample() for _ in next(iter(labels.values()))]
        for name, rows in labels.items():
            for sample, row in zip(samples, rows, strict=True):
                sample.set_field(torch.as_tensor(row), name)
        return samples

    return build
