"""Labels and accuracies, as all heads read them."""

import pytest
import torch
from torch.nn import functional as F

from videossl.errors import ConfigError
from videossl.models import Embeddings, PretextHead
from videossl.models.heads import pretext_head, transformation_ranking
from videossl.models.heads.pretext_head import cross_entropy_and_accuracy


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
    loss, accuracy, count = cross_entropy_and_accuracy(logits, labels)
    assert loss.item() == pytest.approx(F.cross_entropy(logits[[0, 1, 3]], labels[[0, 1, 3]]).item())
    assert accuracy.item() == pytest.approx(2 / 3) and count == 3
    loss, accuracy, count = cross_entropy_and_accuracy(logits, torch.full((4,), 7), ignore_index=7)
    assert loss.item() == accuracy.item() == count == 0


@pytest.mark.parametrize(
    'loss',
    [
        lambda *rows: cross_entropy_and_accuracy(*rows)[:2],
        lambda scores, labels: [transformation_ranking(scores.view(-1, 2, 3), labels.view(-1, 2), 0.5)],
    ],
)
def test_processes_that_ignore_different_numbers_of_rows_have_the_loss_of_the_joint_batch(loss, monkeypatch):
    """The other process is faked: its counts are those that it would add."""
    logits, labels = torch.randn(8, 3), torch.tensor([0, 1, -100, -100, 1, 2, 0, 2])
    expected = loss(logits, labels)
    halves = [(logits[:4], labels[:4]), (logits[4:], labels[4:])]
    counts: list[list] = [[], []]
    monkeypatch.setattr(pretext_head, 'get_world_size', lambda: 2)
    for half, own in zip(halves, counts):
        monkeypatch.setattr(pretext_head, 'all_reduce', lambda count, own=own: own.append(count.clone()))
        loss(*half)
    found = []
    for half, others in zip(halves, counts[::-1]):
        monkeypatch.setattr(pretext_head, 'all_reduce', lambda count, others=others: count.add_(others.pop(0)))
        found.append(loss(*half))
    for value, of_processes in zip(expected, zip(*found)):
        torch.testing.assert_close(sum(of_processes) / 2, value)
