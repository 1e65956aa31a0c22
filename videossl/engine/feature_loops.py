"""A test loop that evaluates features."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.runner import BaseLoop
from rich.console import Console
from torch.utils.data import DataLoader

from videossl.checkpoints.load_model import load_backbone
from videossl.evaluation.model_evaluation import evaluate_model
from videossl.evaluation.report import EVALUATIONS, check_evaluations, flat_metrics, report_markdown, report_table
from videossl.features.clip_encoder import says_pixels
from videossl.features.protocols import protocol_of
from videossl.registry import LOOPS
from videossl.wrappers import unwrap


@LOOPS.register_module()
class FeatureTestLoop(BaseLoop):
    """Clip retrieval, kNN and a linear probe of a checkpoint's backbone, from one extraction of both splits.

    The checkpoint may be of any pretraining method, or of a recogniser. Its backbone has to be complete; its other
    weights are not used. It gets the pixels that the checkpoint's config says it was trained on, and those of the model
    where the checkpoint does not say. The first process does the work, the others wait, at most
    ``env_cfg.dist_cfg.timeout`` seconds, with the tools by default two hours.

    Args:
        runner: mmengine's runner.
        dataloader: config of a loader, whose data set names the test split, the queries. Its pipeline is not used.
        evaluator: not used; mmengine requires one.
        train_list: list of the train split, the gallery, in the folder of the test split's list.
        protocol: a name in :data:`videossl.evaluation.PROTOCOLS`.
        evaluations, ks, k, temperature, probe, train_on: see :func:`~videossl.evaluation.evaluate_features`.
        features_dir: folder to keep the features in, so that an interrupted test goes on. None: they are not kept.
        batch_size: clips per forward pass.
        progress: show a bar.
        changes: settings that replace the protocol's, e.g. ``size=64, resize=72``.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        runner,
        dataloader: DataLoader | dict,
        evaluator: Evaluator | dict | list | None = None,
        train_list: str | None = None,
        protocol: str = 'auxskd',
        evaluations: Sequence[str] = EVALUATIONS,
        ks: Sequence[int] = (1, 5, 10, 20, 50),
        k: int = 20,
        temperature: float = 0.07,
        probe: str = 'logistic',
        train_on: str = 'views',
        features_dir: str | None = None,
        batch_size: int = 32,
        progress: bool = True,
        **changes,
    ) -> None:
        self._runner = runner
        if not train_list:
            raise ValueError(
                'FeatureTestLoop needs train_list, the list of the videos among which those of the test split '
                'are looked up (--cfg-options test_cfg.train_list=LIST)'
            )
        if not isinstance(dataloader, dict):
            raise ValueError('FeatureTestLoop makes its own loaders: test_dataloader must be a config, not a loader')
        self.test_split = copy.deepcopy(dict(dataloader['dataset']))
        self.train_split = dict(self.test_split, ann_file=train_list)
        self.protocol = protocol_of(protocol, **changes)
        check_evaluations(evaluations)
        of_metrics = dict(evaluations=list(evaluations), ks=list(ks), k=k, temperature=temperature, probe=probe)
        of_extraction = dict(features_dir=features_dir, batch_size=batch_size, progress=progress)
        self.settings = dict(
            of_metrics, train_on=train_on, num_workers=dataloader.get('num_workers', 0), **of_extraction
        )
        self.dataloader = ()  # hooks read its length
        # mmengine would load the whole checkpoint, and say little about weights that do not fit.
        self.checkpoint, runner._load_from = runner._load_from, None
        self.results: dict[str, dict] = {}

    @torch.no_grad()
    def run(self) -> dict[str, float]:
        """All metrics, e.g. ``retrieval/R@1``, ``knn/top1``, ``linear_probe/top1``. ``results`` holds their protocols."""
        self.runner.call_hook('before_test')
        self.runner.call_hook('before_test_epoch')
        model: Any = unwrap(self.runner.model)
        model.checkpoint, model.cfg = self.checkpoint, self.runner.cfg
        evaluated = model
        if self.checkpoint is not None:
            load_backbone(self.checkpoint, model.backbone, device=next(model.backbone.parameters()).device)
            if says_pixels(model.backbone):
                evaluated = model.backbone
        shared: list[Any] = [None]
        if is_main_process():
            settings = dict(self.settings, precision=getattr(model, 'autocast_precision', None))
            shared = [evaluate_model(evaluated, self.train_split, self.test_split, protocol=self.protocol, **settings)]
        broadcast_object_list(shared)
        self.results = shared[0]
        if is_main_process():
            Console().print(report_table(self.results))
        self.runner.logger.info('features:\n' + report_markdown(self.results))
        metrics = flat_metrics(self.results)
        self.runner.call_hook('after_test_epoch', metrics=metrics)
        self.runner.call_hook('after_test')
        return metrics
