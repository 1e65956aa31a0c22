"""How much memory this machine has."""

import os
import re

import torch


def machine_memory() -> tuple[int | None, int | None]:
    """Bytes of memory, and available bytes, within a container's limit; None: not known."""
    sizes = {name: 1024 * int(size) for name, size in re.findall(r'^(\w+):\s+(\d+) kB', read('/proc/meminfo'), re.M)}
    total, available = sizes.get('MemTotal'), sizes.get('MemAvailable')
    if total is None and hasattr(os, 'sysconf') and 'SC_PHYS_PAGES' in os.sysconf_names:
        total = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    limit = read('/sys/fs/cgroup/memory.max').strip()
    if limit.isdigit() and total is not None and int(limit) < total:
        total = int(limit)
        used = read('/sys/fs/cgroup/memory.current').strip()
        if used.isdigit() and available is not None:
            available = min(available, max(total - int(used), 0))
    return total, available


def device_memory() -> int | None:
    """Bytes of memory of the accelerator, or available bytes of the machine without one; None: not known."""
    return torch.cuda.mem_get_info()[1] if torch.cuda.is_available() else machine_memory()[1]


def read(path: str) -> str:
    """A file of the system's, empty where there is no such file."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ''
