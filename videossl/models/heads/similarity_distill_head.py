"""Similarity distillation: the loss of the auxiliary stage."""
import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from videossl.registry import MODELS

from .utils import in_float32


def similarity_distillation(student: Tensor, teacher: Tensor, anchors: Tensor, student_temperature: float,
                            teacher_temperature: float) -> Tensor:
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
    with in_float32(student):
        anchors = anchors.detach().float()
        student_log = F.log_softmax(student.float() @ anchors.t() / student_temperature, dim=1)
        with torch.no_grad():
            teacher_log = F.log_softmax(teacher.float() @ anchors.t() / teacher_temperature, dim=1)
        return F.kl_div(student_log, teacher_log, reduction='batchmean', log_target=True)


@MODELS.register_module()
class SimilarityDistillHead(BaseModule):
    """A student learns its averaged teacher's similarity to the anchors in the memory bank (auxSKD).

    "Auxiliary Learning for Self-Supervised Video Representation via Similarity-based Knowledge Distillation",
    Dadashzadeh, Whone, Mirmehdi, 2021, section 3.1, Equations 1 to 3. It has no parameters: projection and predictor
    are necks. Without them and with other temperatures it is ISD ("ISD: Self-Supervised Learning by Iterative
    Similarity Distillation", Tejankar et al., 2021).

    Args:
        student_temperature: gamma^S. Paper: 0.02, the best of its Table 3; released code: 0.1.
        teacher_temperature: gamma^T. Paper and released code: 0.02.
        embedding: name of the embedding it reads.
        loss_weight: factor on the loss.
    """

    def __init__(self,
                 student_temperature: float = 0.02,
                 teacher_temperature: float = 0.02,
                 embedding: str = 'projection',
                 loss_weight: float = 1.0) -> None:
        super().__init__()
        if student_temperature <= 0 or teacher_temperature <= 0:
            raise ValueError('SimilarityDistillHead: temperatures must be positive, got student_temperature='
                             f'{student_temperature}, teacher_temperature={teacher_temperature}')
        self.student_temperature = student_temperature
        self.teacher_temperature = teacher_temperature
        self.embedding = embedding
        self.loss_weight = loss_weight

    def loss(self, student: Tensor, teacher: Tensor, bank: Tensor, data_samples=None) -> dict[str, Tensor]:
        """The loss, how often student and teacher find the same anchor nearest, and signs of collapse.

        Args:
            student: [B, Vs, D], L2-normalised; Vs must be 1.
            teacher: [B, Vt, D], L2-normalised; Vt must be 1.
            bank: [H, D], the anchors before this batch's keys are enqueued.
        """
        if student.shape[1] != 1 or teacher.shape[1] != 1:
            raise ValueError('SimilarityDistillHead compares one student view with one teacher view, got '
                             f'{student.shape[1]} and {teacher.shape[1]}')
        student, teacher = student[:, 0], teacher[:, 0]
        loss = similarity_distillation(student, teacher, bank, self.student_temperature, self.teacher_temperature)
        with torch.no_grad(), in_float32(student):
            agreement = ((student.float() @ bank.t()).argmax(1) == (teacher.float() @ bank.t()).argmax(1)).float().mean()
        return dict(loss_distill=self.loss_weight * loss, acc_nearest_anchor=agreement)
