"""What a machine and its Python packages are: versions, devices, cores, memory, repairs, and traps that are known."""

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
from videossl.engine.hooks.precision_hook import cpu_has_bf16
from videossl.version import __version__

OPENCV = ('opencv-python', 'opencv-contrib-python', 'opencv-python-headless', 'opencv-contrib-python-headless')
PACKAGES = (
    'torch',
    'torchvision',
    'mmengine',
    'mmcv',
    'mmcv-lite',
    'mmaction2',
    'decord',
    'decord2',
    'numpy',
    *OPENCV,
    'av',
)
OPTIONAL = ('torchvision', 'mmcv', 'decord2', *OPENCV[1:])  # not missed where they are not installed
GIB = 2**30
SMALL_SHARED_MEMORY = GIB  # Docker's default is 64 MiB
SMALL_DISK = 2 * GIB  # some checkpoints


@dataclass
class Trap:
    """Something that is known to go wrong: its name, whether it is there, and if so what to do."""

    name: str
    found: bool
    remedy: str = ''


def installed_version(package: str) -> str | None:
    """The version of a distribution, None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str | None]:
    """Version of Python, videossl and each package that matters; None: not installed, and not needed if optional."""
    found = dict(python=platform.python_version(), videossl=__version__)
    for name in PACKAGES:
        version = installed_version(name)
        if version is not None or name not in OPTIONAL:
            found[name] = version
    build = (
        f'CUDA {torch.version.cuda}'
        if torch.version.cuda
        else f'ROCm {torch.version.hip}'
        if torch.version.hip
        else 'CPU'
    )
    found['torch'] = f'{torch.__version__} ({build} build)'
    return found


def repairs() -> dict[str, str]:
    """What :mod:`videossl.compat` repaired in this process, each with the reason it gives, in a sentence."""
    reasons = {}
    for name in compat.applied:
        text = ' '.join((getattr(getattr(compat, name, None), '__doc__', None) or '').split()).replace('``', '')
        reasons[name] = re.split(r'(?<=[a-z)\]])\. (?=[A-Z])', text)[0].rstrip('.')
    return reasons


def core_quota(root: str = '/sys/fs/cgroup') -> float | None:
    """Cores' worth of time that a container may use, where it is limited (cgroup 2, then 1)."""
    words = _read(osp.join(root, 'cpu.max')).split()
    if not words:
        words = [_read(osp.join(root, 'cpu', f'cpu.cfs_{name}_us')).strip() for name in ('quota', 'period')]
    if len(words) != 2 or not all(word.isdigit() and int(word) for word in words):
        return None
    return int(words[0]) / int(words[1])


def memory() -> tuple[int | None, int | None]:
    """Bytes of memory, and those available; None where the system does not say. A container's own limit counts."""
    sizes = dict(re.findall(r'^(\w+):\s+(\d+) kB', _read('/proc/meminfo'), re.MULTILINE))
    total, available = (int(sizes[name]) * 1024 if name in sizes else None for name in ('MemTotal', 'MemAvailable'))
    if total is None and hasattr(os, 'sysconf') and 'SC_PHYS_PAGES' in os.sysconf_names:
        total = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    limit = _read('/sys/fs/cgroup/memory.max').strip()
    if limit.isdigit() and total is not None and int(limit) < total:
        total = int(limit)
        used = _read('/sys/fs/cgroup/memory.current').strip()
        if used.isdigit() and available is not None:
            available = min(available, max(total - int(used), 0))
    return total, available


