"""mmaction2's classification head, whose accuracies stay on the device."""

from collections.abc import Sequence
from typing import Any

import torch
from mmaction.models.heads import I3DHead
from torch import Tensor
from torch.nn import functional as F

from videossl.registry import MODELS


@MODELS.register_module()
class RecognitionHead(I3DHead):
    """mmaction2's I3DHead for one label a sample: pooling, dropout, one linear layer and a cross-entropy.

    mmaction2 brings the scores of each batch to NumPy for the accuracies in the log, and an accelerator's host waits for
    them. Here they are computed where the scores are. Loss, weights and their names are those of I3DHead. Scores that are
    equal may be ranked in another order.

    Args:
        arguments: of I3DHead.
    """

    def loss_by_feat(self, cls_scores: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """The loss, and the accuracies ``top{k}_acc``, of scores [B, classes]. Soft labels go to mmaction2's method."""
        labels = torch.stack([sample.gt_label for sample in data_samples]).to(cls_scores.device)
        if labels.numel() != len(cls_scores):
            return super().loss_by_feat(cls_scores, data_samples)
        labels = labels.flatten()
        results = {}
        for k in self.topk:
            best = cls_scores.detach().topk(min(k, self.num_classes), dim=1).indices
            results[f'top{k}_acc'] = (best == labels[:, None]).any(dim=1).float().mean()
        if self.label_smooth_eps != 0:
            labels = F.one_hot(labels, num_classes=self.num_classes)
            labels = (1 - self.label_smooth_eps) * labels + self.label_smooth_eps / self.num_classes
        loss = self.loss_cls(cls_scores, labels)
        return {**results, **(loss if isinstance(loss, dict) else dict(loss_cls=loss))}
