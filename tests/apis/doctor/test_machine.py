"""The machine and its packages are described, and what is known to go wrong is found."""

import importlib.metadata
import os

import pytest
import torch

from videossl import compat
from videossl.apis.doctor.machine import core_quota, describe_machine, find_traps, list_versions, repairs

SOUND = {
    'torch': '2.13.0+cpu (CPU build)',
    'mmcv-lite': '2.1.0',
    'decord': '0.6.0',
    'opencv-python': '5.0.0.93',
    'opencv-contrib-python': '5.0.0.93',
}
ROOMY = dict(
    device='cpu',
    cores=8,
    threads=8,
    omp_num_threads=None,
    core_quota=None,
    disk_free=2**40,
    shared_memory=2**34,
    nvidia_driver=False,
)


def found_traps(found=(), facts=(), **arguments):
    return [trap for trap in find_traps({**SOUND, **dict(found)}, {**ROOMY, **dict(facts)}, **arguments) if trap.found]


def test_a_sound_machine_has_no_trap():
    assert not found_traps() and not found_traps(torchvision_needs='2.13.0')


@pytest.mark.parametrize(
    'found, facts, remedy',
    [
        ({'opencv-python-headless': '4.8.0'}, {}, 'opencv-python-headless 4.8.0'),
        ({'mmcv': '2.1.0'}, {}, 'folder mmcv'),
        ({'mmcv-lite': '2.2.0'}, {}, 'mmcv-lite>=2.0.1,<2.2'),
        ({'decord2': '3.4.0'}, {}, 'imported as decord'),
        ({'torch': '2.5.1 (CPU build)'}, {}, '2.6'),
        ({}, dict(nvidia_driver=True), 'CUDA build'),
        ({}, dict(core_quota=2.5), 'OMP_NUM_THREADS=2'),
        ({}, dict(omp_num_threads='1', threads=1), '1 of 8 cores'),
        ({}, dict(shared_memory=2**26), '--shm-size'),
        ({}, dict(disk_free=2**20), '--work-dir'),
    ],
)
def test_each_trap_is_found_alone_with_its_remedy(found, facts, remedy):
    (trap,) = found_traps(found, facts)
    assert remedy in trap.remedy


def test_a_torchvision_of_another_torch_is_a_trap():
    (trap,) = found_traps({'torchvision': '0.20.1'}, torchvision_needs='2.5.1')
    assert '0.20.1' in trap.remedy and '2.5.1' in trap.remedy and '2.13.0' in trap.remedy


def test_the_limit_of_a_container_is_read(tmp_path):
    assert core_quota(str(tmp_path)) is None
    (tmp_path / 'cpu').mkdir()
    for name, value in (('quota', -1), ('period', 100000)):
        (tmp_path / 'cpu' / f'cpu.cfs_{name}_us').write_text(f'{value}\n')
    assert core_quota(str(tmp_path)) is None
    (tmp_path / 'cpu' / 'cpu.cfs_quota_us').write_text('50000\n')
    assert core_quota(str(tmp_path)) == 0.5
    (tmp_path / 'cpu.max').write_text('250000 100000\n')
    assert core_quota(str(tmp_path)) == 2.5
    (tmp_path / 'cpu.max').write_text('max 100000\n')
    assert core_quota(str(tmp_path)) is None


def test_versions_and_repairs_are_those_of_this_process():
    assert (
        list_versions()['mmengine'] == importlib.metadata.version('mmengine')
        and torch.__version__ in list_versions()['torch']
    )
    assert set(repairs()) == set(compat.applied)
    assert 'mmaction2#2714' in repairs().get('stub_missing_drn', 'mmaction2#2714')
    assert all(reason and '``' not in reason and '\n' not in reason for reason in repairs().values())
    assert 1 <= describe_machine()['cores'] <= os.cpu_count()
