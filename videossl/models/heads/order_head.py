"""The head of video clip order prediction."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videossl.checks import check_integer
from videossl.errors import ConfigError
from videossl.registry import MODELS

from ..autocast import in_float32
from ..embeddings import Embeddings
from .pretext_head import PretextHead, cross_entropy_and_accuracy


@MODELS.register_module()
class OrderHead(PretextHead):
    """Predicts the order, ``gt_order``, of a tuple of clips from their embeddings, pair by pair (VCOP).

    The embeddings of clips i and j are concatenated for every pair i < j, in lexicographic order: (0, 1), (0, 2) and
    (1, 2) for three clips. One linear layer, the same for all pairs, and a ReLU make a relation of each; dropout and a
    second linear layer turn all relations, concatenated, into one logit for each of the ``tuple_len!`` orders. Class c
    is the c-th permutation in lexicographic order, counted from 0.

    "Self-supervised Spatiotemporal Learning via Video Clip Order Prediction", Xu, Xiao, Zhao, Shao, Xie, Zhuang, 2019.
    Sizes, dropout and initialisation (PyTorch's own for linear layers) are the released code's.

    OPN ("Unsupervised Representation Learning by Sorting Sequences", Lee, Huang, Singh, Yang, 2017) has the same head for
    frames, with ``up_to_reversal``, ``batch_norm`` and ``input_dropout``. Its released code lists the pairs in another
    order, which changes nothing but the order of weights. It gives each pair a scale and shift of its own behind the
    shared batch norm's statistics; here all pairs share these too.

    Args:
        in_channels: dimension of the embedding.
        tuple_len: clips in a tuple, 2 to 5; the sampler's.
        hidden_channels: dimension of a pair's relation.
        dropout: probability of dropout before the second linear layer.
        embedding_name: see :class:`PretextHead`.
        loss_weight: factor on the loss.
        up_to_reversal: the sampler's: an order and its reversal are one of ``tuple_len! / 2`` classes.
        batch_norm: batch norm between the first linear layer and its ReLU, over all pairs of a batch.
        input_dropout: probability of dropout of the embeddings.
        name: what the loss and the accuracy are called in the log: ``loss_{name}``, ``acc_{name}``.
    """

    label = 'gt_order'
    labels_read = (label,)

    def __init__(
        self,
        in_channels: int = 512,
        tuple_len: int = 3,
        hidden_channels: int = 512,
        dropout: float = 0.5,
        embedding_name: str = 'pooled',
        loss_weight: float = 1.0,
        init_cfg: dict | list | None = None,
        up_to_reversal: bool = False,
        batch_norm: bool = False,
        input_dropout: float = 0.0,
        name: str = 'order',
    ) -> None:
        super().__init__(embedding_name, loss_weight, init_cfg)
        if not 2 <= tuple_len <= 5:
            raise ConfigError(
                f'OrderHead: tuple_len must be from 2 to 5, since every order is a class, got {tuple_len}'
            )
        check_integer('OrderHead: hidden_channels', hidden_channels)
        self.tuple_len = tuple_len
        self.name = name
        self.pairs = list(itertools.combinations(range(tuple_len), 2))
        self.input_dropout = nn.Dropout(input_dropout)
        self.relation = nn.Linear(2 * in_channels, hidden_channels)
        self.relation_norm = nn.BatchNorm1d(hidden_channels) if batch_norm else None
        self.dropout = nn.Dropout(dropout)
        self.num_classes = math.factorial(tuple_len) // (2 if up_to_reversal else 1)
        self.classifier = nn.Linear(len(self.pairs) * hidden_channels, self.num_classes)

    def forward(self, embedding: Tensor) -> Tensor:
        """Logits [B, classes] of embeddings [B, tuple_len, in_channels], in fp32.

        Raises:
            ValueError: the samples have another number of clips.
        """
        if embedding.ndim != 3 or embedding.shape[1] != self.tuple_len:
            raise ConfigError(
                f'OrderHead: tuple_len={self.tuple_len} needs embeddings [B, {self.tuple_len}, D], got '
                f'{tuple(embedding.shape)}; give the sampler (SampleClipOrder) the same tuple_len, and no '
                'num_views'
            )
        with in_float32(embedding):
            clips = self.input_dropout(embedding.float()).unbind(
                1
            )  # an index that is a list would be copied to the device, and waited for
            pairs = torch.stack(
                [torch.cat([clips[first], clips[second]], dim=1) for first, second in self.pairs], dim=1
            )
            relations = self.relation(pairs)
            if self.relation_norm is not None:
                relations = self.relation_norm(relations.flatten(0, 1)).view_as(relations)
            relations = F.relu(relations)
            return self.classifier(self.dropout(relations.flatten(1)))

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """Cross-entropy and accuracy; tuples labelled -100 take no part in either.

        Args:
            embeddings: student [B, tuple_len, in_channels].
            data_samples: B samples, each with ``gt_order``, an int64 scalar.
        """
        labels = self.gather_of_samples(data_samples, self.label, embeddings)
        loss, accuracy, count = cross_entropy_and_accuracy(self(embeddings.student), labels)
        results = {f'loss_{self.name}': self.loss_weight * loss, f'acc_{self.name}': accuracy}
        self.counts = dict.fromkeys(results, count)
        return results
