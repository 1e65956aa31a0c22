"""The input of a head's loss."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from .memory_bank import MemoryBank


@dataclass(frozen=True)
class Embeddings:
    """The embeddings of a batch that one head reads; the first argument of every head's ``loss``.

    Attributes:
        student: [B, Vs, D] of the Vs views that the student sees, or a map [B, Vs, C, t, h, w]. L2-normalised in fp32
            for a head with ``needs_teacher``, otherwise as neck and predictor give it.
        teacher: [B, Vt, D] of the averaged teacher, L2-normalised, fp32, without gradient; None for a head without
            ``needs_teacher``.
        bank: the memory bank as it was before this batch; None for a head without ``needs_bank``.
        clips: [B, Vs, 3, T, H, W] in 0..1, what the encoder saw and what was masked; of a
            :class:`~videossl.models.MaskedPretrainer`, otherwise None.
        student_views: index, among the V clips of a sample, of each of the student's views. None: they are the first Vs.
        query: [B, Vs, D], L2-normalised, fp32: the averaged teacher's embedding, of the name that the head's ``query_name`` has,
            of the clips that the student sees; by it the head finds rows of the bank. None for a head without ``query_name``.
    """

    student: Tensor
    teacher: Tensor | None = None
    bank: MemoryBank | None = None
    student_views: Sequence[int] | None = None
    query: Tensor | None = None
    clips: Tensor | None = None

    @property
    def views(self) -> list[int]:
        """Index, among the clips of a sample, of each of the student's views."""
        return list(range(self.student.shape[1]) if self.student_views is None else self.student_views)
