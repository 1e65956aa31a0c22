"""The states of the generators of random numbers."""

import os
import random

import numpy as np
import pytest
import torch

from videossl.random_states import kept_random_states, random_states, set_random_states


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """Hundreds of checkpoints are written here: none needs to outlast a power cut, or to know git's last commit."""
    monkeypatch.setattr(os, 'fsync', lambda descriptor: None)
    monkeypatch.setattr('mmengine.runner.runner.get_git_hash', lambda: '')


# --------------------------------------------------------------------------------------------------------- the parts
def test_random_states_are_plain_and_come_back(tmp_path):
    torch.save(random_states(), tmp_path / 'states.pth')
    states = torch.load(tmp_path / 'states.pth', weights_only=True)
    expected = [random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), float(torch.rand(1))]
    set_random_states(states)
    drawn = [random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), float(torch.rand(1))]
    assert drawn == expected


def test_random_states_are_kept_also_over_an_error():
    torch.manual_seed(5)
    expected = float(torch.rand(1))
    torch.manual_seed(5)
    with pytest.raises(ValueError), kept_random_states():
        torch.rand(3)
        raise ValueError
    assert float(torch.rand(1)) == expected
