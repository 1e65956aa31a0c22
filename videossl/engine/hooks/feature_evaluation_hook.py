"""kNN and retrieval while a net is being pretrained."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import Hook
from torch import nn

from videossl.evaluation.knn import knn
from videossl.evaluation.report import all_notes
from videossl.evaluation.retrieval import check_ks, clip_retrieval
from videossl.registry import HOOKS
from videossl.wrappers import unwrap


@HOOKS.register_module()
class FeatureEvaluationHook(Hook):
    """Says every few epochs what the backbone's features are worth: ``eval/knn_top1``, ``eval/knn_top5``, ``eval/R@1``, ...

    The numbers go to the log, the message hub and the visualiser. Training takes no notice: modules go back to the mode
    that each was in, batch norms keep their statistics, and every generator of random numbers is put back. The first
    process does the work, the others wait. It counts epochs, so it does nothing under an iteration-based loop.

    Args:
        train_list: list of labelled videos, the gallery.
        test_list: list of labelled videos to look up in it. To choose anything by the result, take held-out videos of the
            train split, not the test split.
        data_root: folder that both are relative to.
        every_n_epochs: how often.
        ks: of the retrieval.
        k, temperature: of the kNN.
        num_clips: clips of each video. One is enough to see a trend.
        pooling, centre: see :class:`~videossl.evaluation.Protocol`.
        views: ``clip_len``, ``frame_interval``, ``size``, ``resize`` and ``crops`` where they are to differ from the run's
            own config.
        batch_size: clips at once.
        num_workers: processes that decode.

    Raises:
        ValueError: an argument is unusable.
    """

    priority = 'LOWEST'  # the checkpoint is written before, in case anything happens here

    def __init__(
        self,
        train_list: str,
        test_list: str,
        data_root: str = '',
        every_n_epochs: int = 1,
        ks: Sequence[int] = (1, 5),
        k: int = 20,
        temperature: float = 0.07,
        num_clips: int = 1,
        pooling: str = 'avg',
        centre: bool = False,
        views: dict | None = None,
        batch_size: int = 32,
        num_workers: int = 4,
    ) -> None:
        for name, value in (('every_n_epochs', every_n_epochs), ('k', k), ('num_clips', num_clips)):
            if type(value) is not int or value < 1:
                raise ValueError(f'FeatureEvaluationHook: {name} must be a whole number of at least 1, got {value!r}')
        check_ks('FeatureEvaluationHook: ks', ks)
        self.splits = [dict(data_root=data_root, ann_file=name) for name in (train_list, test_list)]
        self.every_n_epochs = every_n_epochs
        self.ks, self.k, self.temperature, self.centre = tuple(ks), k, temperature, centre
        self.views = dict(views or {}, clips=num_clips, pooling=pooling)
        self.loading = dict(batch_size=batch_size, num_workers=num_workers)

    def before_train(self, runner) -> None:
        """Refuse lists that are not there, or without labels, before anything is trained."""
        from videossl.features.extraction import list_videos  # the APIs stand above the engine

        for split in self.splits:
            if list_videos(split).labels is None:
                raise ValueError(f'FeatureEvaluationHook: {split["ann_file"]} has no labels; give each video one')
        self._protocol(runner)

    def after_train_epoch(self, runner) -> None:
        epoch = runner.epoch + 1
        if epoch % self.every_n_epochs:
            return
        if is_main_process():
            with undisturbed(unwrap(runner.model)):
                self._evaluate(runner, epoch)
        barrier()

    def _evaluate(self, runner, epoch: int) -> None:
        from videossl.features.extraction import extract_features

        model = unwrap(runner.model)
        views = {('num_clips' if name == 'clips' else name): value for name, value in self._protocol(runner).items()}
        gallery, queries = (
            extract_features(
                model,
                split,
                precision=getattr(model, 'autocast_precision', None),
                progress=False,
                **views,
                **self.loading,
            )
            for split in self.splits
        )
        retrieval = clip_retrieval(gallery, queries, self.ks, self.centre)
        votes = knn(gallery, queries, self.k, self.temperature, self.centre)
        metrics = {
            'eval/knn_top1': votes['top1'],
            'eval/knn_top5': votes['top5'],
            **{f'eval/R@{k}': retrieval[f'R@{k}'] for k in self.ks},
        }
        for name, value in metrics.items():
            runner.message_hub.update_scalar(name, value)
        runner.visualizer.add_scalars({'epoch': epoch, **metrics}, step=runner.iter)
        numbers = '  '.join(f'{name}: {value:.4f}' for name, value in metrics.items())
        runner.logger.info(f'Epoch [{epoch}]  {numbers}  ({votes["protocol"]})')
        if epoch == self.every_n_epochs or runner.epoch == 0:
            for note in all_notes(dict(retrieval=retrieval, knn=votes)):
                runner.logger.info(note)

    def _protocol(self, runner) -> dict:
        """The views: those of the run's config, but for what the hook was told."""
        from videossl.features.clip_protocol import ClipProtocol

        return ClipProtocol.like(runner.cfg, **self.views).record()


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Afterwards each module is in the mode it was in, and the generators of Python, NumPy and torch are where they were."""
    modes = {module: module.training for module in model.modules()}
    states = random.getstate(), np.random.get_state()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() and torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        for module, mode in modes.items():
            module.training = mode
