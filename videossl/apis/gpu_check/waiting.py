"""Which code makes the host wait for the device within an iteration."""

import contextlib
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from .methods import Method, Place, Training

READS = ('_local_scalar_dense', 'nonzero', 'masked_select', 'equal', 'bincount', 'repeat_interleave')
OWN = {str(Path(__file__)), str(Path(__file__).with_name('methods.py'))}
OUTSIDE = 'outside of an iteration'
SKIPPED = ('/torch/', '/warnings.py', '/contextlib.py', '/functools.py')


class Reads(TorchDispatchMode):
    """Records the code whose operations a host would wait for, because it needs the result or its size; on any device."""

    def __init__(self, found: Counter) -> None:
        super().__init__()
        self.found = found

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.name().removeprefix('aten::').partition('.')[0]
        # An index that is a mask gives a result of unknown size.
        masks = name == 'index' and any(index is not None and index.dtype == torch.bool for index in args[1])
        if name in READS or masks:
            self.found[caller()] += 1
        return function(*args, **(kwargs or {}))


def caller() -> str:
    """The code that is running, below torch: the hook or part of an iteration, and the innermost function."""
    frames = [
        frame
        for frame in traceback.extract_stack()
        if frame.filename not in OWN and not any(part in frame.filename for part in SKIPPED)
    ]
    names = [f'{_module(frame.filename)}:{frame.name}' for frame in frames]
    loop = max((place for place, frame in enumerate(frames) if frame.name == 'run_iter'), default=None)
    if loop is None:
        return f'{OUTSIDE} > {names[-1]}'
    inside = names[loop + 1 :] or names[-1:]
    inside = [name for name in inside if not name.endswith((':call_hook', ':train_step', ':update_params'))] or inside
    return ' > '.join(dict.fromkeys([inside[0], inside[-1]]))


def _module(filename: str) -> str:
    parts = Path(filename).with_suffix('').parts
    roots = [place for place, part in enumerate(parts) if part in ('videossl', 'mmengine', 'mmaction', 'mmcv')]
    return '.'.join(parts[roots[-1] :] if roots else parts[-1:])


@contextlib.contextmanager
def noting(device: str) -> Iterator[Counter]:
    """Record every wait in the block: by torch's own debugging of CUDA on a GPU, as reads of values on a CPU."""
    found: Counter = Counter()
    if device == 'cpu':
        with Reads(found):
            yield found
        return

    def note(message, *_, **__) -> None:
        if 'synchroniz' in str(message):
            found[caller()] += 1

    with warnings.catch_warnings():
        warnings.simplefilter('always')
        warnings.showwarning = note
        torch.cuda.set_sync_debug_mode('warn')
        try:
            yield found
        finally:
            torch.cuda.set_sync_debug_mode('default')


def waiting(method: Method, place: Place, iterations: int = 3) -> dict:
    """Count the waits of whole iterations, with the hooks and the log that every run has.

    Returns:
        How often an iteration waits at each place in the code, as ``waits``; ``in_the_step``: those of them that are
        not of the log or of a hook after the step.
    """
    training = Training(method, place)
    batches = training.batches(2 + iterations)
    training.begin()
    training.iterate(batches[:2])
    with noting(place.device) as found:
        training.iterate(batches[2:])
    waits = {name: count / iterations for name, count in found.most_common() if not name.startswith(OUTSIDE)}
    return dict(waits=waits, in_the_step={name: count for name, count in waits.items() if is_in_the_step(name)})


def is_in_the_step(name: str) -> bool:
    """Whether a wait is in preprocessing, forward pass, backward pass or optimiser, and not in a hook."""
    outermost = name.partition(' > ')[0]
    return not any(part in outermost for part in ('hook', 'message_hub'))
