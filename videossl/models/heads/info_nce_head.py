"""Instance discrimination against a memory bank."""

import math
from collections.abc import Sequence

import torch
from mmengine.dist import get_world_size
from torch import Tensor
from torch.nn import functional as F

from videossl.checks import check_choice, check_positive, check_share
from videossl.errors import ConfigError
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


def loss_of_one_softmax(positives: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """All similarities of a sample in one softmax: -log of the share of each positive, summed over the positives, averaged
    over the batch.

    Args:
        positives: fp32 [B, P].
        negatives: fp32 [B, N].
        temperature: tau.

    Returns:
        A scalar; P log(P + N) where all similarities are the same.
    """
    logits = torch.cat([positives, negatives], dim=1) / temperature
    return (torch.logsumexp(logits, dim=1, keepdim=True) - positives / temperature).sum(dim=1).mean()


def similarities(student: Tensor, teacher: Tensor, bank: Tensor) -> tuple[Tensor, Tensor]:
    """Similarities of the student [B, D] to the teacher's views [B, V, D] and to the bank [H, D]: fp32 [B, V] and
    [B, H]."""
    student = student.float()
    positives = torch.einsum('bd,bvd->bv', student, teacher.detach().float())
    return positives, student @ bank.detach().float().t()


def with_decay(negatives: Tensor, ages: Tensor, decay: float, place: str, temperature: float) -> Tensor:
    """Similarities to the bank that count less with age, for :func:`loss_of_similarities`.

    Args:
        negatives: fp32 [B, H], similarities to the bank.
        ages: int64 [H], 1 for the newest row.
        decay: t, above 0, at most 1.
        place: ``'outside'``: a row of age a counts t^a exp(s / temperature) in the sum of the negatives. ``'inside'``: it
            counts exp(t^a s / temperature), which raises the terms of negative similarities.
        temperature: that of the loss.
    """
    log_weights = ages * math.log(decay)
    # Behind the division by the temperature a summand of a ln t is a factor of t^a.
    return negatives * log_weights.exp() if place == 'inside' else negatives + temperature * log_weights


@MODELS.register_module()
class InfoNCEHead(PretextHead):
    """A clip finds the teacher's embeddings of its own video among those of other videos (InfoNCE).

    RSPNet's appearance loss ("RSPNet: Relative Speed Perception for Unsupervised Video Representation Learning", Peihao
    Chen, Deng Huang, Dongliang He, Xiang Long, Runhao Zeng, Shilei Wen, Mingkui Tan, Chuang Gan, 2021). As in its
    released code each of the teacher's views is a positive of its own, at whatever speed, and their losses are summed,
    not averaged. With a single view it is MoCo's loss ("Momentum Contrast for Unsupervised Visual Representation
    Learning", Kaiming He, Haoqi Fan, Yuxin Wu, Saining Xie, Ross Girshick, 2020). It has no parameters: projections are
    necks.

    With ``decay`` older rows of the bank count less: "VideoMoCo: Contrastive Video Representation Learning with Temporally
    Adversarial Examples", Tian Pan, Yibing Song, Tianyu Yang, Wenhao Jiang, Wei Liu, 2021. The default form is the paper's as
    others quote it. Its released code is ``decay_place='inside', decay_unit='iterations'``.

    With ``one_softmax`` the student may see several views: "Back to the Future: Cycle Encoding Prediction for Self-supervised
    Contrastive Video Representation Learning", Xinyu Yang, Majid Mirmehdi, Tilo Burghardt, 2021, as its released code has it.

    Args:
        temperature: RSPNet and MoCo: 0.07.
        embedding_name: see :class:`PretextHead`.
        name: what the loss and the accuracy are called in the log: ``loss_{name}``, ``acc_{name}``.
        loss_weight: factor on the loss.
        decay: t, above 0. VideoMoCo: 0.99999. 1: no decay.
        decay_place: see :func:`with_decay`.
        decay_unit: ``'keys'``: a row's age is its place in the bank, 1 for the newest. ``'iterations'``: the number of batches
            since it was enqueued, 1 for those of the batch before, if all batches are as large as this one.
        one_softmax: whether all positives of a sample, one for each pair of a student's and a teacher's view, and the
            similarities of all its student's views to the bank stand in one softmax (:func:`loss_of_one_softmax`). Otherwise
            each positive has one of its own.
        teacher_views: positions, among the teacher's views, of the positives; None: all.
    """

    needs_teacher = needs_bank = True

    def __init__(
        self,
        temperature: float = 0.07,
        embedding_name: str = 'appearance',
        name: str = 'appearance',
        loss_weight: float = 1.0,
        decay: float = 1.0,
        decay_place: str = 'outside',
        decay_unit: str = 'keys',
        one_softmax: bool = False,
        teacher_views: Sequence[int] | None = None,
    ) -> None:
        super().__init__(embedding_name, loss_weight)
        check_positive('InfoNCEHead: temperature', temperature)
        check_positive('InfoNCEHead: decay', decay)
        check_share('InfoNCEHead: decay', decay)
        check_choice('InfoNCEHead: decay_place', decay_place, ('outside', 'inside'))
        check_choice('InfoNCEHead: decay_unit', decay_unit, ('keys', 'iterations'))
        self.temperature = temperature
        self.name = name
        self.decay = decay
        self.decay_place = decay_place
        self.decay_unit = decay_unit
        self.one_softmax = one_softmax
        self.teacher_views = teacher_views

    def check_views(self, num_student: int, num_teacher: int) -> None:
        """Refuse several views of the student without ``one_softmax``."""
        super().check_views(num_student, num_teacher)
        if num_student != 1 and not self.one_softmax:
            raise ConfigError(
                f'InfoNCEHead takes one student view, got {num_student}; name one in student_views, or set one_softmax=True'
            )

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """The loss, and the share of (sample, student view, teacher view) whose similarity exceeds that of the student's view to
        every row of the bank (a tie is no win).

        Args:
            embeddings: student [B, 1, D], with ``one_softmax`` [B, Vs, D]; teacher [B, Vt, D]; bank of H rows.
        """
        assert embeddings.teacher is not None and embeddings.bank is not None
        batch_size, views = embeddings.student.shape[:2]
        self.check_views(views, embeddings.teacher.shape[1])
        student = embeddings.student.flatten(0, 1)
        teacher = self.compared_views(embeddings.teacher).repeat_interleave(views, dim=0)
        with in_float32(student):
            positives, negatives = similarities(student, teacher, embeddings.bank.rows)
            counted = negatives
            if self.decay != 1:
                ages = embeddings.bank.ages()
                if self.decay_unit == 'iterations':
                    ages = (ages - 1) // (batch_size * get_world_size()) + 1
                counted = with_decay(negatives, ages, self.decay, self.decay_place, self.temperature)
            if self.one_softmax:
                of_sample = positives.reshape(batch_size, -1), counted.reshape(batch_size, -1)
                loss = loss_of_one_softmax(*of_sample, self.temperature)
            else:
                loss = loss_of_similarities(positives, counted, self.temperature)
        with torch.no_grad():
            accuracy = (positives > negatives.amax(dim=1, keepdim=True) + TIE).float().mean()
        return {f'loss_{self.name}': self.loss_weight * loss, f'acc_{self.name}': accuracy}
