"""kNN and retrieval while a net is being pretrained."""

from collections.abc import Sequence

from mmengine.dist import barrier, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop

from videossl.checks import check_integer
from videossl.errors import ConfigError
from videossl.evaluation.effective_rank import effective_rank
from videossl.evaluation.knn import knn
from videossl.evaluation.report import all_notes
from videossl.evaluation.retrieval import check_ks, clip_retrieval
from videossl.features.extraction import extract_features
from videossl.features.protocols import Protocol
from videossl.features.video_list import list_videos
from videossl.random_states import kept_random_states
from videossl.registry import HOOKS
from videossl.wrappers import unwrap


@HOOKS.register_module()
class FeatureEvaluationHook(Hook):
    """Evaluates the backbone's features every few epochs: ``eval/knn_top1``, ``eval/knn_top5``, ``eval/R@1``, ..., and the
    effective rank of the test videos' features, ``eval/rank``.

    The numbers go to the log, the message hub and the visualiser. Training does not change: each module goes back to its
    mode, batch norms keep their statistics, and all random generators go back to their states. The first process does the
    work, the others wait, at most ``env_cfg.dist_cfg.timeout`` seconds, with the tools by default two hours. The hook counts
    epochs. An iteration-based loop is one epoch to it: it evaluates at its end, if ``every_n_epochs`` is 1.

    Args:
        train_list: list of labelled videos, the gallery.
        test_list: list of labelled videos, the queries. To select anything by the result, take held-out videos of the
            train split, not the test split.
        data_root: folder that both lists are relative to.
        every_n_epochs: epochs from one evaluation to the next.
        ks: of the retrieval.
        k, temperature: of the kNN.
        num_clips: clips of each video. One clip shows a trend.
        pooling, center: see :class:`~videossl.evaluation.Protocol`.
        views: ``clip_len``, ``frame_interval``, ``size``, ``resize`` and ``crops`` that differ from the run's config.
        batch_size: clips per forward pass.
        num_workers: number of decoding processes.

    Raises:
        ConfigError: an argument is out of range, or a list has no labels.
    """

    priority = 'LOWEST'  # after the hook that writes the checkpoint

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
        center: bool = False,
        views: dict | None = None,
        batch_size: int = 32,
        num_workers: int = 4,
    ) -> None:
        for name, value in (('every_n_epochs', every_n_epochs), ('k', k), ('num_clips', num_clips)):
            check_integer(f'FeatureEvaluationHook: {name}', value)
        check_ks('FeatureEvaluationHook: ks', ks)
        self.splits = [dict(data_root=data_root, ann_file=name) for name in (train_list, test_list)]
        self.every_n_epochs = every_n_epochs
        self.ks, self.k, self.temperature, self.center = tuple(ks), k, temperature, center
        self.views = dict(views or {}, num_clips=num_clips, pooling=pooling)
        self.batch_size, self.num_workers = batch_size, num_workers

    def before_train(self, runner) -> None:
        """Refuse missing lists and lists without labels before training begins."""
        for split in self.splits:
            if list_videos(split).labels is None:
                raise ConfigError(f'FeatureEvaluationHook: {split["ann_file"]} has no labels; give each video one')
        self._protocol(runner)

    def after_train_epoch(self, runner) -> None:
        epoch = runner.epoch + 1
        if epoch % self.every_n_epochs:
            return
        if is_main_process():
            with kept_random_states():
                self._evaluate(runner, epoch)
        barrier()

    def _evaluate(self, runner, epoch: int) -> None:
        model, protocol = unwrap(runner.model), self._protocol(runner)
        settings = dict(protocol.views(), batch_size=self.batch_size, num_workers=self.num_workers, progress=False)
        precision = getattr(model, 'autocast_precision', None)
        gallery, queries = (extract_features(model, split, precision=precision, **settings) for split in self.splits)
        retrieval = clip_retrieval(gallery, queries, self.ks, self.center)
        votes = knn(gallery, queries, self.k, self.temperature, self.center)
        metrics = {
            'eval/knn_top1': votes['top1'],
            'eval/knn_top5': votes['top5'],
            **{f'eval/R@{k}': retrieval[f'R@{k}'] for k in self.ks},
            'eval/rank': effective_rank(queries.averaged()),
        }
        for name, value in metrics.items():
            runner.message_hub.update_scalar(name, value)
        by_iteration = isinstance(runner.train_loop, IterBasedTrainLoop)
        unit, number = ('iter', runner.iter) if by_iteration else ('epoch', epoch)
        runner.visualizer.add_scalars({unit: number, **metrics}, step=runner.iter)
        numbers = '  '.join(f'{name}: {value:.4f}' for name, value in metrics.items())
        runner.logger.info(f'{unit.capitalize()} [{number}]  {numbers}  ({votes["protocol"]})')
        if epoch == self.every_n_epochs or runner.epoch == 0:
            for note in all_notes(dict(retrieval=retrieval, knn=votes)):
                runner.logger.info(note)

    def _protocol(self, runner) -> Protocol:
        """The views of the run's config, with the hook's changes."""
        return Protocol.like(runner.cfg, **self.views)
