"""Loader workers and computation share the cores of a machine."""

import os

import pytest
import torch
from mmengine.config import ConfigDict

import videossl.cores as cores_module
from videossl.cores import cores_of_process, share_cores


def pretend(monkeypatch, cores: int, device: str = 'cpu', processes: int | None = None) -> None:
    """Pretend a number of cores, a device and processes of torchrun."""
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: set(range(cores)), raising=False)
    monkeypatch.setattr(cores_module, 'get_device', lambda: device)
    monkeypatch.delenv('LOCAL_WORLD_SIZE', raising=False)
    if processes is not None:
        monkeypatch.setenv('LOCAL_WORLD_SIZE', str(processes))


@pytest.mark.parametrize(
    'cores, device, wanted, expected',
    [
        (2, 'cpu', 8, 0),
        (4, 'cpu', 8, 1),
        (16, 'cpu', 8, 4),
        (64, 'cpu', 8, 8),
        (64, 'cpu', 0, 0),
        (2, 'cuda', 8, 1),
        (1, 'cuda', 8, 0),
        (16, 'cuda', 8, 8),
    ],
)
def test_the_number_of_workers_fits_the_machine(monkeypatch, cores, device, wanted, expected):
    pretend(monkeypatch, cores, device)
    changed = ConfigDict(num_workers=wanted, persistent_workers=True, pin_memory=True, prefetch_factor=4)
    share_cores(changed, 'train')
    assert changed.num_workers == expected
    # What the DataLoader refuses with no worker:
    assert changed.persistent_workers == (expected > 0)
    assert ('prefetch_factor' in changed) == (expected > 0)
    assert changed.pin_memory == (device != 'cpu')
    torch.utils.data.DataLoader([0], **dict(changed, pin_memory=False))


def test_a_loader_that_says_nothing_of_workers_gets_none():
    changed = ConfigDict(persistent_workers=True)
    share_cores(changed, 'train')
    assert changed.num_workers == 0 and changed.persistent_workers is False


@pytest.mark.parametrize(
    'wanted, asked, workers, left',
    [(8, False, 4, 12), (8, True, 8, 8), (3, False, 3, 13), (15, True, 15, 1), (40, True, 40, 1), (0, True, 0, 16)],
)
def test_a_number_typed_by_the_user_is_kept_and_the_cores_that_workers_leave_are_told(
    monkeypatch, wanted, asked, workers, left
):
    pretend(monkeypatch, 16)
    changed = ConfigDict(num_workers=wanted, persistent_workers=True)
    assert share_cores(changed, 'train', asked) == left
    assert changed.num_workers == workers


@pytest.mark.parametrize('cores, processes, expected', [(16, None, 16), (16, 4, 4), (2, 4, 1), (7, 2, 3)])
def test_processes_of_one_machine_share_its_cores(monkeypatch, cores, processes, expected):
    pretend(monkeypatch, cores, processes=processes)
    assert cores_of_process() == expected
