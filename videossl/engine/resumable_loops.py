"""Training loops that go on exactly where a run stopped, also in the middle of an epoch."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import islice
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_world_size
from mmengine.hooks import IterTimerHook
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, IterBasedTrainLoop
from mmengine.runner.utils import calc_dynamic_intervals
from torch.utils.data import BatchSampler, DataLoader

from videossl.errors import ConfigError
from videossl.random_states import kept_random_states
from videossl.registry import LOOPS
from videossl.wrappers import innermost_datasets

from .samplers import DrawSampler


class ResumableLoop(BaseLoop):
    """The base of both training loops.

    :class:`~videossl.engine.ExactResumeHook` saves the random states and sets ``resumed``. Starting the loaders' workers and
    validation do not change the generators of training, so that a run that stopped before or after them draws the same.
    """

    # Of the checkpoint of a resumed run: its ``position()`` and ``validated_iter``.
    resumed: dict | None = None
    # The iteration after which the last validation was done.
    validated_iter: int | None = None
    _iter: int

    def run(self):
        """Train; returns the model."""
        try:
            with objects_shared_with_workers() if self.dataloader.num_workers else nullcontext():
                return self._run()
        except BaseException:
            self.runner.call_hook('after_failed_training')
            raise
        finally:
            end_workers(self.dataloader)

    def position(self) -> dict[str, int | str]:
        """What determines the sequence of batches. With other values the numbers of epochs and iterations mean other batches."""
        loader = self.dataloader
        digests = [getattr(dataset, 'list_digest', '') for dataset in innermost_datasets(loader.dataset)]
        return dict(
            batches=len(loader),
            batch_size=loader.batch_size or 0,
            samples=len(loader.dataset) * getattr(sampler_of(loader), 'repeats', 1),
            processes=get_world_size(),
            videos=' '.join(digests),
        )

    def changed_position(self) -> str | None:
        """What has changed since the checkpoint was saved, in words; None: nothing."""
        before, now = (self.resumed or {}).get('position', {}), self.position()
        names = dict(batches='batches an epoch', batch_size='batch size', samples='samples', processes='processes')
        changes = [
            f'{name} {before[key]} -> {now[key]}'
            for key, name in names.items()
            if before.get(key, now[key]) != now[key]
        ]
        if before.get('videos', now['videos']) != now['videos']:
            changes.append('the list names other videos, or has another order or hold-out')
        return ', '.join(changes) or None

    def batches(self, first: int) -> Iterator[dict]:
        """One pass over the loader from its batch number ``first`` on. Batches before it are not read."""
        loader = self.dataloader
        sampler = sampler_of(loader)
        if first and isinstance(sampler, DrawSampler) and type(loader.batch_sampler) is BatchSampler:
            sampler.start = first * loader.batch_size
        elif first:
            # torch does not let a loader's batch sampler be replaced. LaterBatches skips batches in the first pass only.
            loader.__dict__['batch_sampler'] = LaterBatches(loader.batch_sampler, first)
        with kept_random_states():  # torch draws a seed for the workers, also without workers
            iterator = iter(loader)
        while True:
            try:
                batch = next(iterator)
            except StopIteration:
                return
            except Exception:
                # A signal to the whole process group ends the workers too.
                self.runner.call_hook('after_failed_batch')
                raise
            yield batch

    def validate(self) -> None:
        """Run the validation, once for each iteration after which it is due."""
        self.validated_iter = self.iter
        with kept_random_states():
            self.runner.val_loop.run()

    def catch_up_on_validation(self) -> None:
        """Run the validation that the interrupted run missed: a checkpoint is saved before the validation that follows it."""
        if self.resumed is None or 'validated_iter' not in self.resumed or self.iter == 0:
            return
        self.validated_iter = self.resumed['validated_iter']
        if self.validated_iter != self.iter and self.validation_is_due():
            self.runner.logger.info('the validation that follows this checkpoint is done now')
            self.validate()


@LOOPS.register_module()
class ResumableEpochBasedTrainLoop(ResumableLoop, EpochBasedTrainLoop):
    """mmengine's loop over epochs, but a run that resumes in the middle of an epoch goes on with the next batch.

    mmengine 0.10.7 begins the epoch anew. The index of the batch follows from the numbers of iterations and epochs in the
    checkpoint. If the data set, the batch size or the number of processes has changed, there is no such batch: the epoch
    begins anew, and the log has a warning.

    Arguments: mmengine's.
    """

    def _run(self):
        self.runner.call_hook('before_train')
        first = self._first_batch()
        if first == 0:
            self.catch_up_on_validation()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch(first)
            first = 0
            self._decide_current_val_interval()
            if self.validation_is_due():
                self.validate()
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self, first: int = 0) -> None:
        """One epoch, from its batch number ``first`` on."""
        if first:
            with kept_random_states():  # hooks drew their numbers for this epoch when it began
                self.runner.call_hook('before_train_epoch')
        else:
            self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        if first < len(self.dataloader):
            for index, batch in enumerate(self.batches(first), first):
                self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def validation_is_due(self) -> bool:
        return (
            self.runner.val_loop is not None
            and self._epoch >= self.val_begin
            and (self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs)
        )

    def _first_batch(self) -> int:
        """Index of the next batch in the current epoch; the number of batches if the run stopped before the end of the epoch
        was counted."""
        if self._iter == 0:
            return 0
        changed = self.changed_position()
        before = (self.resumed or {}).get('position', self.position())['batches']
        batch, now = self._iter - self._epoch * before, len(self.dataloader)
        if changed is None and 0 <= batch <= now:
            return batch
        first = now if batch == before else 0
        self.runner.logger.warning(
            f'this is not the run that was stopped: {changed or "its iterations fit no batch of this epoch"}. '
            f'Training {"goes on with the next epoch" if batch in (0, before) else "begins this epoch anew"}, and its '
            'iterations are counted accordingly'
        )
        self._iter = self._epoch * now + first
        self.runner.optim_wrapper.initialize_count_status(self.runner.model, self._iter, self._max_iters)
        for hook in self.runner.hooks:
            if isinstance(hook, IterTimerHook):
                hook.start_iter = self._iter  # otherwise mmengine divides by zero when it estimates the remaining time
        return first


@LOOPS.register_module()
class ResumableIterBasedTrainLoop(ResumableLoop, IterBasedTrainLoop):
    """mmengine's loop over iterations, but a run that resumes reads nothing again.

    mmengine 0.10.7 decodes and discards every batch since the beginning. With :class:`DrawSampler` the loop passes over the
    data repeatedly; with ``endless=True`` or mmengine's ``InfiniteSampler`` batches extend over the ends of the passes.

    Args:
        runner, dataloader: mmengine's.
        max_iters: total number of iterations.
        val_begin, val_interval, dynamic_intervals: mmengine's.
    """

    def __init__(
        self,
        runner,
        dataloader: DataLoader | dict,
        max_iters: int,
        val_begin: int = 1,
        val_interval: int = 1000,
        dynamic_intervals: list[tuple[int, int]] | None = None,
    ) -> None:
        if int(max_iters) != max_iters:
            raise ConfigError(f'ResumableIterBasedTrainLoop: max_iters must be a whole number, got {max_iters!r}')
        # Not mmengine's constructor: it starts the loader's workers before the first batch is known.
        BaseLoop.__init__(self, runner, dataloader)
        self._max_iters = int(max_iters)
        self._max_epochs = 1
        self._epoch = self._iter = 0
        self.val_begin = val_begin
        self.val_interval = val_interval
        self.stop_training = False  # mmengine's EarlyStoppingHook sets it
        runner.visualizer.dataset_meta = getattr(self.dataloader.dataset, 'metainfo', None)
        self.dynamic_milestones, self.dynamic_intervals = calc_dynamic_intervals(val_interval, dynamic_intervals)

    def _run(self):
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')  # to hooks, the whole run is one epoch
        changed = self.changed_position()
        if changed is not None:
            self.runner.logger.warning(
                f'this is not the run that was stopped: {changed}. The batches that follow '
                'are others than it would have seen'
            )
        self.catch_up_on_validation()
        batches = self._endless_batches()
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(batches))
            self._decide_current_val_interval()
            if self.validation_is_due():
                self.validate()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model

    def validation_is_due(self) -> bool:
        return (
            self.runner.val_loop is not None
            and self._iter >= self.val_begin
            and (self._iter % self.val_interval == 0 or self._iter == self._max_iters)
        )

    def _endless_batches(self) -> Iterator[dict]:
        sampler = sampler_of(self.dataloader)
        if is_endless(sampler):
            number, first = 0, self._iter
        else:
            number, first = divmod(self._iter, len(self.dataloader))
        while True:
            if hasattr(sampler, 'set_epoch'):
                sampler.set_epoch(number)
            yield from self.batches(first)
            number, first = number + 1, 0


class LaterBatches:
    """A batch sampler without its first batches in the first pass.

    Args:
        batch_sampler: the whole.
        first: number of batches to skip.
    """

    def __init__(self, batch_sampler: BatchSampler, first: int) -> None:
        self.whole = batch_sampler
        self.first = first

    @property
    def sampler(self) -> Any:
        return self.whole.sampler

    def __len__(self) -> int:
        return len(self.whole)

    def __iter__(self) -> Iterator[list[int]]:
        # Evaluated at the first batch: with workers torch makes two iterators and uses one.
        first, self.first = self.first, 0
        yield from islice(self.whole, first, None)


@contextmanager
def objects_shared_with_workers() -> Iterator[None]:
    """Take all existing objects out of Python's garbage collection for the duration of the block.

    Forked workers share the pages of this process's memory until one of them writes to a page. The collector writes to every
    object that it visits, and its first full collection would copy all of them, some 80 MiB. Without workers it is not worth
    the collection before it.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def end_workers(loader: DataLoader) -> None:
    """End persistent workers. Left to the garbage collector, which closes their pipes first, each may take 5 s."""
    iterator: Any = getattr(loader, '_iterator', None)
    loader._iterator = None
    if hasattr(iterator, '_shutdown_workers'):
        iterator._shutdown_workers()


def sampler_of(loader: DataLoader) -> Any:
    """The sampler of a loader's indices. With a batch sampler, the loader's own ``sampler`` is not used."""
    return getattr(loader.batch_sampler, 'sampler', loader.sampler)


def is_endless(sampler: Any) -> bool:
    """Whether a pass over a sampler never ends: mmengine's ``InfiniteSampler``, or ``endless=True``."""
    return getattr(sampler, 'endless', isinstance(sampler, InfiniteSampler))
