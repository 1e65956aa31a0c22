"""Regression of numbers that describe a clip."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from videossl.checks import check_integer, check_positive
from videossl.errors import ConfigError
from videossl.registry import MODELS

from ..autocast import in_float32
from ..embeddings import Embeddings
from .pretext_head import IGNORE_INDEX, PretextHead, divisor, joint_count


@MODELS.register_module()
class RegressionHead(PretextHead):
    """One linear layer and the mean squared error to the numbers that a transform wrote for each clip.

    The loss of "Self-Supervised Spatio-Temporal Representation Learning for Videos by Predicting Motion and Appearance
    Statistics", Wang, Jiao, Bao, He, Liu, Liu, 2019. Its released code takes the labels as they are, counted from 1, so that
    one of 1 to 16 weighs more than one of 1 to 4.

    The mean is taken over the numbers that are not ``ignore_index``, with several processes over those of all of them: two
    processes have the loss (its mean over them) and the gradients of one with the joint batch.

    Args:
        in_channels: dimension of the embedding.
        num_targets: numbers D for each clip.
        label: the field of the data samples that holds them, int64 [V, D], or [V] for one number.
        name: what the loss and the accuracy are called in the log: ``loss_{name}``, ``acc_{name}``. None: the label
            without ``gt_``.
        loss_weight: factor on the loss.
        scales: D positive numbers that the errors are divided by, such as the number of classes of each. None: 1.
        embedding_name: see :class:`PretextHead`.
        ignore_index: number that takes no part in loss and accuracy.
    """

    def __init__(
        self,
        in_channels: int,
        num_targets: int,
        label: str,
        name: str | None = None,
        loss_weight: float = 1.0,
        scales: Sequence[float] | None = None,
        embedding_name: str = 'pooled',
        ignore_index: int = IGNORE_INDEX,
        init_cfg: dict | list[dict] | None = dict(type='Normal', layer='Linear', std=0.01),
    ) -> None:
        super().__init__(embedding_name, loss_weight, init_cfg)
        check_integer('RegressionHead: num_targets', num_targets)
        scales = [1.0] * num_targets if scales is None else scales
        if len(scales) != num_targets:
            raise ConfigError(f'RegressionHead: scales must be {num_targets} numbers, num_targets, got {len(scales)}')
        for scale in scales:
            check_positive('RegressionHead: each of scales', scale)
        self.label = label
        self.labels_read = (label,)
        self.name = label.removeprefix('gt_') if name is None else name
        self.ignore_index = ignore_index
        self.regressor = nn.Linear(in_channels, num_targets)
        self.register_buffer('scales', torch.tensor(scales, dtype=torch.float32), persistent=False)

    def forward(self, embedding: Tensor) -> Tensor:
        """Numbers [..., D] of embeddings [..., in_channels], in fp32."""
        with in_float32(embedding):
            return self.regressor(embedding.float())

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """The loss, and the share of numbers that are predicted exactly when rounded.

        Args:
            embeddings: student [B, Vs, in_channels].
            data_samples: B samples, each with the label field.

        Raises:
            ConfigError: there are not D numbers for each clip.
        """
        predictions = self(embeddings.student)
        targets = self.gather(data_samples, self.label, embeddings)
        if targets.ndim == 2:
            targets = targets.unsqueeze(2)
        views, num_targets = embeddings.views, predictions.shape[-1]
        if targets.ndim != 3 or targets.shape[1] <= max(views) or targets.shape[2] != num_targets:
            raise ConfigError(
                f'RegressionHead: num_targets={num_targets}, but the labels "{self.label}" have shape {tuple(targets.shape)} for '
                f'{tuple(predictions.shape[:2])} clips; set num_targets to their last size'
            )
        targets = targets[:, views]
        counted = targets != self.ignore_index
        count = joint_count(counted)
        errors = torch.where(counted, (predictions - targets) / self.scales, 0)
        with torch.no_grad():
            hits = (predictions.round() == targets) & counted
        results = {
            f'loss_{self.name}': self.loss_weight * errors.square().sum() / divisor(count),
            f'acc_{self.name}': hits.sum() / divisor(count),
        }
        self.counts = dict.fromkeys(results, count)
        return results
