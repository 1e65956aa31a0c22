"""Training loops that go on exactly where a run stopped, in the middle of an epoch too."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_world_size
from mmengine.hooks import IterTimerHook
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, IterBasedTrainLoop
from mmengine.runner.utils import calc_dynamic_intervals
from torch.utils.data import BatchSampler, DataLoader, Sampler

from videossl.random_states import kept_random_states
from videossl.registry import LOOPS

from .samplers import DrawSampler


class ResumableLoop:
    """What both training loops share.

    :class:`~videossl.engine.ExactResumeHook` saves the random states and gives the loop what it needs to go on. The
    loaders' workers, and validation, leave the generators of training as they are, so that a run with them, or stopped
    between them, draws the same.
    """

    # What the checkpoint of a resumed run says: ``position()`` of then, and ``validated_iter``.
    resumed: dict | None = None
    # The iteration after which the last validation was done.
    validated_iter: int | None = None

    def run(self):
        """Train; returns the model."""
        try:
            with objects_shared_with_workers():
                return self._run()
        except BaseException:
            self.runner.call_hook('after_failed_training')
            raise
        finally:
            end_workers(self.dataloader)

    def position(self) -> dict[str, int]:
        """What the numbers of epochs and iterations depend on; with another it is another sequence of batches."""
        loader = self.dataloader
        return dict(
            batches=len(loader),
            batch_size=loader.batch_size or 0,
            samples=len(loader.dataset),
            processes=get_world_size(),
        )

    def changed_position(self) -> str | None:
        """What is not as it was when the checkpoint was saved, in words."""
        before, now = (self.resumed or {}).get('position', {}), self.position()
        names = dict(batches='batches an epoch', batch_size='batch size', samples='samples', processes='processes')
        changes = [
            f'{name} {before[key]} -> {now[key]}'
            for key, name in names.items()
            if before.get(key, now[key]) != now[key]
        ]
        return ', '.join(changes) or None

    def batches(self, first: int) -> Iterator[dict]:
        """One pass over the loader from its batch number ``first`` on. What is before it is not read."""
        loader = self.dataloader
        sampler = sampler_of(loader)
        if first and isinstance(sampler, DrawSampler) and type(loader.batch_sampler) is BatchSampler:
            sampler.start = first * loader.batch_size
        elif first:
            # torch does not let a loader's batch sampler be replaced. This one steps aside after the first pass.
            loader.__dict__['batch_sampler'] = LaterBatches(loader.batch_sampler, first)
        with kept_random_states():  # torch draws a seed for the workers, also where there are none
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
        """A checkpoint is saved before the validation that follows it; what that one adds to the best score, to the log
        and to a learning rate that depends on it is made good."""
        if self.resumed is None or 'validated_iter' not in self.resumed or self.iter == 0:
            return
        self.validated_iter = self.resumed['validated_iter']
        if self.validated_iter != self.iter and self.validation_is_due():
            self.runner.logger.info('the validation that follows this checkpoint is done now')
            self.validate()


@LOOPS.register_module()
class ResumableEpochBasedTrainLoop(ResumableLoop, EpochBasedTrainLoop):
    """mmengine's loop over epochs, but a run that resumes in the middle of one goes on with the batch it stopped at.

    mmengine 0.10.7 begins the epoch anew there. The batch follows from the numbers of iterations and epochs in the
    checkpoint. With another data set, batch size or number of processes than then, there is no such batch; the epoch
    begins anew, and the log says so.

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
            with kept_random_states():  # what hooks draw for this epoch, they drew when it began
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
        """The batch of the current epoch that comes next; all are done where the run stopped before the epoch's end was
        said."""
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
                hook.start_iter = self._iter  # else mmengine divides by zero when it tells the time that is left
        return first


@LOOPS.register_module()
class ResumableIterBasedTrainLoop(ResumableLoop, IterBasedTrainLoop):
    """mmengine's loop over iterations, but a run that resumes reads nothing again.

    mmengine 0.10.7 decodes, and throws away, every batch since the beginning. Samplers: :class:`DrawSampler`, passing
    over the data again and again; with ``endless=True``, as with mmengine's ``InfiniteSampler``, batches reach over the
    ends of the passes.

    Args:
        runner, dataloader: mmengine's.
        max_iters: iterations in all.
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
            raise ValueError(f'ResumableIterBasedTrainLoop: max_iters must be a whole number, got {max_iters!r}')
        # Not mmengine's own: it starts the loader's workers here, which read before it is known from where on.
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
        if getattr(sampler, 'endless', isinstance(sampler, InfiniteSampler)):
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
        first: so many batches are left out.
    """

    def __init__(self, batch_sampler: BatchSampler, first: int) -> None:
        self.whole = batch_sampler
        self.first = first

    @property
    def sampler(self) -> Sampler:
        return self.whole.sampler

    def __len__(self) -> int:
        return len(self.whole)

    def __iter__(self) -> Iterator[list[int]]:
        # When the first batch is asked for: torch makes two iterators where there are workers, and uses one.
        first, self.first = self.first, 0
        yield from islice(self.whole, first, None)


@contextmanager
def objects_shared_with_workers() -> Iterator[None]:
    """Take what there is out of Python's garbage collection for as long as this lasts.

    Workers that are forked off share this process's memory, page by page, until one of them writes to it. The collector
    writes to every object that it looks at, and its first full collection would copy them all, some 80 MiB.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def end_workers(loader: DataLoader) -> None:
    """End persistent workers. Left to the garbage collector, which closes their pipes first, each may take 5 s."""
    iterator, loader._iterator = getattr(loader, '_iterator', None), None
    if hasattr(iterator, '_shutdown_workers'):
        iterator._shutdown_workers()


def sampler_of(loader: DataLoader) -> Sampler:
    """What draws a loader's indices; the loader's own ``sampler`` is a stand-in where it has a batch sampler."""
    return getattr(loader.batch_sampler, 'sampler', loader.sampler)
