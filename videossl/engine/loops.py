"""Loops over data that mmengine has no loop for."""

from collections import defaultdict
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.evaluator import Evaluator
from mmengine.runner import BaseLoop
from torch.utils.data import DataLoader

from videossl.errors import ConfigError
from videossl.registry import LOOPS
from videossl.wrappers import unwrap

from .resumable_loops import is_endless, sampler_of

# Prefixes of the log's entries whose average over batches has a meaning.
AVERAGED = ('loss', 'acc', 'miou_', 'kl_')


@LOOPS.register_module()
class PretextTestLoop(BaseLoop):
    """Tests a pretraining model on its own pretext task: losses and accuracies of unseen videos, by fresh draws.

    The model is in eval mode and does not change. Each sample has the same weight (a mean IoU is taken over the pixels of a
    batch, then averaged over the batches by their size). Where the number of processes does not divide the data set, the
    first samples count twice. The candidates of a contrastive accuracy are the rows of the checkpoint's memory bank.

    Args:
        runner: mmengine's runner.
        dataloader: of samples that the model's ``loss`` takes.
        evaluator: not used; mmengine requires one.

    Raises:
        ConfigError: the sampler is endless, so that the test would not end.
    """

    def __init__(self, runner, dataloader: DataLoader | dict, evaluator: Evaluator | dict | list | None = None) -> None:
        super().__init__(runner, dataloader)
        sampler = sampler_of(self.dataloader)
        if is_endless(sampler):
            raise ConfigError(
                f'test_dataloader.sampler: a pass over {type(sampler).__name__} never ends; use DrawSampler without endless=True'
            )

    @torch.no_grad()
    def run(self) -> dict[str, float]:
        """The mean of each loss, accuracy, mean IoU and divergence, under the names of the training log behind
        ``pretext/``."""
        self.runner.call_hook('before_test')
        self.runner.call_hook('before_test_epoch')
        model: Any = unwrap(self.runner.model)
        model.eval()
        sums: dict[str, torch.Tensor] = defaultdict(lambda: torch.zeros((), dtype=torch.float64))
        count = torch.zeros((), dtype=torch.float64)
        for index, batch in enumerate(self.dataloader):
            self.runner.call_hook('before_test_iter', batch_idx=index, data_batch=batch)
            samples = len(batch['inputs'])
            results = model(**model.data_preprocessor(batch), mode='loss')
            for name, value in results.items():
                if name.startswith(AVERAGED):
                    sums[name] += samples * value.detach().mean().double().cpu()
            count += samples
            self.runner.call_hook('after_test_iter', batch_idx=index, data_batch=batch, outputs=None)
        for total in (count, *sums.values()):
            all_reduce(total)
        metrics = {f'pretext/{name}': float(total / count) for name, total in sums.items()}
        self.runner.call_hook('after_test_epoch', metrics=metrics)
        self.runner.call_hook('after_test')
        return metrics
