"""Labels and accuracies, as all heads read them."""

import pytest
import torch
from torch.nn import functional as F

from videossl.errors import ConfigError
from videossl.models import Embeddings, PretextHead
from videossl.models.heads.pretext_head import cross_entropy_and_accuracy
from videossl.models.heads.ranking_head import transformation_ranking


def test_by_default_a_head_needs_the_student_alone():
    head = PretextHead('pooled', loss_weight=2.0)
    assert (head.embedding_name, head.loss_weight) == ('pooled', 2.0)
    assert (head.needs_teacher, head.needs_bank, head.labels_read) == (False, False, ())


@pytest.mark.parametrize(('views', 'expected'), [(None, [[0, 1, 2]]), ([2], [[2]]), ([2, 0], [[2, 0]])])
def test_the_labels_are_those_of_the_students_clips_in_their_order(samples_with, views, expected):
    embeddings = Embeddings(torch.rand(1, len(expected[0]), 4), student_views=views)
    labels = PretextHead('pooled').gather_of_views(samples_with(gt_speed=[[0, 1, 2]]), 'gt_speed', embeddings)
    assert labels.tolist() == expected and labels.dtype == torch.int64


@pytest.mark.parametrize(
    ('labels', 'views'), [([[0, 1]], None), ([[0, 1]], [2]), ([0], None), ([[0, 1, 2], [0, 1, 2]], None)]
)
def test_labels_that_are_not_one_for_each_clip_are_refused(samples_with, labels, views):
    embeddings = Embeddings(torch.rand(1, 1 if views else 3, 4), student_views=views)
    with pytest.raises(ValueError, match='PretextHead: .* labels "gt_speed" for'):
        PretextHead('pooled').gather_of_views(samples_with(gt_speed=labels), 'gt_speed', embeddings)


def test_of_several_views_or_none_a_head_of_one_view_says_which_option_to_set():
    head = PretextHead('pooled')
    rows = torch.rand(2, 1, 4)
    assert torch.equal(head.single_view(rows, 'student'), rows[:, 0])
    with pytest.raises(ConfigError, match='one teacher view, got 3'):
        head.single_view(torch.rand(2, 3, 4), 'teacher')


def test_rows_that_are_ignored_count_neither_in_the_loss_nor_in_the_accuracy():
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 0.5]])
    labels = torch.tensor([0, 0, -100, 1])
    loss, accuracy = cross_entropy_and_accuracy(logits, labels)
    assert loss.item() == pytest.approx(F.cross_entropy(logits[[0, 1, 3]], labels[[0, 1, 3]]).item())
    assert accuracy.item() == pytest.approx(2 / 3)
    loss, accuracy = cross_entropy_and_accuracy(logits, torch.full((4,), 7), ignore_index=7)
    assert loss.item() == accuracy.item() == 0


LOGITS = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(7))
# One row counts in the first process, five in the second.
LABELS = torch.tensor([[1, -100, -100, -100, -100, -100], [0, 2, 1, 1, -100, 0]])


def losses(logits: torch.Tensor, labels: torch.Tensor) -> list[torch.Tensor]:
    """Cross-entropy, and the ranking of two videos of three clips."""
    ranking = transformation_ranking(logits.view(-1, 3, 3), labels.view(-1, 3), margin=0.5)
    return [cross_entropy_and_accuracy(logits, labels)[0], ranking]


def one_of_two(rank: int, folder: str) -> None:
    logits = LOGITS[rank].clone().requires_grad_()
    found = losses(logits, LABELS[rank])
    gradients = [torch.autograd.grad(loss, logits)[0] for loss in found]
    torch.save(([loss.detach() for loss in found], gradients), f'{folder}/{rank}.pth')


def test_two_processes_weigh_labels_that_count_as_one_with_the_joint_batch(tmp_path, run_two_processes):
    run_two_processes(one_of_two, str(tmp_path))
    found = [torch.load(tmp_path / f'{rank}.pth') for rank in (0, 1)]
    logits = LOGITS.flatten(0, 1).clone().requires_grad_()
    for number, expected in enumerate(losses(logits, LABELS.flatten())):
        torch.testing.assert_close((found[0][0][number] + found[1][0][number]) / 2, expected.detach())
        (gradient,) = torch.autograd.grad(expected, logits, retain_graph=True)
        # Gradients are averaged over the processes.
        torch.testing.assert_close(torch.cat([process[1][number] for process in found]) / 2, gradient)
