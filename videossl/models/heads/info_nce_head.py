"""Instance discrimination against a memory bank."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from videossl.checks import check_positive
from videossl.registry import MODELS

from ..autocast import in_float32
from ..embeddings import Embeddings
from .pretext_head import PretextHead

# Differences below this are rounding errors of fp32 in similarities of unit vectors; they must not count as wins.
TIE = 1e-6


def info_nce(student: Tensor, teacher: Tensor, bank: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of recognising the teacher's embeddings of a sample among those in the bank.

    For each of the teacher's views k_v of a sample whose student embedding is q, the logits are [q.k_v, q.bank] /
    temperature and the target is the first; that is softplus(logsumexp(q.bank / temperature) - q.k_v / temperature), so
    that all views share one product with the bank. Summed over the views, averaged over the batch. The gradient goes to
    the student alone.

    Args:
        student: [B, D], L2-normalised.
        teacher: [B, V, D], L2-normalised.
        bank: [H, D], L2-normalised negatives.
        temperature: tau.

    Returns:
        A scalar; V log(1 + H) where all similarities are the same.
    """
    with in_float32(student):
        return loss_of_similarities(*similarities(student, teacher, bank), temperature)


def loss_of_similarities(positives: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """:func:`info_nce` of the similarities [B, V] to the teacher's views and [B, H] to the bank."""
    hardness = torch.logsumexp(negatives / temperature, dim=1, keepdim=True)
    return F.softplus(hardness - positives / temperature).sum(dim=1).mean()


def similarities(student: Tensor, teacher: Tensor, bank: Tensor) -> tuple[Tensor, Tensor]:
    """Similarities of the student [B, D] to the teacher's views [B, V, D] and to the bank [H, D]: fp32 [B, V] and
    [B, H]."""
    student = student.float()
    positives = torch.einsum('bd,bvd->bv', student, teacher.detach().float())
    return positives, student @ bank.detach().float().t()


@MODELS.register_module()
class InfoNCEHead(PretextHead):
    """A clip finds the teacher's embeddings of its own video among those of other videos (InfoNCE).

    RSPNet's appearance loss ("RSPNet: Relative Speed Perception for Unsupervised Video Representation Learning", Peihao
    Chen, Deng Huang, Dongliang He, Xiang Long, Runhao Zeng, Shilei Wen, Mingkui Tan, Chuang Gan, 2021). As in its
    released code each of the teacher's views is a positive of its own, at whatever speed, and their losses are summed,
    not averaged. With a single view it is MoCo's loss ("Momentum Contrast for Unsupervised Visual Representation
    Learning", Kaiming He, Haoqi Fan, Yuxin Wu, Saining Xie, Ross Girshick, 2020). It has no parameters: projections are
    necks.

    Args:
        temperature: RSPNet and MoCo: 0.07.
        embedding_name: see :class:`PretextHead`.
        name: what the loss and the accuracy are called in the log: ``loss_{name}``, ``acc_{name}``.
        loss_weight: factor on the loss.
    """

    needs_teacher = needs_bank = True

    def __init__(
        self,
        temperature: float = 0.07,
        embedding_name: str = 'appearance',
        name: str = 'appearance',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(embedding_name, loss_weight)
        check_positive('InfoNCEHead: temperature', temperature)
        self.temperature = temperature
        self.name = name

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """The loss, and the share of (sample, teacher view) whose similarity exceeds that to every row of the bank (a
        tie is no win).

        Args:
            embeddings: student [B, 1, D]; teacher [B, Vt, D]; bank of H rows.
        """
        assert embeddings.teacher is not None and embeddings.bank is not None
        student = self.single_view(embeddings.student, 'student')
        with in_float32(student):
            positives, negatives = similarities(student, embeddings.teacher, embeddings.bank.rows)
            loss = loss_of_similarities(positives, negatives, self.temperature)
        with torch.no_grad():
            accuracy = (positives > negatives.amax(dim=1, keepdim=True) + TIE).float().mean()
        return {f'loss_{self.name}': self.loss_weight * loss, f'acc_{self.name}': accuracy}
