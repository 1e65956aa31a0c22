"""Times work on a device: by its own events on a GPU, by the clock on a CPU."""

import gc
import statistics
import time
from collections.abc import Callable

import torch

LEAST_RUNS = 3


def synchronise(device: str) -> None:
    """Wait for the device."""
    if device == 'cuda':
        torch.cuda.synchronize()


def milliseconds(work: Callable[[], object], device: str, seconds: float, warm_up: int = 2) -> dict[str, float]:
    """Time a piece of work repeatedly.

    Args:
        work: is called without arguments; what it queues on the device is waited for.
        device: ``'cuda'`` or ``'cpu'``.
        seconds: to measure for; at least three runs.
        warm_up: runs that do not count.

    Returns:
        ``median``, ``least``, ``most`` (milliseconds) and ``runs``.
    """
    for _ in range(warm_up):
        work()
    synchronise(device)
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < LEAST_RUNS or time.perf_counter() < end:
        times.append(_once(work, device))
    return dict(median=statistics.median(times), least=min(times), most=max(times), runs=len(times))


def _once(work: Callable[[], object], device: str) -> float:
    if device == 'cuda':
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end)
    began = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began)


def forget_peak(device: str) -> None:
    """Free unused memory and restart the count of the peak."""
    gc.collect()
    if device == 'cuda':
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_gib(device: str) -> float | None:
    """The peak of memory in tensors on the GPU since :func:`forget_peak`, in GiB; None on a CPU."""
    return torch.cuda.max_memory_allocated() / 2**30 if device == 'cuda' else None
