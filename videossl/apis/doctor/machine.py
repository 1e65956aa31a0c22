"""What a machine and its Python packages are: versions, devices, cores, memory, repairs, and known traps."""

import importlib.metadata
import os
import os.path as osp
import platform
import re
import shutil
from dataclasses import dataclass

import torch
from mmengine.device import get_device

from videossl import compat
from videossl.cores import available_cores
from videossl.memory import machine_memory, read
from videossl.precision import cpu_has_bf16
from videossl.version import OPENCV, all_versions, installed_version

GIB = 2**30
SIZES = ('memory', 'memory_available', 'disk_free', 'shared_memory')  # facts in bytes
SMALL_SHARED_MEMORY = GIB  # Docker's default is 64 MiB
SMALL_DISK = 2 * GIB  # some checkpoints


@dataclass
class Trap:
    """Something that is known to go wrong: its name, whether it was found, and what to do about it."""

    name: str
    found: bool
    remedy: str = ''


def list_versions() -> dict[str, str | None]:
    """:func:`~videossl.version.all_versions`, with the build of torch."""
    build = (
        f'CUDA {torch.version.cuda}'
        if torch.version.cuda
        else f'ROCm {torch.version.hip}'
        if torch.version.hip
        else 'CPU'
    )
    return dict(all_versions(), torch=f'{torch.__version__} ({build} build)')


def repairs() -> dict[str, str]:
    """What :mod:`videossl.compat` repaired in this process, each with the first sentence of its docstring."""
    reasons = {}
    for name in compat.applied:
        text = ' '.join((getattr(getattr(compat, name, None), '__doc__', None) or '').split()).replace('``', '')
        reasons[name] = re.split(r'(?<=[a-z)\]])\. (?=[A-Z])', text)[0].rstrip('.')
    return reasons


def core_quota(root: str = '/sys/fs/cgroup') -> float | None:
    """Cores' worth of time that a container may use (cgroup 2, then 1); None: no limit."""
    words = read(osp.join(root, 'cpu.max')).split()
    if not words:
        words = [read(osp.join(root, 'cpu', f'cpu.cfs_{name}_us')).strip() for name in ('quota', 'period')]
    if len(words) != 2 or not all(word.isdigit() and int(word) for word in words):
        return None
    return int(words[0]) / int(words[1])


def cpu_name() -> str:
    """The processor's name."""
    found = re.search(r'^model name\s*:\s*(.+)$', read('/proc/cpuinfo'), re.MULTILINE)
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def describe_machine(folder: str = '.') -> dict:
    """Facts about the machine as plain values; sizes in bytes, None where the system does not tell.

    Args:
        folder: ``disk_free`` is the free space on its disk.
    """
    total, available = machine_memory()
    devices = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return dict(
        system=platform.platform(),
        device=get_device(),
        accelerators=[f'{device.name}, {as_gib(device.total_memory)}' for device in devices],
        cpu=cpu_name(),
        cores=available_cores(),
        cores_of_machine=os.cpu_count(),
        core_quota=core_quota(),
        threads=torch.get_num_threads(),
        omp_num_threads=os.environ.get('OMP_NUM_THREADS'),
        bf16=torch.cuda.is_bf16_supported(including_emulation=False) if devices else cpu_has_bf16(),
        memory=total,
        memory_available=available,
        disk_free=shutil.disk_usage(folder).free,
        shared_memory=shutil.disk_usage('/dev/shm').total if osp.isdir('/dev/shm') else None,
        nvidia_driver=osp.exists('/proc/driver/nvidia/version'),
    )


def find_traps(versions: dict[str, str | None], facts: dict, torchvision_needs: str | None = None) -> list[Trap]:
    """Known traps, found or not.

    Args:
        versions: :func:`list_versions`.
        facts: :func:`describe_machine`.
        torchvision_needs: the release of torch that the installed torchvision was built for.
    """
    opencv = {name: versions[name] for name in OPENCV if versions.get(name)}
    mmcv = versions.get('mmcv') or versions.get('mmcv-lite') or '0.0'
    torch_version = (versions['torch'] or '').split()[0].partition('+')[0]
    quota, shared, cores, threads = (facts[name] for name in ('core_quota', 'shared_memory', 'cores', 'threads'))
    threads_held = facts['omp_num_threads'] and facts['device'] == 'cpu' and threads < cores
    traps = (
        (
            'packages of OpenCV in different releases',
            len(set(opencv.values())) > 1,
            f'{", ".join(f"{name} {version}" for name, version in opencv.items())} write the same folder cv2; install the '
            'same release of each, or keep one',
        ),
        (
            'mmcv beside mmcv-lite',
            versions.get('mmcv') and versions.get('mmcv-lite'),
            'both write the folder mmcv; pip uninstall both, then install one of them',
        ),
        (
            'mmcv 2.2 or newer, which mmaction2 refuses',
            _numbers(mmcv) >= (2, 2),
            f'{mmcv} is installed: pip uninstall -y mmcv mmcv-lite && pip install "mmcv-lite>=2.0.1,<2.2"',
        ),
        (
            'decord beside decord2',
            versions.get('decord') and versions.get('decord2'),
            'both are imported as decord; pip uninstall both, then install one of them',
        ),
        (
            'torchvision of another torch',
            torchvision_needs not in (None, torch_version),
            f'torchvision {versions.get("torchvision")} was built for torch {torchvision_needs}, not {torch_version}, and '
            'may fail when it is imported; nothing here needs it: pip uninstall torchvision',
        ),
        (
            'torch older than 2.6',
            _numbers(torch_version) < (2, 6),
            'its torch.load does not keep to plain types by itself: install torch 2.6 or newer',
        ),
        (
            'a GPU that this build of torch cannot use',
            facts['nvidia_driver'] and facts['device'] == 'cpu',
            'an NVIDIA driver is there, but torch sees no GPU: install the CUDA build of torch that the driver allows',
        ),
        (
            'fewer cores allowed than visible',
            quota is not None and quota < cores,
            f'the container may use {quota or 0:g} of {cores} visible cores: torch and the loader start too many '
            f'threads; set OMP_NUM_THREADS={max(int(quota or 1), 1)} and few train_dataloader.num_workers',
        ),
        (
            'OMP_NUM_THREADS holds the training step back',
            threads_held,
            f'OMP_NUM_THREADS={facts["omp_num_threads"]} leaves the step {threads} of {cores} cores: unset it',
        ),
        (
            'a small /dev/shm',
            shared is not None and shared < SMALL_SHARED_MEMORY,
            f'{as_gib(shared)}: batches of loader workers go through it, which end with a bus error when it is full; '
            'start the container with --shm-size=8g, or set train_dataloader.num_workers=0',
        ),
        (
            'a disk almost full',
            facts['disk_free'] < SMALL_DISK,
            f'{as_gib(facts["disk_free"])} are free here; checkpoints go to the work folder: set --work-dir elsewhere',
        ),
    )
    return [Trap(name, bool(found), remedy) for name, found, remedy in traps]


def torch_that_torchvision_needs() -> str | None:
    """The release of torch that the installed torchvision names; None without torchvision."""
    if installed_version('torchvision') is None:
        return None
    matches = (re.match(r'torch\s*\(?==\s*([\d.]+)', text) for text in importlib.metadata.requires('torchvision') or ())
    return next((match.group(1) for match in matches if match), None)


def as_gib(size: int | None) -> str:
    """Bytes as text."""
    return 'unknown' if size is None else f'{size / GIB:.1f} GiB' if size >= 0.1 * GIB else f'{size / 2**20:.0f} MiB'


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r'\d+', version)[:2])
