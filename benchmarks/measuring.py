"""What the benchmarks share: taking turns, ratios, and the machine."""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import decord
import numpy as np
import torch

from videossl.apis.gpu_check.ceilings import ceilings
from videossl.apis.running.launch import set_allocator
from videossl.precision import cpu_has_bf16


def take_turns(rivals: dict[str, Callable[[int], None]], runs: int) -> dict[str, list[tuple[float, float]]]:
    """Time rivals one after another, again and again, so that what changes on the machine meets them all.

    Args:
        rivals: functions of the number of the run, by their names. Warm them up beforehand.
        runs: how often each.

    Returns:
        for each name ``runs`` pairs: seconds on the clock, and of processors (of this process and its threads, not of
        its children).
    """
    spent = {name: [] for name in rivals}
    for run in range(runs):
        for name, function in rivals.items():
            began, processors_began = time.perf_counter(), time.process_time()
            function(run)
            spent[name].append((time.perf_counter() - began, time.process_time() - processors_began))
    return spent


def ratios(slow: list[tuple[float, float]], fast: list[tuple[float, float]], which: int = 0) -> list[float]:
    """How many times as long the first took as its neighbour in time: on the clock (0) or of processors (1)."""
    return [a[which] / b[which] for a, b in zip(slow, fast)]


def allocate_as_plain_scripts_do() -> None:
    """Take back what ``videossl.apis.running.launch.keep_freed_memory`` has set in this process, so that others do not profit
    from it: glibc's own thresholds, at what they grow to in a process that frees large pieces."""
    set_allocator(mmap_threshold=32 * 2**20, trim_threshold=64 * 2**20)


def with_spread(values: list[float], digits: int = 2) -> str:
    """The median, with the smallest and the largest."""
    return f'{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})'


def add_precision_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--precision``. ``make bench`` runs the scripts that have it in both precisions."""
    parser.add_argument(
        '--precision',
        choices=['auto', 'fp32'],
        default='auto',
        help='of ours; default: auto, bf16 where the CPU has it',
    )


def peak(precision: str, threads: int) -> float:
    """GMAC/s of a plain matrix product in ``'bf16'`` or ``'fp32'`` on so many threads."""
    others = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return ceilings('cpu')[precision]
    finally:
        torch.set_num_threads(others)


def memory(process: int | str = 'self') -> dict[str, float]:
    """MiB of a process, on Linux: ``resident`` now and at its ``peak``, the ``share`` of it where what several processes
    have in common is divided among them (without files, such as libraries, which processes of others have in common with
    it too), and what is its ``own`` alone."""
    entries = {}
    for name in ('status', 'smaps_rollup'):
        for line in Path(f'/proc/{process}/{name}').read_text().splitlines():
            key, _, value = line.partition(':')
            if value.endswith(' kB'):
                entries[key] = int(value[:-3]) / 1024
    return dict(
        resident=entries['VmRSS'],
        peak=entries['VmHWM'],
        share=entries['Pss_Anon'] + entries['Pss_Shmem'],
        own=entries['Private_Clean'] + entries['Private_Dirty'],
    )


def machine() -> str:
    """The processor and the versions of what decodes and computes."""
    name = platform.processor() or platform.machine()
    if os.path.exists('/proc/cpuinfo'):
        lines = Path('/proc/cpuinfo').read_text().splitlines()
        name = next((line.partition(':')[2].strip() for line in lines if line.startswith('model name')), name)
    load = f'; load {os.getloadavg()[0]:.1f}' if hasattr(os, 'getloadavg') else ''
    bf16 = 'with' if cpu_has_bf16() else 'without'
    return (
        f'{time.strftime("%d %B %Y")}; {name} {bf16} bf16, {os.cpu_count()} processors, {torch.get_num_threads()} threads{load}; '
        f'Python {platform.python_version()}, torch {torch.__version__}, decord {decord.__version__}, '
        f'PyAV {av.__version__}, OpenCV {cv2.__version__}, NumPy {np.__version__}'
    )
