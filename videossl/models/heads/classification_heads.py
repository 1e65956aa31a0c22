"""Heads that classify what a sampler did to a clip, or to a tuple of clips."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from videossl.checks import check_integer
from videossl.errors import ConfigError
from videossl.registry import MODELS

from ..autocast import in_float32
from ..embeddings import Embeddings
from .pretext_head import IGNORE_INDEX, PretextHead, cross_entropy_and_accuracy


@MODELS.register_module()
class ClipClassificationHead(PretextHead):
    """One linear layer and a cross-entropy on a per-clip label that a sampler wrote.

    Linear layers start with normal weights of standard deviation 0.01 and a bias of 0, as mmaction2's classifiers do.
    ``init_cfg=None`` keeps PyTorch's default, with which the released code of auxSKD, VSPP and VideoPace starts.

    Args:
        in_channels: dimension of the embedding.
        num_classes: number of classes.
        label: the field of the data samples that holds the labels, int64 [V], 0-based.
        name: what the loss and the accuracy are called in the log: ``loss_{name}``, ``acc_{name}``. None: the label
            without ``gt_``.
        loss_weight: factor on the loss (alpha and beta of Equation 5).
        dropout: probability of dropout before the linear layer.
        embedding_name: see :class:`PretextHead`.
        ignore_index: label that takes no part in loss and accuracy.
        hidden_channels: width of a layer with ReLU before the linear layer; None: no such layer. On a tuple the linear layer
            alone adds up what the clips say one by one, and cannot compare them.

    Examples:
        A batch of one sample with two clips, whose labels are 2 and 0:

        >>> import torch
        >>> from mmaction.structures import ActionDataSample
        >>> from videossl.models import Embeddings
        >>> head = ClipClassificationHead(in_channels=8, num_classes=4, label='gt_quarter')
        >>> sample = ActionDataSample(gt_quarter=torch.tensor([2, 0]))
        >>> sorted(head.loss(Embeddings(student=torch.zeros(1, 2, 8)), [sample]))
        ['acc_quarter', 'loss_quarter']
    """

    classifies_clips = True

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        label: str,
        name: str | None = None,
        loss_weight: float = 1.0,
        dropout: float = 0.0,
        embedding_name: str = 'pooled',
        ignore_index: int = IGNORE_INDEX,
        init_cfg: dict | list[dict] | None = dict(type='Normal', layer='Linear', std=0.01),
        hidden_channels: int | None = None,
    ) -> None:
        super().__init__(embedding_name, loss_weight, init_cfg)
        check_integer(f'{type(self).__name__}: the number of classes', num_classes)
        self.hidden: nn.Module = nn.Identity()
        if hidden_channels is not None:
            check_integer(f'{type(self).__name__}: hidden_channels', hidden_channels)
            self.hidden = nn.Sequential(nn.Linear(in_channels, hidden_channels), nn.ReLU(inplace=True))
            in_channels = hidden_channels
        self.num_classes = num_classes
        self.label = label
        self.labels_read = (label,)
        self.name = label.removeprefix('gt_') if name is None else name
        self.ignore_index = ignore_index
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(in_channels, num_classes)

    def forward(self, embedding: Tensor) -> Tensor:
        """Logits [..., num_classes] of embeddings [..., in_channels], in fp32."""
        with in_float32(embedding):
            return self.classifier(self.dropout(self.hidden(embedding.float())))

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """Cross-entropy and accuracy over the student's clips.

        Args:
            embeddings: student [B, Vs, in_channels].
            data_samples: B samples, each with the label field, int64 [V].
        """
        labels = self.gather_of_views(data_samples, self.label, embeddings)
        logits = self(embeddings.student).flatten(0, 1)
        return self._results(logits, labels.flatten())

    def _results(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Cross-entropy and accuracy of logits [N, num_classes], over the rows with a label."""
        loss, accuracy, count = cross_entropy_and_accuracy(logits, labels, self.ignore_index)
        results = {f'loss_{self.name}': self.loss_weight * loss, f'acc_{self.name}': accuracy}
        self.counts = dict.fromkeys(results, count)
        return results


@MODELS.register_module()
class TupleHead(ClipClassificationHead):
    """One linear layer on the concatenated embeddings of a tuple of clips, and a cross-entropy on one label of the sample.

    The layer tells the clips of a tuple apart by their position. Shuffle & Learn (three frames: in order or not) and the
    video cloze procedure (three clips: what was done to the middle one) end in this layer.

    Args:
        in_channels: dimension of the embedding of one clip.
        tuple_len: clips in a tuple.
        num_classes: number of classes.
        label: the field of the data samples that holds the label, an int64 scalar, 0-based.
        kwargs: :class:`ClipClassificationHead`.
    """

    classifies_clips = False

    def __init__(self, in_channels: int, tuple_len: int, num_classes: int, label: str, **kwargs: Any) -> None:
        check_integer('TupleHead: tuple_len', tuple_len)
        super().__init__(tuple_len * in_channels, num_classes, label, **kwargs)
        self.tuple_len = tuple_len

    def forward(self, embedding: Tensor) -> Tensor:
        """Logits [B, num_classes] of embeddings [B, tuple_len, in_channels], in fp32.

        Raises:
            ValueError: the samples have another number of clips.
        """
        if embedding.ndim != 3 or embedding.shape[1] != self.tuple_len:
            raise ConfigError(
                f'TupleHead: tuple_len={self.tuple_len} needs embeddings [B, {self.tuple_len}, D], got '
                f'{tuple(embedding.shape)}; the sampler draws another number of clips'
            )
        return super().forward(embedding.flatten(1))

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """Cross-entropy and accuracy; tuples labelled ``ignore_index`` take no part in either.

        Args:
            embeddings: student [B, tuple_len, in_channels].
            data_samples: B samples, each with the label field, an int64 scalar.
        """
        labels = self.gather_of_samples(data_samples, self.label, embeddings)
        return self._results(self(embeddings.student), labels)


@MODELS.register_module()
class SpeedHead(ClipClassificationHead):
    """Predicts the speed, ``gt_speed`` (L_speed of Equation 5), of a segment (VSPP) or of the clip (VideoPace).

    "Auxiliary Learning for Self-Supervised Video Representation via Similarity-based Knowledge Distillation",
    Dadashzadeh, Whone, Mirmehdi, 2021, section 3.2. Other arguments: :class:`ClipClassificationHead`.
    """

    def __init__(self, in_channels: int, num_speeds: int = 4, **kwargs: Any) -> None:
        super().__init__(in_channels, num_speeds, label='gt_speed', name='speed', **kwargs)


@MODELS.register_module()
class SegmentHead(ClipClassificationHead):
    """Predicts which segment of the clip was re-paced, ``gt_segment`` (L_seg of Equation 5).

    At speed 1 the clip is natural everywhere but the label is still the drawn segment, so with ``num_speeds`` equally
    likely speeds the accuracy cannot exceed 1 - (1 - 1/num_segments) / num_speeds: 81.25 % with four of each. The
    sampler's ``ignore_segment_at_speed_one`` leaves these clips out. The released code names this layer
    ``linear_segment`` and has it in R(2+1)D; its R3D learns the speed only, so that its checkpoints look like those of
    VideoPace. Here every backbone can have it. Other arguments: :class:`ClipClassificationHead`.
    """

    def __init__(self, in_channels: int, num_segments: int = 4, **kwargs: Any) -> None:
        super().__init__(in_channels, num_segments, label='gt_segment', name='segment', **kwargs)
