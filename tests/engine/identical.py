"""Comparison of checkpoints, for the tests of what is saved and resumed."""

import torch


def assert_identical(value, other, path: str = '') -> None:
    """Equal bit by bit, however deep, types included."""
    assert type(value) is type(other), path
    if isinstance(value, dict):
        assert value.keys() == other.keys(), path
        for key in value:
            assert_identical(value[key], other[key], f'{path}.{key}')
    elif isinstance(value, (list, tuple)):
        assert len(value) == len(other), path
        for index, (item, other_item) in enumerate(zip(value, other)):
            assert_identical(item, other_item, f'{path}[{index}]')
    elif isinstance(value, torch.Tensor):
        assert value.dtype == other.dtype and torch.equal(value, other), path
    else:
        assert value == other, f'{path}: {value} {other}'
