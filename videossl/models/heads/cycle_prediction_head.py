"""Prediction of the clips before and after, forwards, backwards and round in a cycle (CEP)."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from videossl.checks import check_finite, check_integer
from videossl.errors import ConfigError
from videossl.registry import MODELS

from ..autocast import in_float32
from ..embeddings import Embeddings
from ..necks import PredictorNeck
from .consistency_head import consistency
from .pretext_head import PretextHead

Clip = TypeVar('Clip')
PAST, CURRENT, FUTURE = range(3)


def cycle_predictions(
    clips: Sequence[Clip], forwards: Callable[[Clip], Clip], backwards: Callable[[Clip], Clip]
) -> tuple[list[tuple[Clip, int]], list[tuple[Clip, int]]]:
    """Every prediction of cycle encoding prediction, with the index of the clip that it predicts.

    Args:
        clips: embeddings of the past, the current and the future clip.
        forwards: from an embedding to the next one in time.
        backwards: from an embedding to the one before.

    Returns:
        The six predictions of one or two steps in one direction, and the six that go as many steps back to where they began.

    Examples:
        On a line of integers each prediction arrives at its clip:

        >>> steps, cycles = cycle_predictions((-1, 0, 1), lambda place: place + 1, lambda place: place - 1)
        >>> steps
        [(-1, 0), (-1, 0), (0, 1), (0, 1), (1, 2), (1, 2)]
        >>> cycles
        [(-1, 0), (-1, 0), (0, 1), (0, 1), (1, 2), (1, 2)]
    """
    past, current, future = clips
    before, after = backwards(current), forwards(current)
    past_on, future_back = forwards(past), backwards(future)
    past_on_on, future_back_back = forwards(past_on), backwards(future_back)
    steps = [
        (before, PAST),
        (future_back_back, PAST),
        (past_on, CURRENT),
        (future_back, CURRENT),
        (after, FUTURE),
        (past_on_on, FUTURE),
    ]
    cycles = [
        (backwards(past_on), PAST),
        (backwards(backwards(past_on_on)), PAST),
        (backwards(after), CURRENT),
        (forwards(before), CURRENT),
        (forwards(future_back), FUTURE),
        (forwards(forwards(future_back_back)), FUTURE),
    ]
    return steps, cycles


@MODELS.register_module()
class CyclePredictionHead(PretextHead):
    """The student's past, current and future clip predict one another, and each itself by a way forwards and back.

    The losses beside the contrast of "Back to the Future: Cycle Encoding Prediction for Self-supervised Contrastive Video
    Representation Learning", Xinyu Yang, Majid Mirmehdi, Tilo Burghardt, 2021, as its released code has them. Two predictors of
    the same shape, one forwards and one backwards in time, are parts of the head. A prediction is compared with the averaged
    teacher's embedding of the clip, by ``2 - 2 cos``.

    In training each of the 14 applications of a predictor takes batch statistics of its own B embeddings, as in the released
    code; so a batch needs two samples or more.

    Args:
        in_channels: dimension of the embedding. Code: 2048.
        hidden_channels: width of the predictors' hidden layer. Code: 4096.
        embedding_name: see :class:`PretextHead`.
        teacher_views: positions, among the teacher's views, of the past, the current and the future clip; None: there are
            these three.
        cycle_weight: factor on the cycles. Code: 0.1.
        loss_weight: factor on both losses.
        normalize_input: whether a prediction is L2-normalised before the next predictor takes it. One state of the released code
            passes it on as it is: False.
    """

    needs_teacher = True
    views_one_by_one = True

    def __init__(
        self,
        in_channels: int = 2048,
        hidden_channels: int = 4096,
        embedding_name: str = 'cycle',
        teacher_views: Sequence[int] | None = None,
        cycle_weight: float = 0.1,
        loss_weight: float = 1.0,
        normalize_input: bool = True,
    ) -> None:
        super().__init__(embedding_name, loss_weight)
        check_integer('CyclePredictionHead: in_channels', in_channels)
        check_integer('CyclePredictionHead: hidden_channels', hidden_channels)
        self.teacher_views = teacher_views
        check_finite('CyclePredictionHead: cycle_weight', cycle_weight)
        self.cycle_weight = cycle_weight
        self.forwards, self.backwards = (
            PredictorNeck(in_channels, hidden_channels, in_channels, normalize_input=normalize_input) for _ in range(2)
        )

    def check_views(self, num_student: int, num_teacher: int) -> None:
        """Refuse other numbers of views than three."""
        super().check_views(num_student, num_teacher)
        compared = num_teacher if self.teacher_views is None else len(self.teacher_views)
        if (num_student, compared) != (3, 3):
            raise ConfigError(
                'CyclePredictionHead takes the past, the current and the future clip: student_views and teacher_views must '
                f'name three each, got {num_student} and {compared}'
            )

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """The mean over the six steps, the mean over the six cycles, and how often the prediction from the current clip is
        nearer to the clip on its side in time than to that on the other side, over samples and both directions (guessing: one
        half).

        Args:
            embeddings: student and teacher [B, 3, D]: past, current, future.
        """
        assert embeddings.teacher is not None
        self.check_views(embeddings.student.shape[1], embeddings.teacher.shape[1])
        teacher = self.compared_views(embeddings.teacher)
        steps, cycles = cycle_predictions(embeddings.student.unbind(1), self.forwards, self.backwards)
        with in_float32(teacher), torch.no_grad():
            sides = (teacher[:, FUTURE] - teacher[:, PAST]).float()
            (before, _), (after, _) = steps[0], steps[4]
            leans = torch.stack([after.float(), -before.float()], dim=1) @ sides.unsqueeze(2)
            accuracy = (leans > 0).float().mean()
        return dict(
            loss_prediction=self.loss_weight * _distance(steps, teacher),
            loss_cycle=self.loss_weight * self.cycle_weight * _distance(cycles, teacher),
            acc_direction=accuracy,
        )


def _distance(predictions: list[tuple[Tensor, int]], teacher: Tensor) -> Tensor:
    """Mean distance of predictions [B, D] from the teacher's views that they predict."""
    predicted = torch.stack([F.normalize(prediction.float(), dim=1) for prediction, _ in predictions], dim=1)
    return consistency(predicted, torch.stack([teacher[:, clip] for _, clip in predictions], dim=1))
