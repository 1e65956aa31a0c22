"""Two timers, of the loader and of the training step, alone and together."""

import itertools
import statistics
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Sampler

from videossl.engine import CompileHook
from videossl.wrappers import unwrap

LEAST_ITERATIONS, MOST_ITERATIONS = 3, 100
MOST_SAMPLES = 8  # kept in memory for the batches of the step
SMALL_BATCH = 2  # the least that a batch norm takes
ENDLESS = 10**6  # iterations


@dataclass
class Measurement:
    """What was measured. Rates are in samples/s; keys of dicts are numbers of loader workers, 0 for the main process.

    Attributes:
        workers: number of workers that training uses on this machine.
        full_batch: samples of a batch in training.
        batch: samples of the batches that were timed, fewer where full ones take too long.
        data: rate of the loader alone.
        step: rate of training iterations on batches in memory.
        training: rate of training with the loader.
        iterations: number of iterations that were timed for ``step``.
        clip: (V, 3, T, H, W) of a sample.
        file_size: (height, width) of a video; None: not known.
        precision: of the forward pass.
    """

    workers: int
    full_batch: int
    batch: int = 0
    data: dict[int, float] = field(default_factory=dict)
    step: float = 0.0
    training: dict[int, float] = field(default_factory=dict)
    iterations: int = 0
    clip: tuple[int, ...] = ()
    file_size: tuple[int, int] | None = None
    precision: str = 'fp32'


def measure(runner: Runner, workers: Sequence[int], seconds: float) -> Measurement:
    """Measure a runner before its training.

    Args:
        runner: with a training loop; it cannot be used afterwards.
        workers: numbers of loader workers to try, the runner's own among them.
        seconds: to measure for, start-up not counted.
    """
    loader = runner.train_loop.dataloader
    full = loader.batch_size or len(next(iter(loader.batch_sampler)))
    found = Measurement(workers=loader.num_workers, full_batch=full)
    share = seconds / (2 * len(workers) + 1)
    samples = [loader.dataset[draw] for draw in itertools.islice(EndlessSampler(loader), min(full, MOST_SAMPLES))]
    found.clip = tuple(samples[0]['inputs'].shape)
    found.file_size = samples[0]['data_samples'].metainfo.get('original_shape')
    for number in workers:
        batches = endless_loader(loader, min(4, full), number)
        found.data[number] = result_of(timed(batches, min(4, full), number, share))
    feed = Feed(runner, samples, found, share)
    loop = runner.train_loop
    loop.dataloader = feed
    loop._max_iters = max(loop.max_iters, ENDLESS)
    if hasattr(loop, 'dataloader_iterator'):  # of a loop over iterations
        loop.dataloader_iterator = iter(feed)
    try:
        runner.train()
    except Finished:
        pass
    found.precision = getattr(unwrap(runner.model), 'autocast_precision', 'fp32')
    return found


class Finished(BaseException):
    """Ends the training loop. Not an ``Exception``, which a loop may take for a fault of the loader."""


class Feed:
    """Replaces the loader of a training loop, and times how long each batch keeps the loop busy.

    The first two iterations, in which libraries set themselves up, do not count.

    Args:
        runner: the runner whose loop gets this loader.
        samples: samples in memory, for the batches of the step.
        found: the measurement; the results go there.
        seconds: for the step, and for each number of workers in ``found.data``.
    """

    def __init__(self, runner: Runner, samples: list[dict], found: Measurement, seconds: float) -> None:
        self.loader: DataLoader = runner.train_loop.dataloader
        self.is_compiled = any(isinstance(hook, CompileHook) for hook in runner.hooks)
        self.samples = itertools.cycle(samples)
        self.found = found
        self.seconds = seconds

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__['loader'], name)

    def __iter__(self) -> Iterator[dict]:
        found = self.found
        small = get_device() == 'cpu' and not self.is_compiled
        size = min(found.full_batch, SMALL_BATCH) if small else found.full_batch
        for _ in range(2):
            spent = yield from self._iteration(size)
        found.batch = self._size(spent / size)
        if found.batch != size:
            yield from self._iteration(found.batch)
        times: list[float] = []
        while len(times) < LEAST_ITERATIONS or sum(times) < self.seconds and len(times) < MOST_ITERATIONS:
            times.append((yield from self._iteration(found.batch)))
        found.iterations = len(times)
        found.step = found.batch / statistics.median(times)
        for number in found.data:
            size = self._size(1 / found.step + 1 / found.data[number])
            batches = endless_loader(self.loader, size, number)
            found.training[number] = yield from timed(batches, size, 2 * number, self.seconds)
        raise Finished

    def _iteration(self, size: int) -> Generator[dict, None, float]:
        batch = self.loader.collate_fn(list(itertools.islice(self.samples, size)))
        synchronise()
        start = time.perf_counter()
        yield batch
        synchronise()
        return time.perf_counter() - start

    def _size(self, seconds_per_sample: float) -> int:
        """Samples of a batch of which four fit into the time, at most a full batch, for which models are compiled."""
        most = self.found.full_batch
        return most if self.is_compiled else min(most, max(SMALL_BATCH, int(self.seconds / (4 * seconds_per_sample))))


def timed(batches: Iterable[dict], size: int, skip: int, seconds: float) -> Generator[dict, None, float]:
    """Yield batches for so many seconds, and return samples/s once the rate is steady.

    Args:
        batches: of ``size`` samples, without an end.
        size: samples of a batch.
        skip: number of first batches that do not count, since workers start, and have prefetched some; all in the first
            half of the time if there are fewer.
        seconds: to measure for, from the first batch on.
    """
    first = since = now = 0.0
    samples = 0
    for number, batch in enumerate(batches, 1):
        yield batch
        synchronise()
        now = time.perf_counter()
        first = first or now
        if since:
            samples += size
        elif number > skip or now - first > seconds / 2:
            since = now
        if samples and now - first >= seconds:
            break
    return samples / (now - since)


def result_of(generator: Generator[Any, None, float]) -> float:
    """Exhaust a generator, and return what it returns."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


class EndlessSampler(Sampler):
    """The epochs of a loader's sampler, one after another, without an end."""

    def __init__(self, loader: DataLoader) -> None:
        self.sampler = getattr(loader.batch_sampler, 'sampler', loader.sampler)

    def __iter__(self) -> Iterator:
        for epoch in itertools.count():
            if hasattr(self.sampler, 'set_epoch'):
                self.sampler.set_epoch(epoch)
            yield from self.sampler


def endless_loader(loader: DataLoader, batch_size: int, num_workers: int | None = None) -> DataLoader:
    """A loader over the same draws without an end.

    Args:
        loader: the loader to imitate.
        batch_size: samples of a batch.
        num_workers: number of workers; None: as many as ``loader`` has.
    """
    number = loader.num_workers if num_workers is None else num_workers
    names: tuple[str, ...] = ('collate_fn', 'pin_memory', 'worker_init_fn')
    if number and loader.num_workers:
        names += ('prefetch_factor', 'multiprocessing_context', 'timeout')
    options = {name: getattr(loader, name) for name in names}
    return DataLoader(loader.dataset, batch_size, sampler=EndlessSampler(loader), num_workers=number, **options)


def synchronise() -> None:
    """Wait for the accelerator, if there is one."""
    synchronize = getattr(getattr(torch, get_device(), None), 'synchronize', None)
    if synchronize is not None:
        synchronize()
