"""Times training iterations: the runner's own loop with all its hooks, on batches that are ready."""

import functools
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from videossl.engine import CompileHook
from videossl.wrappers import unwrap

from .data import RateMeter, endless_loader
from .verdict import typical

LEAST_ITERATIONS = 3
MOST_ITERATIONS = 100
MANY = 10**6
SMALL_BATCH = 2  # the least that batch norm takes
AROUND = 'teacher, bank and hooks'  # and what else surrounds forward, backward and optimiser
WHOLE = 'compiled iteration'
ONCE = ('optimiser', AROUND)  # they go over the weights, not over the samples


class Enough(BaseException):
    """Ends the training loop; no ``Exception``, which a loop may take for a fault of the loader."""


@dataclass
class StepTimes:
    """What was measured of training iterations.

    Args:
        parts: milliseconds per sample of each part.
        batch: samples in a batch that was timed.
        iterations: how many were.
        together: samples/s with the real loader; None: not measured.
        precision: of the forward pass; None: not known.
        peak_memory: bytes, of the device; of this process on a CPU; None: not known.
    """

    parts: dict[str, float]
    batch: int
    iterations: int
    together: float | None
    precision: str | None
    peak_memory: int | None


def time_steps(
    runner: Runner, samples: list[dict], seconds: float, seconds_together: float, rate: Callable[[float], float]
) -> StepTimes:
    """Train for a while, with teacher, bank and hooks.

    Args:
        runner: before its training.
        samples: to make batches of.
        seconds: for iterations on batches that are ready.
        seconds_together: for iterations with the real loader.
        rate: samples/s of training to expect, of a step that takes so many milliseconds per sample.
    """
    feed = Feed(runner, samples, seconds, seconds_together, rate)
    loop = runner.train_loop
    loop.dataloader = feed
    loop._max_iters = max(loop.max_iters, MANY)  # the feed ends it
    if hasattr(loop, 'dataloader_iterator'):  # of the iteration-based loop
        loop.dataloader_iterator = iter(feed)
    try:
        runner.train()
    except Enough:
        pass
    return StepTimes(
        per_sample(typical(feed.runs), feed.size, feed.full),
        feed.size,
        len(feed.runs),
        feed.together,
        getattr(unwrap(runner.model), 'autocast_precision', None),
        peak_memory(),
    )


def per_sample(iteration: dict[str, float], size: int, full: int) -> dict[str, float]:
    """The parts of an iteration on ``size`` samples, divided among the samples; those that an iteration has once, however
    large its batch is, among the ``full`` batch of training."""
    return {part: time / (full if part in ONCE else size) for part, time in iteration.items()}


class Feed:
    """Stands in for the loader of a training loop, and measures how long each batch keeps the loop busy.

    The first iterations, slow because libraries set themselves up, do not count. Where whole batches would take too
    long, smaller ones are timed.
    """

    def __init__(
        self,
        runner: Runner,
        samples: list[dict],
        seconds: float,
        seconds_together: float,
        rate: Callable[[float], float],
    ) -> None:
        self.runner = runner
        self.loader: DataLoader = runner.train_loop.dataloader
        self.samples = itertools.cycle(samples)
        self.seconds = seconds
        self.seconds_together = seconds_together
        self.rate = rate
        self.full = self.loader.batch_size or len(next(iter(self.loader.batch_sampler)))
        self.size = self.full
        self.runs: list[dict[str, float]] = []
        self.together: float | None = None

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str):
        return getattr(self.__dict__['loader'], name)

    def __iter__(self) -> Iterator[dict]:
        timer = StepTimer(self.runner)
        start = time.perf_counter()
        size = min(self.full, SMALL_BATCH) if get_device() == 'cpu' and not timer.compiled else self.full
        for _ in range(2):
            run = yield from self._iteration(timer, size)
        if timer.compiled:  # which takes a minute; the rest is quick, or counts
            start = time.perf_counter()
        self.size = affordable(sum(run.values()) / size, self.full, self.seconds)
        if self.size != size:
            yield from self._iteration(timer, self.size)
        while len(self.runs) < MOST_ITERATIONS:
            spent = time.perf_counter() - start
            if self.runs and spent > self.seconds and (len(self.runs) >= LEAST_ITERATIONS or spent > 2 * self.seconds):
                break
            self.runs.append((yield from self._iteration(timer, self.size)))
        step = sum(per_sample(typical(self.runs), self.size, self.full).values())
        yield from self._together(1e3 / self.rate(step))
        raise Enough

    def _iteration(self, timer: 'StepTimer', size: int) -> Iterator[dict]:
        batch = self.loader.collate_fn(list(itertools.islice(self.samples, size)))
        timer.start()
        yield batch
        return timer.stop()

    def _together(self, per_sample: float) -> Iterator[dict]:
        workers = self.loader.num_workers
        size = affordable(per_sample, self.full, self.seconds_together)
        if workers == 0 and size < self.full:
            return  # turns are what they are computed as
        meter = RateMeter(2 * workers, self.seconds_together)
        for batch in endless_loader(self.loader, size):
            yield batch
            synchronise()
            meter.arrived(size, time.perf_counter())
            if meter.done:
                break
        self.together = meter.rate


def affordable(per_sample: float, full: int, seconds: float) -> int:
    """The batch that so many milliseconds per sample leave: a full one, or as large as four iterations have time for."""
    return (
        full
        if 4 * full * per_sample <= 1e3 * seconds
        else min(full, max(SMALL_BATCH, int(1e3 * seconds / (4 * per_sample))))
    )


class StepTimer:
    """Divides the time of an iteration; made once the runner has its optimiser. Milliseconds."""

    def __init__(self, runner: Runner) -> None:
        self.compiled = any(isinstance(hook, CompileHook) for hook in runner.hooks)
        self.times: dict[str, float] = {}
        self.began: dict[str, float] = {}
        model, wrapper = unwrap(runner.model), runner.optim_wrapper
        if self.compiled:
            return
        for part, module in (('transfer', model.data_preprocessor), ('forward', model)):
            module.register_forward_pre_hook(lambda *_, part=part: self._begin(part))
            module.register_forward_hook(lambda *_, part=part: self._end(part))
        if isinstance(wrapper, OptimWrapper):
            wrapper.backward = self._timed('backward', wrapper.backward)
            wrapper.step = self._timed('optimiser', wrapper.step)

    def start(self) -> None:
        """An iteration begins."""
        self.times = {}
        self._begin('whole')

    def stop(self) -> dict[str, float]:
        """It has ended: the parts, which add up to the whole."""
        self._end('whole')
        whole = self.times.pop('whole')
        return {**self.times, WHOLE if self.compiled else AROUND: whole - sum(self.times.values())}

    def _begin(self, part: str) -> None:
        synchronise()
        self.began[part] = time.perf_counter()

    def _end(self, part: str) -> None:
        synchronise()
        self.times[part] = self.times.get(part, 0.0) + 1e3 * (time.perf_counter() - self.began[part])

    def _timed(self, part: str, function: Callable) -> Callable:

        @functools.wraps(function)
        def timed(*args, **kwargs):
            self._begin(part)
            try:
                return function(*args, **kwargs)
            finally:
                self._end(part)

        return timed


def synchronise() -> None:
    """Wait for the accelerator, if there is one."""
    backend = getattr(torch, get_device(), None)
    if hasattr(backend, 'synchronize') and get_device() != 'cpu':
        backend.synchronize()


def peak_memory() -> int | None:
    """The most memory in use so far, in bytes: on the accelerator, or of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else 1024 * peak
