"""Times what happens to a sample between the disk and the batch."""

import copy
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from videossl.datasets.transforms import EachClip
from videossl.datasets.video_dataset import decodes_video, opens_video
from videossl.errors import ConfigError

from .verdict import ELSE, mean_of, typical

MOST_VIDEOS = 32
MOST_ROUNDS = 5
BLOCK = 2**20


def is_unreadable(message: str) -> bool:
    """Whether a line of the log names a video that cannot be read."""
    return message.startswith('cannot read ')


class Unreadable(logging.Filter):
    """Keeps what the log says of videos that cannot be read, and takes it out of the log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if is_unreadable(message):
            self.lines.append(message.removeprefix('cannot read ').rpartition(';')[0])
        return not is_unreadable(message)


class Stopwatch:
    """Lets transforms run as they are, and keeps the milliseconds each takes.

    Attributes:
        times: of the parts of the present sample.
        attempts: how many videos were tried for it.
        groups: each part's kind, of :data:`~.doctor_verdict.GROUPS`.
        seen: what is known of the present sample: ``filename``, ``file_size`` (H, W), ``frames`` decoded,
            ``key_frames`` (their mean distance).
        looking: milliseconds that went into finding that out.
    """

    def __init__(self) -> None:
        self.groups: dict[str, str] = {}
        self.children: dict[str, list[str]] = {}
        self.start()

    def start(self) -> None:
        """Begin with another sample."""
        self.times: dict[str, float] = {}
        self.seen: dict[str, Any] = {}
        self.looking, self.attempts = 0.0, 0

    def watch_all(self, transforms: list[Callable]) -> 'WatchedTransforms':
        """Stand-ins for the transforms of a pipeline."""
        parts, watched, taken, decoded = [], [], set(), False
        for transform in transforms:
            group = group_of(transform, decoded)
            decoded |= group == 'decode'
            part = unused(type(transform).__name__, taken)
            self.groups[part] = group
            stand_in = imitation(transform, self._looking_on(type(transform), group))
            if isinstance(transform, EachClip):
                children = [unused(f'{part}: {type(child).__name__}', taken) for child in transform.transforms]
                self.children[part] = children
                self.groups.update(dict.fromkeys(children, group))
                stand_in.transforms = [
                    imitation(child, self._timed(type(child), name))
                    for name, child in zip(children, transform.transforms)
                ]
            parts.append(part)
            watched.append(stand_in)
        return WatchedTransforms(watched, parts, self)

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """What happens in this block is this part, but for what its children take."""
        children = self.children.get(part, ())

        def others() -> float:
            return self.looking + sum(self.times.get(child, 0.0) for child in children)

        before, start = others(), time.perf_counter()
        try:
            yield
        finally:
            spent = 1e3 * (time.perf_counter() - start) - (others() - before)
            self.times[part] = self.times.get(part, 0.0) + spent

    def _timed(self, kind: type, part: str) -> Callable:

        def timed(transform, results):
            with self.timing(part):
                return kind.__call__(transform, results)

        return timed

    def _looking_on(self, kind: type, group: str) -> Callable:

        def looking_on(transform, results):
            start = time.perf_counter()
            self.seen.setdefault('filename', results.get('filename'))
            reader = results.get('video_reader')
            if group == 'decode' and hasattr(reader, 'get_key_indices') and len(reader):
                self.seen['key_frames'] = len(reader) / max(len(reader.get_key_indices()), 1)
            self.looking += 1e3 * (time.perf_counter() - start)
            results = kind.__call__(transform, results)
            if group == 'decode' and results is not None and 'frame_inds' in results:
                self.seen['frames'] = int(np.unique(results['frame_inds']).size)
                if results.get('original_shape') is not None:
                    self.seen['file_size'] = tuple(int(side) for side in results['original_shape'])
            return results

        return looking_on


class WatchedTransforms(list):
    """The transforms of a pipeline, which times how long whoever goes through them stays with each.

    So it does not matter how a data set lets them run: it may open a video in a way of its own.
    """

    def __init__(self, transforms: list[Callable], parts: list[str], stopwatch: Stopwatch) -> None:
        super().__init__(transforms)
        self.parts = parts
        self.stopwatch = stopwatch

    def __iter__(self) -> Iterator[Callable]:
        self.stopwatch.attempts += 1
        for part, transform in zip(self.parts, super().__iter__()):
            with self.stopwatch.timing(part):
                yield transform


def imitation(transform: Callable, call: Callable) -> Callable:
    """A copy of a transform that calls ``call`` instead; of a class of the same name, since data sets tell transforms apart
    by it. A plain function stays what it is."""
    kind = type(transform)
    stand_in = copy.copy(transform)
    try:
        stand_in.__class__ = type(kind.__name__, (kind,), dict(__call__=call, __module__=kind.__module__))
    except TypeError:
        return transform
    return stand_in


def unused(name: str, taken: set[str]) -> str:
    """The name, or with a number behind it if it is taken; from now on it is."""
    numbers = itertools.count(2)
    unique = name
    while unique in taken:
        unique = f'{name} ({next(numbers)})'
    taken.add(unique)
    return unique


def group_of(transform: Callable, decoded: bool) -> str:
    """The kind of a transform, by its name and by whether it comes after decoding."""
    name = type(transform).__name__
    if opens_video(transform):
        return 'open'
    if decodes_video(transform) or 'Decode' in name:
        return 'decode'
    if name.startswith('Load'):
        return 'load'
    if name.startswith(('Pack', 'Format')):
        return 'pack'
    return 'augment' if decoded else 'sample'


def leaves(dataset: Dataset) -> list[Dataset]:
    """The data sets inside wrappers such as ``RepeatDataset`` and ``ConcatDataset``."""
    inner = getattr(dataset, 'datasets', None)
    if inner is None:
        inner = [getattr(dataset, name) for name in ('dataset', '_dataset') if hasattr(dataset, name)][:1]
    return [leaf for part in inner for leaf in leaves(part)] or [dataset]


@contextmanager
def watched(dataset: Dataset, stopwatch: Stopwatch) -> Iterator[None]:
    """Time the transforms of a data set, within this block."""
    pipelines = [leaf.pipeline for leaf in leaves(dataset) if hasattr(getattr(leaf, 'pipeline', None), 'transforms')]
    before = [pipeline.transforms for pipeline in pipelines]
    for pipeline in pipelines:
        pipeline.transforms = stopwatch.watch_all(pipeline.transforms)
    try:
        yield
    finally:
        for pipeline, transforms in zip(pipelines, before):
            pipeline.transforms = transforms


@contextmanager
def one_thread() -> Iterator[None]:
    """As in a loader's worker."""
    threads, of_opencv = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(of_opencv)


