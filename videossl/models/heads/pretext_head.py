"""The base of all heads, and their declarations of what they need."""

from collections.abc import Sequence

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from videossl.checks import check_finite, check_integer
from videossl.errors import ConfigError

from ..embeddings import Embeddings

IGNORE_INDEX = -100


class PretextHead(BaseModule):
    """Turns embeddings into a loss.

    A subclass implements ``loss(embeddings: Embeddings, data_samples) -> dict[str, Tensor]``, with losses named
    ``loss_*`` and accuracies ``acc_*``, and declares what it needs by the attributes below. A pretrainer that does not
    have it refuses the head when it is built. Any module with these attributes will do.

    Args:
        embedding_name: the neck whose embedding the head reads; ``'pooled'``, the pooled feature map, is always there.
        loss_weight: factor on the loss.

    Attributes:
        needs_teacher: the loss compares with the averaged teacher's embedding.
        needs_bank: the loss compares with the rows of the memory bank.
        needs_mask: the loss predicts what a :class:`~videossl.models.MaskedPretrainer` masks.
        views_read: indices of the clips of a sample that the loss reads, which the student must see; None: those that it sees.
        labels_read: fields of the data samples that the loss reads. A tuple within the tuple lists alternatives.
        teacher_views: positions, among the teacher's views, of those that the loss compares with; None: all.
        query_name: name of the embedding by which the head finds rows of the bank; see :class:`~videossl.models.Embeddings`.
        bank_embeddings, bank_labels: columns of the bank that the loss reads.
        classifies_clips: ``forward`` gives the class scores [..., num_classes] of one clip's embedding [..., D].
        views_one_by_one: the head's batch norms take their statistics of one view of the batch at a time.
        counts: after ``loss``, over how many rows (:func:`joint_count`) it took the mean of an entry of its result, under the
            entry's name. Entries that are not here count each sample alike.
    """

    needs_teacher: bool = False
    needs_bank: bool = False
    needs_mask: bool = False
    views_read: Sequence[int] | None = None
    labels_read: tuple[str | tuple[str, ...], ...] = ()
    teacher_views: Sequence[int] | None = None
    query_name: str | None = None
    bank_embeddings: tuple[str, ...] = ()
    bank_labels: tuple[str, ...] = ()
    classifies_clips: bool = False
    views_one_by_one: bool = False

    def __init__(
        self, embedding_name: str, loss_weight: float = 1.0, init_cfg: dict | list[dict] | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.counts: dict[str, Tensor] = {}
        check_finite(f'{type(self).__name__}: loss_weight', loss_weight)
        self.embedding_name = embedding_name
        self.loss_weight = loss_weight

    def check_views(self, num_student: int, num_teacher: int) -> None:
        """Refuse numbers of views that the loss cannot take; called when a model with an averaged teacher is built.

        Args:
            num_student, num_teacher: how many views ``model.student_views`` and ``model.teacher_views`` name.

        Raises:
            ConfigError: the message names the key below the head or the model.
        """
        if self.teacher_views is None:
            return
        for position in self.teacher_views:
            check_integer('each of teacher_views', position, minimum=0)
        if not self.teacher_views or max(self.teacher_views) >= num_teacher:
            raise ConfigError(
                f'teacher_views={tuple(self.teacher_views)} must be positions among the {num_teacher} views of '
                'model.teacher_views, counted from 0'
            )

    def compared_views(self, teacher: Tensor | None) -> Tensor:
        """Those of the teacher's views [B, Vt, D] that the loss compares with, in the order of ``teacher_views``."""
        assert teacher is not None
        if self.teacher_views is None:
            return teacher
        return torch.stack([teacher[:, position] for position in self.teacher_views], dim=1)

    def single_view(self, embedding: Tensor, owner: str) -> Tensor:
        """[B, 1, D] to [B, D]; refuse more than one view."""
        self.check_single_view(embedding.shape[1], owner)
        return embedding[:, 0]

    def check_single_view(self, number: int, owner: str) -> None:
        """Refuse more than one view of the ``'student'`` or the ``'teacher'``."""
        if number != 1:
            raise ConfigError(f'{type(self).__name__} takes one {owner} view, got {number}; name one in {owner}_views')

    def gather(self, data_samples: Sequence | None, label: str, embeddings: Embeddings) -> Tensor:
        """One label field of B data samples, on the embeddings' device: int64 [B, ...].

        Raises:
            KeyError: a sample has no such label; the message says what to add to the pipeline.
        """
        return gather_labels(data_samples, label, type(self).__name__).to(embeddings.student.device)

    def gather_of_samples(self, data_samples: Sequence | None, label: str, embeddings: Embeddings) -> Tensor:
        """One label of each sample, int64 [B].

        Raises:
            ValueError: the labels are not one number for each sample.
        """
        labels = self.gather(data_samples, label, embeddings)
        if labels.shape != embeddings.student.shape[:1]:
            raise ConfigError(
                f'{type(self).__name__}: labels "{label}" of shape {tuple(labels.shape)} for {len(embeddings.student)} '
                'tuples; it is one number for each sample'
            )
        return labels

    def gather_of_views(self, data_samples: Sequence | None, label: str, embeddings: Embeddings) -> Tensor:
        """One label of each of the student's clips, int64 [B, Vs], of samples that have it for each of their V clips.

        Raises:
            ValueError: the labels are not one for each clip.
        """
        labels, clips = self.gather(data_samples, label, embeddings), tuple(embeddings.student.shape[:2])
        views = embeddings.views
        whole = labels.ndim == 2 and (
            labels.shape[1] == len(views) if embeddings.student_views is None else labels.shape[1] > max(views)
        )
        if not whole or len(labels) != clips[0]:
            raise ConfigError(f'{type(self).__name__}: {tuple(labels.shape)} labels "{label}" for {clips} clips')
        return labels if views == list(range(labels.shape[1])) else labels[:, views]


def gather_labels(data_samples: Sequence | None, label: str, reader: str) -> Tensor:
    """One label field of B data samples: int64 [B, ...].

    Raises:
        KeyError: a sample has no such label; the message says that ``reader`` needs it, and what to add to the pipeline.
    """
    labels = []
    for sample in data_samples or [None]:
        if sample is None or label not in sample:
            raise KeyError(
                f'{reader} reads the label "{label}", but no transform of the pipeline wrote it. Add '
                'the sampler that draws it to the train pipeline, or remove the head from the model'
            )
        labels.append(torch.as_tensor(sample.get(label)))
    return torch.stack(labels)


def joint_count(counted: Tensor) -> Tensor:
    """Number of true values, whose :func:`divisor` is that of a mean over them.

    With several processes it is their joint number divided by the number of processes. DDP averages the gradients of the
    processes. A mean over the own values would weigh them more where a process has fewer of them; with this divisor two
    processes have the loss (its mean over them) and the gradients of one with the joint batch.

    Args:
        counted: bool, of any shape; all processes must call this equally often.

    Returns:
        A scalar.
    """
    count, processes = counted.sum(), get_world_size()
    if processes == 1:
        return count
    count = count.float()
    all_reduce(count)
    return count / processes


def divisor(count: Tensor) -> Tensor:
    """The count, or 1 in the place of 0, so that a mean over no rows is 0 instead of 0/0."""
    return count + (count == 0)


def cross_entropy_and_accuracy(
    logits: Tensor, labels: Tensor, ignore_index: int = IGNORE_INDEX
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean cross-entropy and accuracy over the rows whose label is not ``ignore_index``, both 0 without such a row; and the
    number of these rows (:func:`joint_count`).

    Args:
        logits: [N, classes].
        labels: int64 [N].
    """
    counted = labels != ignore_index
    count = joint_count(counted)
    loss = F.cross_entropy(logits, labels, ignore_index=ignore_index, reduction='sum') / divisor(count)
    with torch.no_grad():
        accuracy = ((logits.argmax(1) == labels) & counted).sum() / divisor(count)
    return loss, accuracy, count
