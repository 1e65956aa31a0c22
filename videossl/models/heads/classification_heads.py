"""Heads that classify what a sampler did to a clip: its speed, or which segment was re-paced."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from videossl.registry import MODELS

from .utils import gather_labels, in_float32


class ClipClassificationHead(BaseModule):
    """One linear layer and a cross-entropy on a per-clip label that a sampler wrote.

    Args:
        in_channels: dimension of the embedding.
        num_classes: number of classes.
        label: the field of the data samples that holds the labels, int64 [V], 0-based.
        name: what the loss and the accuracy are called in the log: ``loss_{name}``, ``acc_{name}``.
        loss_weight: factor on the loss (alpha and beta of Equation 5).
        dropout: probability of dropout before the linear layer.
        embedding: name of the embedding it reads; ``'pooled'`` is the pooled feature map.
        ignore_index: label that takes no part in loss and accuracy.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        label: str,
        name: str,
        loss_weight: float = 1.0,
        dropout: float = 0.0,
        embedding: str = 'pooled',
        ignore_index: int = -100,
        init_cfg=dict(type='Normal', layer='Linear', std=0.01),
    ) -> None:
        super().__init__(init_cfg)
        if num_classes < 1:
            raise ValueError(f'{type(self).__name__}: the number of classes must be at least 1, got {num_classes}')
        self.num_classes = num_classes
        self.label = label
        self.name = name
        self.loss_weight = loss_weight
        self.embedding = embedding
        self.ignore_index = ignore_index
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(in_channels, num_classes)

    @property
    def labels_read(self) -> tuple[str, ...]:
        """The fields of a data sample that the loss needs."""
        return (self.label,)

    def forward(self, embedding: Tensor) -> Tensor:
        """Logits [..., num_classes] of embeddings [..., in_channels], in fp32."""
        with in_float32(embedding):
            return self.classifier(self.dropout(embedding.float()))

    def loss(self, embedding: Tensor, data_samples: Sequence) -> dict[str, Tensor]:
        """Cross-entropy and accuracy.

        Args:
            embedding: [B, V, in_channels].
            data_samples: B samples, each with the label field, int64 [V].
        """
        labels = gather_labels(data_samples, self.label, type(self).__name__).to(embedding.device)
        if labels.shape != embedding.shape[:2]:
            raise ValueError(
                f'{type(self).__name__}: {tuple(labels.shape)} labels "{self.label}" for '
                f'{tuple(embedding.shape[:2])} clips'
            )
        logits = self(embedding).flatten(0, 1)
        labels = labels.flatten()
        counted = labels != self.ignore_index
        # A mean over no clip would be 0/0; the sum over the counted clips divided by at least one is 0 then.
        count = counted.sum().clamp(min=1)
        loss = F.cross_entropy(logits, labels, ignore_index=self.ignore_index, reduction='sum') / count
        with torch.no_grad():
            accuracy = ((logits.argmax(1) == labels) & counted).sum() / count
        return {f'loss_{self.name}': self.loss_weight * loss, f'acc_{self.name}': accuracy}


@MODELS.register_module()
class SpeedHead(ClipClassificationHead):
    """Predicts the speed, ``gt_speed`` (L_speed of Equation 5), of a segment (VSPP) or of the clip (VideoPace).

    "Auxiliary Learning for Self-Supervised Video Representation via Similarity-based Knowledge Distillation",
    Dadashzadeh, Whone, Mirmehdi, 2021, section 3.2. Other arguments: :class:`ClipClassificationHead`.
    """

    def __init__(self, in_channels: int, num_speeds: int = 4, **kwargs) -> None:
        super().__init__(in_channels, num_speeds, label='gt_speed', name='speed', **kwargs)


@MODELS.register_module()
class SegmentHead(ClipClassificationHead):
    """Predicts which segment of the clip was re-paced, ``gt_segment`` (L_seg of Equation 5).

    At speed 1 the clip is natural everywhere but the label is still the drawn segment, so with ``num_speeds`` equally
    likely speeds the accuracy cannot exceed 1 - (1 - 1/num_segments) / num_speeds: 81.25 % with four of each. The
    sampler's ``ignore_segment_at_speed_one`` leaves these clips out. Other arguments: :class:`ClipClassificationHead`.
    """

    def __init__(self, in_channels: int, num_segments: int = 4, **kwargs) -> None:
        super().__init__(in_channels, num_segments, label='gt_segment', name='segment', **kwargs)
