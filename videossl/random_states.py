"""The states of the generators of random numbers, as plain types."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch


def random_states() -> dict:
    """The states of this process's generators: Python's, NumPy's global one, torch's, and that of its GPU once it is in use.

    They are plain types and tensors, so that ``torch.load(weights_only=True)`` reads them.
    """
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached_gauss = cast(tuple, np.random.get_state())
    states = dict(
        python=(version, torch.tensor(words), gauss),
        numpy=(str(kind), torch.from_numpy(keys.astype(np.int64)), int(position), int(has_gauss), float(cached_gauss)),
        torch=torch.get_rng_state(),
    )
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states['cuda'] = torch.cuda.get_rng_state()
    return states


def set_random_states(states: dict) -> None:
    """Set the generators to states from :func:`random_states`."""
    version, words, gauss = states['python']
    random.setstate((version, tuple(words.tolist()), gauss))
    kind, keys, *rest = states['numpy']
    np.random.set_state((kind, keys.cpu().numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states['torch'].cpu())
    if 'cuda' in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states['cuda'].cpu())


@contextmanager
def kept_random_states() -> Iterator[None]:
    """Restore the generators when the block ends."""
    states = random_states()
    try:
        yield
    finally:
        set_random_states(states)
