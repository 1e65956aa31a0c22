"""Where broken videos are listed, and how many there are."""
import os.path as osp
from collections.abc import Iterator

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook

from videossl.registry import HOOKS

FILE_NAME = 'broken_videos.txt'


@HOOKS.register_module()
class BrokenVideosHook(Hook):
    """Lets the data sets list the videos that they cannot read, and counts what was replaced.

    The list is ``broken_videos.txt`` in the work folder, a line of path, tab and reason for each, whatever the number of
    workers, processes and resumed runs. Once something was broken, each epoch ends with a line in the log and a scalar
    ``data/replaced_samples``.

    Args:
        interval: iterations between two lines where the log counts iterations instead of epochs.
    """

    priority = 'NORMAL'

    def __init__(self, interval: int = 1000) -> None:
        if interval < 1:
            raise ValueError(f'interval must be at least 1, but is {interval}')
        self.interval = interval
        self.counted = 0  # of the samples that were replaced

    def before_train(self, runner) -> None:
        self._list_in(runner, runner.train_loop)
        self.counted = sum(broken.replaced for broken in accounts(runner.train_loop.dataloader.dataset))

    def before_val(self, runner) -> None:
        self._list_in(runner, runner.val_loop)

    def before_test(self, runner) -> None:
        self._list_in(runner, runner.test_loop)

    def after_train_epoch(self, runner) -> None:
        self._report(runner)

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if not runner.log_processor.by_epoch and self.every_n_train_iters(runner, self.interval):
            self._report(runner)

    @staticmethod
    def _list_in(runner, loop) -> None:
        for broken in accounts(getattr(loop.dataloader, 'dataset', None)):  # FeatureTestLoop makes its own loaders
            broken.file = osp.join(runner.work_dir, FILE_NAME)

    def _report(self, runner) -> None:
        found = list(accounts(runner.train_loop.dataloader.dataset))
        numbers = torch.tensor([sum(broken.replaced for broken in found), sum(int(broken.named.sum()) for broken in found),
                                self.counted])
        all_reduce(numbers)
        self.counted = sum(broken.replaced for broken in found)
        replaced, named, before = numbers.tolist()
        if named == 0:
            return
        unit = f'epoch {runner.epoch + 1}' if runner.log_processor.by_epoch else f'until iteration {runner.iter + 1}'
        runner.logger.info(
            f'{unit}: {replaced - before} samples are of other videos than drawn, as those cannot be read; {named} broken '
            f'videos so far, listed in {osp.join(runner.work_dir, FILE_NAME)}')
        step = runner.epoch + 1 if runner.log_processor.by_epoch else runner.iter + 1
        runner.visualizer.add_scalar('data/replaced_samples', replaced - before, step)


def accounts(dataset) -> Iterator:
    """The accounts of broken videos of a data set and of those inside it."""
    if hasattr(dataset, 'broken'):
        yield dataset.broken
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    for part in inner:
        if part is not None:
            yield from accounts(part)
