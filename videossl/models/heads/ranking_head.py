"""Ranking of transformations among the clips of a video."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from videossl.checks import check_integer, check_positive
from videossl.errors import ConfigError
from videossl.registry import MODELS

from ..embeddings import Embeddings
from .classification_heads import ClipClassificationHead
from .pretext_head import IGNORE_INDEX, divisor, joint_count


def score_differences(scores: Tensor, labels: Tensor, ignore_index: int = IGNORE_INDEX) -> tuple[Tensor, Tensor]:
    """By how much a clip's score in its own transformation exceeds those of other clips of the video in it.

    Args:
        scores: [B, V, C], of each clip for each transformation.
        labels: int64 [B, V], the transformation of each clip.
        ignore_index: label of clips that are not compared.

    Returns:
        Differences [B, V, V] of clip ``i`` to clip ``j``, and bool [B, V, V], whether the two have different labels, and so
        are compared.
    """
    known = labels != ignore_index
    columns = labels.clamp(min=0).unsqueeze(2).expand(-1, -1, labels.shape[1])
    in_column = scores.transpose(1, 2).gather(1, columns)  # of clip j, in the transformation of clip i
    own = in_column.diagonal(dim1=1, dim2=2).unsqueeze(2)
    compared = (labels[:, :, None] != labels[:, None, :]) & known[:, :, None] & known[:, None, :]
    return own - in_column, compared


def transformation_ranking(scores: Tensor, labels: Tensor, margin: float, ignore_index: int = IGNORE_INDEX) -> Tensor:
    """Mean of max(0, margin - (s_ii - s_ij)) over all ordered pairs of clips of a video with different transformations.

    s_ij is the score of clip j for the transformation of clip i. So clips are compared by one score at a time, and whatever
    adds the same to this score in all clips of a video, such as how fast its scene moves, cancels. With n clips under n
    transformations there are n (n - 1) pairs.

    Args: as :func:`score_differences`.

    Returns:
        A scalar, the margin where all scores are the same; 0 without a pair.
    """
    differences, compared = score_differences(scores, labels, ignore_index)
    return _mean_violation(differences, compared, margin)[0]


def _mean_violation(differences: Tensor, compared: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    """:func:`transformation_ranking` of the differences, and the number of pairs."""
    pairs = joint_count(compared)
    return torch.where(compared, F.relu(margin - differences), 0).sum() / divisor(pairs), pairs


@MODELS.register_module()
class RankingHead(ClipClassificationHead):
    """The score of a transformation is highest for the clip of the video that has it.

    After "TransRank: Self-supervised Video Representation Learning via Ranking-based Transformation Recognition", Haodong
    Duan, Nanxuan Zhao, Kai Chen, Dahua Lin, 2022: that clips of a video are ranked is the paper's, the formula is a guess.
    :class:`ClipClassificationHead` with the same label is its counterpart, classification of each clip by itself. The
    scores have no bias, which would cancel.

    Args:
        in_channels: dimension of the embedding.
        num_classes: number of transformations, at least 2.
        margin: see :func:`transformation_ranking`. 0.5 is a guess.
        label: the field of the data samples that holds the transformation of each clip, int64 [V].
        name: see :class:`ClipClassificationHead`.
        kwargs: :class:`ClipClassificationHead`.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int = 3,
        margin: float = 0.5,
        label: str = 'gt_transformation',
        name: str = 'ranking',
        **kwargs: Any,
    ) -> None:
        check_integer('RankingHead: num_classes', num_classes, 2)
        check_positive('RankingHead: margin', margin)
        super().__init__(in_channels, num_classes, label, name, **kwargs)
        self.classifier.register_parameter('bias', None)
        self.margin = margin

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """The loss, and how often a clip has the highest score in its own transformation (guessing: 1 / V).

        Args:
            embeddings: student [B, Vs, in_channels].
            data_samples: B samples, each with the label field, int64 [V].
        """
        if embeddings.student.shape[1] < 2:
            raise ConfigError(
                'RankingHead compares clips of a video and needs two or more, got 1; set num_views of the sampler in '
                'train_dataloader.dataset.pipeline.sample to None, or to 2 or more'
            )
        labels = self.gather_of_views(data_samples, self.label, embeddings)
        differences, compared = score_differences(self(embeddings.student), labels, self.ignore_index)
        loss, pairs = _mean_violation(differences, compared, self.margin)
        with torch.no_grad():
            counted = compared.any(2)
            wins = ((differences > 0) | ~compared).all(2) & counted
            clips = joint_count(counted)
            accuracy = wins.sum() / divisor(clips)
        self.counts = {f'loss_{self.name}': pairs, f'acc_{self.name}': clips}
        return {f'loss_{self.name}': self.loss_weight * loss, f'acc_{self.name}': accuracy}