class Endless(Sampler):
    """The epochs of a loader's sampler, one after the other."""

    def __init__(self, loader: DataLoader) -> None:
        self.sampler = getattr(loader.batch_sampler, 'sampler', loader.sampler)

    def __iter__(self) -> Iterator:
        for epoch in itertools.count():
            if hasattr(self.sampler, 'set_epoch'):
                self.sampler.set_epoch(epoch)
            yield from self.sampler


def endless_loader(loader: DataLoader, batch_size: int) -> DataLoader:
    """A loader like another one, but with other batches, and without an end."""
    workers = {}
    if loader.num_workers:
        workers = dict(
            prefetch_factor=loader.prefetch_factor,
            multiprocessing_context=loader.multiprocessing_context,
            worker_init_fn=loader.worker_init_fn,
            timeout=loader.timeout,
        )
    return DataLoader(
        loader.dataset,
        batch_size,
        sampler=Endless(loader),
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        **workers,
    )


@dataclass
class DataTimes:
    """What was measured of the data.

    Args:
        parts: milliseconds per sample of each part.
        groups: each part's kind.
        samples: whole samples, to make batches of.
        files: the videos that were read.
        rounds: how often each was.
        seen: means (of ``file_size``: the most frequent) of what a :class:`Stopwatch` sees.
        unreadable: videos that could not be read, each with the reason.
    """

    parts: dict[str, float]
    groups: dict[str, str]
    samples: list[dict]
    files: list[str]
    rounds: int
    seen: dict = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


def time_samples(loader: DataLoader, seconds: float, unreadable: Unreadable) -> DataTimes:
    """Make samples as a loader's worker does, several times each, in this process and with one thread.

    A part's time is the mean over videos; of each video's rounds counts the one of median length. So files come from the
    system's cache, and the parts add up to the whole.

    Raises:
        ConfigError: no video could be read.
    """
    stopwatch = Stopwatch()
    runs: dict[Any, list[dict]] = {}
    kept: dict[Any, tuple[int, dict, dict]] = {}
    start = time.perf_counter()
    with one_thread(), watched(loader.dataset, stopwatch):
        for draw in itertools.islice(Endless(loader), 4 * MOST_VIDEOS):
            sample, times = _one(loader.dataset, draw, stopwatch, unreadable)
            if sample is None:
                continue
            key = stopwatch.seen.get('filename') or int(draw)
            if key not in kept:
                kept[key] = draw, sample, dict(stopwatch.seen)
                runs[key] = [times]
            if len(kept) == MOST_VIDEOS or time.perf_counter() - start > seconds / 3:
                break
        if not kept:
            raise ConfigError('no video could be read; the first: ' + '; '.join(unreadable.lines[:3]))
        rounds = 1
        while rounds < MOST_ROUNDS and time.perf_counter() - start < seconds * (1 - 0.5 / rounds):
            for key, (draw, *_) in kept.items():
                sample, times = _one(loader.dataset, draw, stopwatch, unreadable)
                if sample is not None:  # it may have vanished
                    runs[key].append(times)
            rounds += 1
    seen = [entry for _, _, entry in kept.values()]
    return DataTimes(
        # In the first round libraries set themselves up, and files come from the disk.
        parts=mean_of([typical(times[1:] or times) for times in runs.values()]),
        groups={**stopwatch.groups, ELSE: ELSE},
        samples=[sample for _, sample, _ in kept.values()],
        files=[key for key in kept if isinstance(key, str) and os.path.isfile(key)],
        rounds=rounds,
        seen=_summary(seen),
        unreadable=list(unreadable.lines),
    )


