"""Consistency of clips of different videos that have the same speed, without negatives (ASCNet)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from videossl.errors import ConfigError
from videossl.registry import MODELS

from ..autocast import in_float32
from ..embeddings import Embeddings
from ..memory_bank import NOT_WRITTEN
from .pretext_head import IGNORE_INDEX, PretextHead


def retrieve(query: Tensor, rows: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """The row that is most similar to each query, among those that are allowed.

    Args:
        query: [..., D], L2-normalised.
        rows: [H, D], L2-normalised.
        allowed: bool [..., H].

    Returns:
        Index of the row, int64 [...], and whether there is one, bool [...]; the index has no meaning where there is none.
    """
    similarity = query.float() @ rows.float().t()
    return similarity.masked_fill(~allowed, -torch.inf).argmax(dim=-1), allowed.any(dim=-1)


@MODELS.register_module()
class SpeedConsistencyHead(PretextHead):
    """The student's prediction of a clip equals the speed embedding of another video's clip that has the same speed.

    The second task of "ASCNet: Self-supervised Video Representation Learning with Appearance-Speed Consistency", Huang, Wu, Hu,
    Liu, He, Wu, Wu, Tan, Ding, 2021. **Unverified**: there is no released code, and the paper's constants are not known here.

    The other clip is the bank's row of the same speed and another video whose appearance is most like that of the student's clip,
    by the averaged teacher's embedding, so that appearance is of no use. The loss is ``2 - 2 cos``. A view whose speed is
    unknown (-100), or for which the bank has no such row, costs 0, and counts in the mean.

    The bank's rows are the embeddings of ``query_name``, of clips at any speed. Its columns are
    ``embeddings={embedding_name: D}`` and ``labels=('gt_speed', 'sample_idx')``.

    Args:
        embedding_name: the embedding of the speed, see :class:`PretextHead`.
        query_name: the embedding of the appearance, by which the other clip is found.
        loss_weight: factor on the loss.
    """

    needs_teacher = needs_bank = True
    labels_read = ('gt_speed',)
    bank_labels = ('gt_speed', 'sample_idx')

    def __init__(self, embedding_name: str = 'speed', query_name: str = 'appearance', loss_weight: float = 1.0) -> None:
        super().__init__(embedding_name, loss_weight)
        self.query_name = query_name
        self.bank_embeddings = (embedding_name,)

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """The loss, and how often the row of another video whose speed embedding is nearest to the prediction has the clip's
        speed (guessing: the share of such rows).

        Args:
            embeddings: student and query [B, Vs, D]; the bank with its columns.
            data_samples: B samples with ``gt_speed``, int64 [V], and ``sample_idx``, the number of the video.
        """
        student, bank = embeddings.student, embeddings.bank
        assert bank is not None and embeddings.query is not None
        speeds = self.gather_of_views(data_samples, 'gt_speed', embeddings)
        videos = self.gather_of_samples(data_samples, 'sample_idx', embeddings)
        bank_videos, targets = bank.column('sample_idx'), bank.column(self.embedding_name)
        if targets.shape[1] != student.shape[-1]:
            raise ConfigError(
                f'model.memory_bank.embeddings.{self.embedding_name}={targets.shape[1]} is not the width of the embedding '
                f'"{self.embedding_name}", {student.shape[-1]}; set it to that'
            )
        of_others = ((bank_videos != videos[:, None]) & (bank_videos != NOT_WRITTEN))[:, None]  # [B, 1, H]
        known = speeds[..., None] != IGNORE_INDEX
        same_speed = (speeds[..., None] == bank.column('gt_speed')) & known  # [B, Vs, H]
        with in_float32(student):
            found, is_found = retrieve(embeddings.query, bank.rows, of_others & same_speed)
            distance = 2 - 2 * (student.float() * targets[found]).sum(dim=-1)
            loss = torch.where(is_found, distance, 0).mean()
            with torch.no_grad():
                nearest, has_others = retrieve(student, targets, of_others.expand_as(same_speed))
                is_right = same_speed.gather(2, nearest[..., None])[..., 0]
                accuracy = (is_right & has_others).float().mean()
        return dict(loss_speed_consistency=self.loss_weight * loss, acc_same_speed=accuracy)
