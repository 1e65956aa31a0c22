"""Relative speed perception: which of two clips runs at the same speed."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from videossl.checks import check_positive
from videossl.errors import ConfigError
from videossl.registry import MODELS

from ..autocast import in_float32
from ..embeddings import Embeddings
from .pretext_head import PretextHead


def relative_speed_similarities(student: Tensor, same: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Similarities of clips [B, D] to those at the same speed [B, D] and at the other speed [B, D]: fp32 [B] each."""
    student = student.float()
    return (student * same.detach().float()).sum(dim=1), (student * other.detach().float()).sum(dim=1)


def relative_speed_loss(student: Tensor, same: Tensor, other: Tensor, margin: float, temperature: float) -> Tensor:
    """Triplet loss: mean of max(0, margin - (q.k_same - q.k_other) / temperature).

    It equals 1 / temperature times the mean of max(0, margin * temperature - (q.k_same - q.k_other)): with margin 2 and
    temperature 0.07 a margin of 0.14 on plain similarities, at 14.3 times the weight. The gradient goes to the student
    alone.

    Args:
        student: q [B, D], L2-normalised.
        same: k_same [B, D], L2-normalised: clips at the same speed.
        other: k_other [B, D], L2-normalised: clips at the other speed.
        margin: wanted difference of the scaled similarities.
        temperature: divides the similarities.

    Returns:
        A scalar; 0 where each pair differs by the margin or more.
    """
    with in_float32(student):
        to_same, to_other = relative_speed_similarities(student, same, other)
        return F.relu(margin - (to_same - to_other) / temperature).mean()


@MODELS.register_module()
class RelativeSpeedHead(PretextHead):
    """A clip lies nearer to a clip at its own speed than to one at the other speed, from the same window of the video.

    The motion loss of "RSPNet: Relative Speed Perception for Unsupervised Video Representation Learning", Peihao Chen,
    Deng Huang, Dongliang He, Xiang Long, Runhao Zeng, Shilei Wen, Mingkui Tan, Chuang Gan, 2021. The defaults are the
    released code's, which takes the margin on similarities that are divided by a temperature. The paper's form has it on
    the plain similarities: ``temperature=1.0`` and a margin such as 0.15. The two differ in scale above all, see
    :func:`relative_speed_loss`. It has no parameters: projections are necks.

    Args:
        margin: see :func:`relative_speed_loss`. Released code: 2.
        temperature: released code: 0.07.
        same_speed_view: which of the teacher's views, in the order of ``teacher_views``, has the student's speed. The
            defaults of the two fit ``SampleRelativeSpeed`` and ``teacher_views=(2, 1)``.
        other_speed_view: which of the teacher's views has the other speed.
        embedding_name: see :class:`PretextHead`.
        loss_weight: factor on the loss.
    """

    needs_teacher = True

    def __init__(
        self,
        margin: float = 2.0,
        temperature: float = 0.07,
        same_speed_view: int = 1,
        other_speed_view: int = 0,
        embedding_name: str = 'motion',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(embedding_name, loss_weight)
        check_positive('RelativeSpeedHead: margin', margin)
        check_positive('RelativeSpeedHead: temperature', temperature)
        if same_speed_view == other_speed_view or min(same_speed_view, other_speed_view) < 0:
            raise ConfigError(
                'RelativeSpeedHead: same_speed_view and other_speed_view must be two indices, from 0, into '
                f'teacher_views, got {same_speed_view} and {other_speed_view}'
            )
        self.margin = margin
        self.temperature = temperature
        self.same_speed_view = same_speed_view
        self.other_speed_view = other_speed_view

    def check_views(self, num_student: int, num_teacher: int) -> None:
        """Refuse several views of the student, and a teacher that lacks one of the two views."""
        super().check_views(num_student, num_teacher)
        self.check_single_view(num_student, 'student')
        if max(self.same_speed_view, self.other_speed_view) >= num_teacher:
            raise ConfigError(
                f'RelativeSpeedHead: same_speed_view={self.same_speed_view} and other_speed_view='
                f'{self.other_speed_view} are not both among the {num_teacher} teacher_views'
            )

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """The loss, and how often the clip at the same speed is the nearer one (guessing: one half).

        Args:
            embeddings: student [B, 1, D]; teacher [B, Vt, D].
        """
        student, teacher = embeddings.student, embeddings.teacher
        assert teacher is not None
        self.check_views(student.shape[1], teacher.shape[1])
        student = student[:, 0]
        views = student, teacher[:, self.same_speed_view], teacher[:, self.other_speed_view]
        loss = relative_speed_loss(*views, self.margin, self.temperature)
        with torch.no_grad(), in_float32(student):
            to_same, to_other = relative_speed_similarities(*views)
            accuracy = (to_same > to_other).float().mean()
        return dict(loss_motion=self.loss_weight * loss, acc_motion=accuracy)