def _one(dataset: Dataset, draw: int, stopwatch: Stopwatch, unreadable: Unreadable) -> tuple[dict | None, dict]:
    """One sample and the times of its parts; None if another video had to take its place."""
    named = len(unreadable.lines)
    stopwatch.start()
    start = time.perf_counter()
    try:
        sample = dataset[draw]
    except RuntimeError as error:  # what ends training, too: too many unreadable videos
        if not unreadable.lines:
            raise
        raise ConfigError(str(error)) from error
    total = 1e3 * (time.perf_counter() - start) - stopwatch.looking
    if len(unreadable.lines) > named or stopwatch.attempts > 1:
        return None, {}
    return sample, {**stopwatch.times, ELSE: total - sum(stopwatch.times.values())}


def _summary(seen: list[dict]) -> dict:
    sizes = [entry['file_size'] for entry in seen if 'file_size' in entry]
    summary = dict(file_size=max(sizes, key=sizes.count)) if sizes else {}
    for name in ('key_frames', 'frames'):
        values = [entry[name] for entry in seen if name in entry]
        if values:
            summary[name] = sum(values) / len(values)
    return summary


def time_reading(files: list[str], seconds: float) -> dict | None:
    """Reading whole files: from the disk, as far as the system can be made to forget what it holds of them, and again.

    Returns:
        Means per file: ``bytes``, ``cold_ms``, ``cached_ms``; and ``dropped``: whether the system could be asked to drop
        a file from its cache (it cannot drop one that lies in memory, as on a tmpfs). None without files.
    """
    drop = getattr(os, 'posix_fadvise', None)
    entries, start = [], time.perf_counter()
    for path in files:
        with open(path, 'rb', buffering=0) as file:
            if drop is not None:
                drop(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            times = []
            for _ in range(2):
                file.seek(0)
                began = time.perf_counter()
                size = sum(map(len, iter(lambda: file.read(BLOCK), b'')))
                times.append(1e3 * (time.perf_counter() - began))
        entries.append(dict(bytes=size, cold_ms=times[0], cached_ms=times[1]))
        if time.perf_counter() - start > seconds:
            break
    return dict(mean_of(entries), dropped=drop is not None) if entries else None


def time_collating(loader: DataLoader, samples: list[dict], size: int) -> float:
    """Milliseconds per sample of making a batch."""
    batch = list(itertools.islice(itertools.cycle(samples), size))
    times = []
    with one_thread():
        for _ in range(5):
            start = time.perf_counter()
            loader.collate_fn(batch)
            times.append(1e3 * (time.perf_counter() - start))
    return sorted(times)[len(times) // 2] / size


class RateMeter:
    """Samples/s of what arrives in batches, once it has become steady.

    Args:
        skip: so many batches come first that say nothing: workers start, and have some ready.
        seconds: from the first batch on.
    """

    def __init__(self, skip: int, seconds: float) -> None:
        self.skip = skip
        self.seconds = seconds
        self.first = self.since = self.last = None
        self.batches = self.samples = 0

    def arrived(self, samples: int, now: float) -> None:
        """A batch has come, at a time in seconds."""
        self.batches += 1
        self.last = now
        if self.first is None:
            self.first = now
        if self.since is not None:
            self.samples += samples
        elif self.batches > self.skip or now - self.first > self.seconds / 2:
            self.since = now

    @property
    def done(self) -> bool:
        """Whether it is time to stop."""
        return self.samples > 0 and self.last - self.first >= self.seconds

    @property
    def rate(self) -> float | None:
        """Samples/s; None as long as nothing steady came."""
        return self.samples / (self.last - self.since) if self.samples and self.last > self.since else None


def time_workers(loader: DataLoader, seconds: float) -> float | None:
    """Samples/s that the loader's workers deliver with nothing else running."""
    meter = RateMeter(loader.num_workers, seconds)
    size = min(4, loader.batch_size or 4)
    for _ in endless_loader(loader, size):
        meter.arrived(size, time.perf_counter())
        if meter.done:
            break
    return meter.rate
