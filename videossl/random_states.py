"""The states of the generators of random numbers, as plain types."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def random_states() -> dict:
    """Where this process's generators are: Python's, NumPy's global one, torch's, and, once it is in use, its GPU's.

    Only plain types and tensors, so that ``torch.load(weights_only=True)`` reads them.
    """
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached_gauss = np.random.get_state()
    states = dict(
        python=(version, torch.tensor(words), gauss),
        numpy=(str(kind), torch.from_numpy(keys.astype(np.int64)), int(position), int(has_gauss), float(cached_gauss)),
        torch=torch.get_rng_state(),
    )
    if cuda_is_in_use():
        states['cuda'] = torch.cuda.get_rng_state()
    return states


def set_random_states(states: dict) -> None:
    """Put the generators where :func:`random_states` found them."""
    version, words, gauss = states['python']
    random.setstate((version, tuple(words.tolist()), gauss))
    kind, keys, *rest = states['numpy']
    np.random.set_state((kind, keys.cpu().numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states['torch'].cpu())
    if 'cuda' in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states['cuda'].cpu())


@contextmanager
def kept_random_states() -> Iterator[None]:
    """Afterwards the generators are where they were."""
    states = random_states()
    try:
        yield
    finally:
        set_random_states(states)


def cuda_is_in_use() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_initialized()
