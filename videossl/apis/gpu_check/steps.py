"""Whole training iterations at the papers' sizes, and what hooks and log add to them."""

import itertools
import time

import torch

from .methods import Method, Place, Training
from .timing import forget_peak, peak_gib, synchronise


def steps(method: Method, place: Place, seconds: float, options: dict | None = None) -> dict:
    """Train on batches that are held in pinned memory, in the precision and layout that training chooses here.

    Returns:
        ``samples_per_second``, ``ms`` of an iteration, ``model_ms``: of these the device's own work from preprocessing to
        the optimiser's step, by events; ``precision``; ``memory`` in GiB.
    """
    forget_peak(place.device)
    training = Training(method, place, options)
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
        model_ms=_of_model(training, batches, place.device),
        batch=size,
        clips_per_sample=int(held[0]['inputs'][0].shape[0]),
        precision=getattr(training.model, 'autocast_precision', 'fp32'),
        iterations=count,
        memory=peak_gib(place.device),
    )


def _of_model(training: Training, batches, device: str, number: int = 5) -> float:
    """Milliseconds of ``train_step`` without the loop and its hooks."""
    model, wrapper = training.model, training.runner.optim_wrapper
    times = []
    for batch in itertools.islice(batches, number):
        synchronise(device)
        if device == 'cuda':
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            model.train_step(batch, optim_wrapper=wrapper)
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end))
        else:
            began = time.perf_counter()
            model.train_step(batch, optim_wrapper=wrapper)
            times.append(1e3 * (time.perf_counter() - began))
        if hasattr(model, 'pending_keys'):
            model.pending_keys.clear()
    return sorted(times)[len(times) // 2]
