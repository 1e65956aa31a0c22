"""Lists broken videos and counts replaced samples."""

import os.path as osp
from collections.abc import Callable

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import Hook

from videossl.checks import check_integer
from videossl.datasets.broken_videos import FILE_NAME, BrokenVideos
from videossl.registry import HOOKS
from videossl.wrappers import innermost_datasets


@HOOKS.register_module()
class BrokenVideosHook(Hook):
    """Tells the data sets where to list the videos that they cannot read, and counts the samples that were replaced.

    The list is ``broken_videos.txt`` in the work folder: one line of path, tab and reason for each video, also with more than
    one worker, process or resumed run. After the first broken video, each epoch ends with a line in the log and a scalar
    ``data/replaced_samples``; in a resumed epoch, samples replaced before the interruption do not count. A resumed run knows
    the broken videos of the run before. It does not open a video again that ended a decoder, unless the file has changed.

    Args:
        interval: iterations between two lines in the log, where the log counts iterations instead of epochs.
    """

    priority = 'NORMAL'

    def __init__(self, interval: int = 1000) -> None:
        check_integer('BrokenVideosHook: interval', interval)
        self.interval = interval
        self.counted = 0  # replaced samples up to the last report
        self.resumed: list[dict] = []

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['broken_videos'] = [
            dataset.broken.state(paths_of(dataset)) for dataset in recording(runner.train_loop.dataloader.dataset)
        ]

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if runner._resume:
            self.resumed = checkpoint.get('broken_videos', [])

    def before_train(self, runner) -> None:
        self._list_in(runner, runner.train_loop)
        found = recording(runner.train_loop.dataloader.dataset)
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
        for broken in records(getattr(loop.dataloader, 'dataset', None)):  # FeatureTestLoop makes its own loaders
            broken.file = osp.join(runner.work_dir, FILE_NAME)

    def _report(self, runner) -> None:
        found = records(runner.train_loop.dataloader.dataset)
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


def records(dataset) -> list[BrokenVideos]:
    """The records of broken videos of the data sets inside wrappers."""
    return [inner.broken for inner in recording(dataset)]


def recording(dataset) -> list:
    """The data sets inside wrappers that record broken videos."""
    return [inner for inner in innermost_datasets(dataset) if hasattr(inner, 'broken')]


def paths_of(dataset) -> Callable[[int], str]:
    """A function from the index of a video in a data set to its path."""
    return lambda index: dataset.get_data_info(index)['filename']
