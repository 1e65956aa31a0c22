"""Loops over data that mmengine has no loop for."""

from collections import defaultdict
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.evaluator import Evaluator
from mmengine.runner import BaseLoop
from torch import nn
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
    batch, then averaged over the batches by their size). Of heads that leave some rows out, such as clips whose label is
    -100, each row that counts has the same weight (``counts`` of :class:`~videossl.models.PretextHead`). Where the number
    of processes does not divide the data set, the first samples count twice. The candidates of a contrastive accuracy are
    the rows of the checkpoint's memory bank, or the clips of the batch.

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
        ``pretext/``. One of which no row counts is left out."""
        self.runner.call_hook('before_test')
        self.runner.call_hook('before_test_epoch')
        model: Any = unwrap(self.runner.model)
        model.eval()
        totals: dict[str, torch.Tensor] = defaultdict(lambda: torch.zeros(2, dtype=torch.float64))  # sum and count
        for index, batch in enumerate(self.dataloader):
            self.runner.call_hook('before_test_iter', batch_idx=index, data_batch=batch)
            samples = len(batch['inputs'])
            results = model(**model.data_preprocessor(batch), mode='loss')
            counts = counts_of(model)
            for name, value in results.items():
                if name.startswith(AVERAGED):
                    count = float(counts.get(name, samples))
                    totals[name] += torch.tensor([count * float(value.mean()), count], dtype=torch.float64)
            self.runner.call_hook('after_test_iter', batch_idx=index, data_batch=batch, outputs=None)
        for total in totals.values():
            all_reduce(total)
        metrics = {f'pretext/{name}': float(total / count) for name, (total, count) in totals.items() if count}
        self.runner.call_hook('after_test_epoch', metrics=metrics)
        self.runner.call_hook('after_test')
        return metrics


def counts_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """Over how many rows the heads took the means of their last losses and accuracies, where these are not all rows."""
    heads = getattr(model, 'heads', None) or {}
    return {name: count for head in heads.values() for name, count in getattr(head, 'counts', {}).items()}
