"""How many cores there are, and how loader workers and computation share them."""

import os

from mmengine.config import ConfigDict
from mmengine.device import get_device
from mmengine.logging import print_log


def available_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def cores_of_process() -> int:
    """Cores that this process may use. torchrun's processes on one machine share its cores."""
    return max(available_cores() // int(os.environ.get('LOCAL_WORLD_SIZE', 1)), 1)


def share_cores(loader: ConfigDict, name: str, asked: bool = False) -> int:
    """Fit the number of loader workers to the machine, and log a change.

    Without an accelerator the training step needs the cores, and one busy worker beside it slows it several times: a
    quarter of the cores goes to workers, no core on machines with fewer than four. With an accelerator workers get all
    cores but one.

    Args:
        loader: the loader's settings, changed in place.
        name: of the loader, for the log.
        asked: the user named this number on the command line; it is kept.

    Returns:
        Number of cores of this process that its workers leave to computation, at least 1.
    """
    wanted = loader.get('num_workers', 0)
    cores = cores_of_process()
    on_cpu = get_device() == 'cpu'
    workers = wanted if asked else min(wanted, cores // 4 if on_cpu else max(cores - 1, 0))
    if workers < wanted:
        remedy = f'; --cfg-options {name}_dataloader.num_workers={wanted} asks for them all the same'
        print_log(
            f'{name}: {workers} loader workers instead of {wanted}, on {cores} cores and {get_device()}'
            + (remedy if name in ('train', 'val', 'test') else ''),
            logger='current',
        )
    loader.num_workers = workers
    if workers == 0:
        loader.persistent_workers = False
        loader.pop('prefetch_factor', None)
    if on_cpu:
        loader.pin_memory = False
    return max(cores - workers, 1)
