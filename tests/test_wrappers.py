"""Models and data sets inside wrappers."""

from types import SimpleNamespace

import pytest
from mmengine.config import ConfigDict
from mmengine.registry import MODEL_WRAPPERS
from torch import nn

from videossl.wrappers import innermost_dataset, innermost_datasets, unwrap


@pytest.fixture
def wrapped(monkeypatch):
    """A model inside what mmengine takes for a distributed wrapper."""

    class Wrapper(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

    monkeypatch.setitem(MODEL_WRAPPERS.module_dict, 'Wrapper', Wrapper)
    return Wrapper(nn.Linear(2, 2))


def test_the_model_inside_a_wrapper_is_found_and_a_model_with_a_part_of_that_name_stays_whole(wrapped):
    assert unwrap(wrapped) is wrapped.module
    whole = nn.Module()
    whole.module = nn.Linear(2, 2)
    assert unwrap(whole) is whole


def test_the_config_of_the_data_set_inside_wrappers_is_found():
    inner = dict(type='VideoDataset', ann_file='list.txt')
    config = ConfigDict(type='RepeatDataset', dataset=dict(type='RepeatDataset', dataset=inner))
    assert innermost_dataset(config).ann_file == 'list.txt'
    assert innermost_dataset(ConfigDict(inner)).type == 'VideoDataset'


def test_the_data_sets_inside_repeating_and_joining_ones_are_found_once_each():
    first, second = SimpleNamespace(), SimpleNamespace()
    joined = SimpleNamespace(datasets=[SimpleNamespace(dataset=first), second])
    found = innermost_datasets(SimpleNamespace(dataset=joined))
    assert len(found) == 2 and found[0] is first and found[1] is second
