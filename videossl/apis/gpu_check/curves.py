"""Training curves in bf16 against those in fp32, on the same batches from the same weights."""

import itertools

import numpy as np
import torch

from .ceilings import tf32
from .methods import Method, Place, Training
from .timing import forget_peak

PRECISIONS = ('fp32', 'bf16')
HELD = 8  # batches that are gone through again and again


def curves(method: Method, place: Place, iterations: int) -> dict:
    """Train in both precisions.

    Returns:
        The losses of every iteration by precision as ``curves``; ``first`` and ``last``: means over the first and the
        last quarter; ``largest_difference`` of the two curves' means over quarters, as a share of fp32's first; ``ok``:
        every loss is finite and bf16 has come as far down as fp32, within a quarter of where it began.
    """
    found: dict[str, list[float]] = {}
    batches = None
    for precision in PRECISIONS:
        training = Training(method, place, {'default_hooks.precision.precision': precision})
        batches = batches or training.batches(min(HELD, iterations))
        training.begin()
        with tf32(False):
            training.iterate(itertools.islice(itertools.cycle(batches), iterations))
        found[precision] = torch.stack([outputs['loss'].float() for outputs in training.losses.outputs]).tolist()
        del training
        forget_peak(place.device)
    quarters = {
        precision: [float(np.mean(part)) for part in np.array_split(losses, 4)] for precision, losses in found.items()
    }
    differences = [abs(b - a) / abs(quarters['fp32'][0]) for a, b in zip(quarters['fp32'], quarters['bf16'])]
    return dict(
        curves=found,
        quarters=quarters,
        largest_difference=max(differences),
        ok=bool(np.isfinite(sum(found.values(), [])).all()) and differences[-1] < 0.25,
    )
