"""Consistency of the views of a video, without negatives."""

from collections.abc import Sequence

from torch import Tensor

from videossl.errors import ConfigError
from videossl.registry import MODELS

from ..autocast import in_float32
from ..embeddings import Embeddings
from .pretext_head import PretextHead


def consistency(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of 2 - 2 cos over pairs of embeddings: their squared distance on the unit sphere, 0 to 4.

    Args:
        student: [..., D], L2-normalised.
        teacher: [..., D], L2-normalised; gets no gradient.
    """
    with in_float32(student):
        return (2 - 2 * (student.float() * teacher.detach().float()).sum(dim=-1)).mean()


@MODELS.register_module()
class ConsistencyHead(PretextHead):
    """The student's prediction of a view equals the teacher's embedding of another view.

    The loss of "Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning", Jean-Bastien Grill et al., 2020
    (Equation 2). The student's view at each position of ``student_views`` is compared with the teacher's view at the same
    position of ``teacher_views``: ``student_views=(0, 1), teacher_views=(1, 0)`` is the symmetric loss. It is the mean over
    the views, half of the paper's sum. There are no negatives; a predictor behind the student's neck and a slow teacher
    keep the embeddings from collapsing (``std_student`` in the log). No memory bank is needed.

    Args:
        embedding_name: see :class:`PretextHead`.
        name: what the loss is called in the log: ``loss_{name}``.
        loss_weight: factor on the loss.
        teacher_views: positions, among the teacher's views, of those that the student's are compared with, in order; None:
            all.
    """

    needs_teacher = True

    def __init__(
        self,
        embedding_name: str = 'projection',
        name: str = 'consistency',
        loss_weight: float = 1.0,
        teacher_views: Sequence[int] | None = None,
    ) -> None:
        super().__init__(embedding_name, loss_weight)
        self.name = name
        self.teacher_views = teacher_views

    def check_views(self, num_student: int, num_teacher: int) -> None:
        """Refuse unequal numbers of views."""
        super().check_views(num_student, num_teacher)
        compared = num_teacher if self.teacher_views is None else len(self.teacher_views)
        if num_student != compared:
            raise ConfigError(
                'ConsistencyHead compares view by view: student_views and teacher_views need the same number of views, got '
                f'{num_student} and {compared}'
            )

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """The loss.

        Args:
            embeddings: student and teacher [B, V, D].
        """
        student, teacher = embeddings.student, embeddings.teacher
        assert teacher is not None
        self.check_views(student.shape[1], teacher.shape[1])
        return {f'loss_{self.name}': self.loss_weight * consistency(student, self.compared_views(teacher))}
