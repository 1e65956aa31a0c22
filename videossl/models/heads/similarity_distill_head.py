"""Similarity distillation: the loss of the auxiliary stage."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from videossl.checks import check_positive
from videossl.registry import MODELS

from ..autocast import in_float32
from ..embeddings import Embeddings
from .pretext_head import PretextHead


def similarity_distillation(
    student: Tensor, teacher: Tensor, anchors: Tensor, student_temperature: float, teacher_temperature: float
) -> Tensor:
    """KL divergence between the teacher's and the student's similarity to a set of anchors (Equations 1 to 3).

    With p_T = softmax(teacher . anchors / teacher_temperature) and p_S alike, the result is sum p_T log(p_T / p_S) over
    the anchors, averaged over the batch. (The paper's Equations 1 and 2 print a "-log" in front of the softmax and call
    the result a probability; that is a misprint. Its Equation 3 prints a sum where the released code takes the mean over
    the batch.) The gradient goes to the student alone.

    Args:
        student: [B, D], L2-normalised.
        teacher: [B, D], L2-normalised.
        anchors: [H, D], L2-normalised.
        student_temperature: gamma^S.
        teacher_temperature: gamma^T.

    Returns:
        A scalar, 0 where both distributions agree.
    """
    return divergence_and_agreement(student, teacher, anchors, student_temperature, teacher_temperature)[0]


def divergence_and_agreement(
    student: Tensor, teacher: Tensor, anchors: Tensor, student_temperature: float, teacher_temperature: float
) -> tuple[Tensor, Tensor]:
    """:func:`similarity_distillation`, and the share of the batch in which student and teacher find the same anchor
    nearest."""
    with in_float32(student):
        tensors = student.float(), teacher.detach().float(), anchors.detach().float()
        return _Divergence.apply(*tensors, student_temperature, teacher_temperature)


class _Divergence(torch.autograd.Function):
    """The divergence and its gradient (p_S - p_T) . anchors / (B gamma^S) in one pass. No matrix [B, H], the largest tensors
    with a large bank, is kept for the backward pass or computed twice."""

    @staticmethod
    def forward(
        ctx: Any,
        student: Tensor,
        teacher: Tensor,
        anchors: Tensor,
        student_temperature: float,
        teacher_temperature: float,
    ) -> tuple[Tensor, Tensor]:
        student_log = log_shares(student, anchors, student_temperature)
        teacher_log = log_shares(teacher, anchors, teacher_temperature)
        agreement = (student_log.argmax(dim=1) == teacher_log.argmax(dim=1)).float().mean()
        teacher_share = teacher_log.exp()
        divergence = teacher_log.sub_(student_log).mul_(teacher_share).sum(dim=1).mean()
        ctx.mark_non_differentiable(agreement)
        if ctx.needs_input_grad[0]:
            gradient = student_log.exp_().sub_(teacher_share) @ anchors
            ctx.save_for_backward(gradient / (student_temperature * len(student)))
        return divergence, agreement

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, outer: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.saved_tensors[0] * outer, None, None, None, None


def log_shares(embeddings: Tensor, anchors: Tensor, temperature: float) -> Tensor:
    """Log-softmax [B, H] of the similarities to the anchors, divided by the temperature.

    ``logsumexp`` and a plain ``sum`` add pairwise; ``log_softmax`` and ``einsum`` add one after another. At 131,072
    anchors on a CPU, temperatures 0.1 and 0.02, the loss is off by 1e-6 instead of 9e-4, its gradient by 2e-6 of its
    length instead of 1.4e-5.
    """
    logits = (embeddings @ anchors.t()).div_(temperature)
    return logits.sub_(logits.logsumexp(dim=1, keepdim=True))


@MODELS.register_module()
class SimilarityDistillHead(PretextHead):
    """A student learns its averaged teacher's similarity to the anchors in the memory bank (auxSKD).

    "Auxiliary Learning for Self-Supervised Video Representation via Similarity-based Knowledge Distillation",
    Dadashzadeh, Whone, Mirmehdi, 2021, section 3.1, Equations 1 to 3. It has no parameters: projection and predictor
    are necks. Without the projection, so that the predictor follows the pooled features, and with 0.02 for both
    temperatures it is ISD ("ISD: Self-Supervised Learning by Iterative Similarity Distillation", Tejankar et al., 2021).

    Args:
        student_temperature: gamma^S. Paper: 0.02, the best of its Table 3; released code: 0.1.
        teacher_temperature: gamma^T. Paper and released code: 0.02.
        embedding_name: see :class:`PretextHead`.
        loss_weight: factor on the loss.
    """

    needs_teacher = needs_bank = True

    def __init__(
        self,
        student_temperature: float = 0.02,
        teacher_temperature: float = 0.02,
        embedding_name: str = 'projection',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(embedding_name, loss_weight)
        check_positive('SimilarityDistillHead: student_temperature', student_temperature)
        check_positive('SimilarityDistillHead: teacher_temperature', teacher_temperature)
        self.student_temperature = student_temperature
        self.teacher_temperature = teacher_temperature

    def check_views(self, num_student: int, num_teacher: int) -> None:
        """Refuse several views."""
        super().check_views(num_student, num_teacher)
        self.check_single_view(num_student, 'student')
        self.check_single_view(num_teacher, 'teacher')

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """The loss, and how often student and teacher find the same anchor nearest.

        Args:
            embeddings: student [B, 1, D]; teacher [B, 1, D]; bank of H rows, the anchors.
        """
        assert embeddings.teacher is not None and embeddings.bank is not None
        student = self.single_view(embeddings.student, 'student')
        teacher = self.single_view(embeddings.teacher, 'teacher')
        loss, agreement = divergence_and_agreement(
            student, teacher, embeddings.bank.rows, self.student_temperature, self.teacher_temperature
        )
        return dict(loss_distill=self.loss_weight * loss, acc_nearest_anchor=agreement)