def cpu_name() -> str:
    """What the processor calls itself."""
    found = re.search(r'^model name\s*:\s*(.+)$', _read('/proc/cpuinfo'), re.MULTILINE)
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def machine(folder: str = '.') -> dict:
    """Facts about the machine as plain values; sizes in bytes, None where the system does not say.

    Args:
        folder: its disk's free space is told.
    """
    total, available = memory()
    devices = (
        [
            dict(name=torch.cuda.get_device_name(number), memory=torch.cuda.get_device_properties(number).total_memory)
            for number in range(torch.cuda.device_count())
        ]
        if torch.cuda.is_available()
        else []
    )
    return dict(
        system=platform.platform(),
        device=get_device(),
        accelerators=devices,
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


def traps(found: dict[str, str | None], facts: dict, torchvision_needs: str | None = None) -> list[Trap]:
    """Known traps, found or not.

    Args:
        found: :func:`versions`.
        facts: :func:`machine`.
        torchvision_needs: the release of torch that the installed torchvision was built for.
    """
    opencv = {name: found[name] for name in OPENCV if found.get(name)}
    mmcv = found.get('mmcv') or found.get('mmcv-lite') or '0.0'
    torch_version = found['torch'].split()[0].partition('+')[0]
    quota, shared = facts['core_quota'], facts['shared_memory']
    threads_held = facts['omp_num_threads'] and facts['device'] == 'cpu' and facts['threads'] < facts['cores']
    return [
        Trap(
            'packages of OpenCV in different releases',
            len(set(opencv.values())) > 1,
            f'{", ".join(f"{name} {version}" for name, version in opencv.items())} write the same folder cv2; install the '
            'same release of each, or keep one',
        ),
        Trap(
            'mmcv beside mmcv-lite',
            bool(found.get('mmcv') and found.get('mmcv-lite')),
            'both write the folder mmcv; pip uninstall both, then install one of them',
        ),
        Trap(
            'mmcv 2.2 or newer, which mmaction2 refuses',
            _numbers(mmcv) >= (2, 2),
            f'{mmcv} is installed: pip uninstall -y mmcv mmcv-lite && pip install "mmcv-lite>=2.0.1,<2.2"',
        ),
        Trap(
            'decord beside decord2',
            bool(found.get('decord') and found.get('decord2')),
            'both are imported as decord; pip uninstall both, then install one of them',
        ),
        Trap(
            'torchvision of another torch',
            torchvision_needs not in (None, torch_version),
            f'torchvision {found.get("torchvision")} was built for torch {torchvision_needs}, not {torch_version}, and may '
            'fail when it is imported; nothing here needs it: pip uninstall torchvision',
        ),
        Trap(
            'torch older than 2.6',
            _numbers(torch_version) < (2, 6),
            'its torch.load does not keep to plain types by itself: install torch 2.6 or newer',
        ),
        Trap(
            'a GPU that this build of torch cannot use',
            facts['nvidia_driver'] and facts['device'] == 'cpu',
            'an NVIDIA driver is there, but torch sees no GPU: install the CUDA build of torch that the driver allows',
        ),
        Trap(
            'fewer cores allowed than visible',
            quota is not None and quota < facts['cores'],
            f'the container may use {quota or 0:g} of {facts["cores"]} visible cores: torch and the loader start too many '
            f'threads; set OMP_NUM_THREADS={max(int(quota or 1), 1)} and few train_dataloader.num_workers',
        ),
        Trap(
            'OMP_NUM_THREADS holds the training step back',
            bool(threads_held),
            f'OMP_NUM_THREADS={facts["omp_num_threads"]} leaves the step {facts["threads"]} of {facts["cores"]} cores: '
            'unset it',
        ),
        Trap(
            'a small /dev/shm',
            shared is not None and shared < SMALL_SHARED_MEMORY,
            f'{as_gib(shared)}: batches of loader workers go through it, which end with a bus error when it is full; '
            'start the container with --shm-size=8g, or set train_dataloader.num_workers=0',
        ),
        Trap(
            'a disk almost full',
            facts['disk_free'] < SMALL_DISK,
            f'{as_gib(facts["disk_free"])} are free here; checkpoints go to the work folder: set --work-dir elsewhere',
        ),
    ]


def torch_that_torchvision_needs() -> str | None:
    """The release of torch that the installed torchvision names; None without torchvision."""
    if installed_version('torchvision') is None:
        return None
    for requirement in importlib.metadata.requires('torchvision') or ():
        pinned = re.match(r'torch\s*\(?==\s*([\d.]+)', requirement)
        if pinned:
            return pinned.group(1)
    return None


def as_gib(size: int | None) -> str:
    """Bytes as text."""
    return 'unknown' if size is None else f'{size / GIB:.1f} GiB' if size >= 0.1 * GIB else f'{size / 2**20:.0f} MiB'


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r'\d+', version)[:2])


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ''
