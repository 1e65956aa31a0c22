"""How many cores there are, and how loader workers and computation share them."""

import math
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


def loader_rate(workers: int, cores: float, worker_seconds: float, main_seconds: float) -> float:
    """Samples/s that a loader can deliver at most, by a model of three bounds.

    Args:
        workers: processes; 0: the training process makes the samples itself.
        cores: that loader and training process have.
        worker_seconds: of a processor that a worker, and its decoder's process, spend on a sample. The two take turns, so a
            worker never uses more than one core.
        main_seconds: of a processor that the training process spends on receiving and collating a sample.

    Returns:
        The least of what the workers make, what one training process can receive, and what all cores can do. Contention
        for memory, and time in which the training process queues its step, are left out, so a machine may do less.
    """
    if workers == 0:
        return 1 / worker_seconds
    return min(workers / worker_seconds, 1 / main_seconds, cores / (worker_seconds + main_seconds))


def workers_for(rate: float, cores: float, worker_seconds: float, main_seconds: float) -> int | None:
    """The fewest workers that can deliver so many samples/s by :func:`loader_rate`; None: no number can."""
    if loader_rate(int(2**31), cores, worker_seconds, main_seconds) < rate:
        return None
    return max(1, math.ceil(rate * worker_seconds - 1e-9))
