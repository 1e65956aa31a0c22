"""Whole training iterations at the papers' sizes, and what hooks and log add to them."""

import itertools
import time
from collections.abc import Iterator

from torch.profiler import ProfilerActivity, profile

from .methods import Method, Place, Training
from .timing import forget_peak, peak_gib, synchronise


def steps(method: Method, place: Place, seconds: float, options: dict | None = None) -> dict:
    """Train on batches that are held in pinned memory, in the precision and layout that training chooses here.

    Returns:
        ``samples_per_second``, ``ms`` of an iteration, ``busy_ms`` of these; ``precision``; ``memory`` in GiB.
    """
    forget_peak(place.device)
    training = Training(method, place, options, search=True)
    held = training.batches(2)
    training.begin()
    batches = itertools.cycle(held)
    training.iterate(itertools.islice(batches, 4))
    synchronise(place.device)
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds or count < 3:
        training.iterate(itertools.islice(batches, 2))
        count += 2
    synchronise(place.device)
    spent = time.perf_counter() - began
    size = len(held[0]['inputs'])
    return dict(
        samples_per_second=count * size / spent,
        ms=1e3 * spent / count,
        busy_ms=busy_ms(training, batches, place.device),
        batch=size,
        clips_per_sample=int(held[0]['inputs'][0].shape[0]),
        precision=getattr(training.model, 'autocast_precision', 'fp32'),
        iterations=count,
        memory=peak_gib(place.device),
    )


def busy_ms(training: Training, batches: Iterator[dict], device: str, number: int = 4) -> float | None:
    """Milliseconds of an iteration in which the GPU computes or copies, by torch's profiler; None on a CPU."""
    if device == 'cpu':
        return None
    with profile(activities=[ProfilerActivity.CUDA]) as watched:
        training.iterate(itertools.islice(batches, number))
        synchronise(device)
    return sum(event.self_device_time_total for event in watched.key_averages()) / number / 1e3
