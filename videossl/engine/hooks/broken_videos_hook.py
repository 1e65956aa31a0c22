"""Where broken videos are listed, and how many there are."""

import os.path as osp
from collections.abc import Callable, Iterator

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import Hook

from videossl.registry import HOOKS

FILE_NAME = 'broken_videos.txt'


@HOOKS.register_module()
class BrokenVideosHook(Hook):
    """Lets the data sets list the videos that they cannot read, and counts what was replaced.

    The list is ``broken_videos.txt`` in the work folder, a line of path, tab and reason for each, whatever the number of
    workers, processes and resumed runs. Once something was broken, each epoch ends with a line in the log and a scalar
    ``data/replaced_samples`` (of an epoch that was resumed, those since then). A resumed run knows which videos were
    broken, and does not open again what took a decoder down, unless the file has changed.

    Args:
        interval: iterations between two lines where the log counts iterations instead of epochs.
    """

    priority = 'NORMAL'

    def __init__(self, interval: int = 1000) -> None:
        if interval < 1:
            raise ValueError(f'interval must be at least 1, but is {interval}')
        self.interval = interval
        self.counted = 0  # of the samples that were replaced
        self.resumed: list[dict] = []

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['broken_videos'] = [
            dataset.broken.state(paths_of(dataset)) for dataset in with_account(runner.train_loop.dataloader.dataset)
        ]

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if runner._resume:
            self.resumed = checkpoint.get('broken_videos', [])

    def before_train(self, runner) -> None:
        self._list_in(runner, runner.train_loop)
        found = list(with_account(runner.train_loop.dataloader.dataset))
        for dataset, state in zip(found, self.resumed):
            dataset.broken.restore(state, paths_of(dataset))
        self.resumed = []
        known = sum(int(dataset.broken.named.sum()) for dataset in found)
        if known:
            runner.logger.info(
                f'{known} broken videos are known from before, listed in {osp.join(runner.work_dir, FILE_NAME)}'
            )
        self.counted = sum(dataset.broken.replaced for dataset in found)

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
        for broken in found if get_world_size() > 1 else ():
            broken.share()
        before, self.counted = self.counted, sum(broken.replaced for broken in found)
        replaced = torch.tensor(self.counted - before)
        all_reduce(replaced)
        named = sum(int(broken.named.sum()) for broken in found)
        if named == 0:
            return
        unit = f'epoch {runner.epoch + 1}' if runner.log_processor.by_epoch else f'until iteration {runner.iter + 1}'
        runner.logger.info(
            f'{unit}: {int(replaced)} samples are of other videos than drawn, as those cannot be read; {named} broken '
            f'videos so far, listed in {osp.join(runner.work_dir, FILE_NAME)}'
        )
        step = runner.epoch + 1 if runner.log_processor.by_epoch else runner.iter + 1
        runner.visualizer.add_scalar('data/replaced_samples', int(replaced), step)


def accounts(dataset) -> Iterator:
    """The accounts of broken videos of a data set and of those inside it."""
    return (part.broken for part in with_account(dataset))


def with_account(dataset) -> Iterator:
    """Of a data set and those inside it, those that keep an account of broken videos."""
    if hasattr(dataset, 'broken'):
        yield dataset
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    for part in inner:
        if part is not None:
            yield from with_account(part)


def paths_of(dataset) -> Callable[[int], str]:
    """A function from the index of a video to its path."""
    return lambda index: dataset.get_data_info(index)['filename']
