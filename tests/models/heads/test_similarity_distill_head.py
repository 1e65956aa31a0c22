"""The loss of the auxiliary stage against the KL divergence written out in float64."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from videossl.models import SimilarityDistillHead
from videossl.models.embeddings import Embeddings
from videossl.models.heads import similarity_distillation
from videossl.registry import MODELS


def embeddings(student, teacher, rows):
    """What the head gets of a model whose bank has these rows."""
    return Embeddings(student, teacher, SimpleNamespace(rows=rows))


def divergence_by_hand(student, teacher, anchors, student_temperature, teacher_temperature) -> float:
    """Equation 3 in float64, anchor by anchor."""
    student, teacher, anchors = (np.asarray(rows.detach(), np.float64) for rows in (student, teacher, anchors))
    divergences = []
    for own, target in zip(student, teacher):
        weights_student = np.exp([own @ anchor / student_temperature for anchor in anchors])
        weights_teacher = np.exp([target @ anchor / teacher_temperature for anchor in anchors])
        p_student, p_teacher = weights_student / weights_student.sum(), weights_teacher / weights_teacher.sum()
        divergences.append(sum(p * np.log(p / q) for p, q in zip(p_teacher, p_student)))
    return float(np.mean(divergences))


TEMPERATURES = [(0.02, 0.02), (0.1, 0.02), (0.02, 0.1), (1.0, 0.5)]


@pytest.mark.parametrize(('student_temperature', 'teacher_temperature'), TEMPERATURES)
def test_the_loss_is_the_divergence_of_equation_3_averaged_over_the_batch(
    unit_rows, student_temperature, teacher_temperature
):
    student, teacher, anchors = unit_rows(5, 8), unit_rows(5, 8), unit_rows(13, 8)
    loss = similarity_distillation(student, teacher, anchors, student_temperature, teacher_temperature)
    by_hand = divergence_by_hand(student, teacher, anchors, student_temperature, teacher_temperature)
    assert loss.item() == pytest.approx(by_hand, rel=1e-4)


def test_each_temperature_belongs_to_its_own_side(unit_rows):
    student, teacher, anchors = unit_rows(4, 8), unit_rows(4, 8), unit_rows(9, 8)
    loss = SimilarityDistillHead(student_temperature=0.1, teacher_temperature=0.5).loss(
        embeddings(student.unsqueeze(1), teacher.unsqueeze(1), anchors)
    )['loss_distill']
    assert loss.item() == pytest.approx(divergence_by_hand(student, teacher, anchors, 0.1, 0.5), rel=1e-4)
    assert loss.item() != pytest.approx(divergence_by_hand(student, teacher, anchors, 0.5, 0.1), rel=1e-2)


def test_a_known_divergence_of_two_anchors():
    # Student (1, 0) at temperature 1 / ln 3: p_S = (3/4, 1/4). Teacher (0, 1) at 1 / ln 3: p_T = (1/4, 3/4).
    temperature = 1 / np.log(3)
    loss = similarity_distillation(
        torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.eye(2), temperature, temperature
    )
    assert loss.item() == pytest.approx(0.25 * np.log(1 / 3) + 0.75 * np.log(3))


def test_the_batch_is_averaged_and_the_anchors_are_summed(unit_rows):
    student, teacher, anchors = unit_rows(3, 8), unit_rows(3, 8), unit_rows(11, 8)
    single = [
        similarity_distillation(student[i : i + 1], teacher[i : i + 1], anchors, 0.1, 0.05).item() for i in range(3)
    ]
    together = similarity_distillation(student, teacher, anchors, 0.1, 0.05).item()
    assert together == pytest.approx(np.mean(single), rel=1e-5)
    # Every anchor twice halves each probability twice over, and leaves the sum as it is.
    doubled = similarity_distillation(student, teacher, anchors.repeat(2, 1), 0.1, 0.05).item()
    assert doubled == pytest.approx(together, rel=1e-5)


@pytest.mark.parametrize('temperature', [0.02, 0.1, 1.0])
def test_loss_and_gradient_are_zero_where_the_logits_agree(unit_rows, temperature):
    teacher, anchors = unit_rows(6, 8), unit_rows(20, 8)
    student = teacher.clone().requires_grad_()
    loss = similarity_distillation(student, teacher, anchors, temperature, temperature)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(student.grad, torch.zeros_like(student), atol=1e-4, rtol=0)


def test_the_gradient_is_the_difference_of_the_distributions_times_the_anchors(unit_rows):
    student, teacher, anchors = unit_rows(4, 8).requires_grad_(), unit_rows(4, 8), unit_rows(9, 8)
    similarity_distillation(student, teacher, anchors, 0.1, 0.05).backward()
    own, target = (
        (rows.detach().double() @ anchors.double().t() / temperature).softmax(1)
        for rows, temperature in ((student, 0.1), (teacher, 0.05))
    )
    by_hand = (own - target) @ anchors.double() / 0.1 / 4
    torch.testing.assert_close(student.grad.double(), by_hand, atol=1e-5, rtol=1e-4)


def test_no_gradient_reaches_teacher_or_anchors(unit_rows):
    student, teacher, anchors = (unit_rows(rows, 8).requires_grad_() for rows in (4, 4, 9))
    similarity_distillation(student, teacher, anchors, 0.1, 0.05).backward()
    assert student.grad.abs().max() > 0
    assert teacher.grad is None and anchors.grad is None


def test_a_bank_of_identical_rows_gives_zero(unit_rows):
    anchors = unit_rows(1, 8).expand(30, 8)
    loss = similarity_distillation(unit_rows(5, 8), unit_rows(5, 8), anchors, 0.02, 0.02)
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_a_student_far_from_a_sharp_teacher_gives_a_large_but_finite_loss():
    # Teacher on anchor 0, student on its opposite: log p_S of anchor 0 is -2 / 0.02 below that of anchor 1.
    anchors = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    loss = similarity_distillation(torch.tensor([[-1.0, 0.0]]), torch.tensor([[1.0, 0.0]]), anchors, 0.02, 0.02)
    assert loss.item() == pytest.approx(100, rel=1e-4)


def test_similarities_stay_in_fp32_inside_autocast(unit_rows):
    student, teacher, anchors = unit_rows(5, 64), unit_rows(5, 64), unit_rows(200, 64)
    by_hand = divergence_by_hand(student, teacher, anchors, 0.02, 0.02)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = similarity_distillation(student, teacher, anchors, 0.02, 0.02)
        head = SimilarityDistillHead().loss(embeddings(student.unsqueeze(1), teacher.unsqueeze(1), anchors))
        rounded = F.kl_div(
            (student @ anchors.t() / 0.02).log_softmax(1),
            (teacher @ anchors.t() / 0.02).log_softmax(1),
            reduction='batchmean',
            log_target=True,
        )
    assert loss.dtype == torch.float32 and head['loss_distill'].dtype == torch.float32
    assert loss.item() == pytest.approx(by_hand, rel=1e-4)
    assert head['loss_distill'].item() == pytest.approx(by_hand, rel=1e-4)
    assert rounded.item() != pytest.approx(by_hand, rel=1e-4), 'bf16 would have gone unnoticed'


def test_bf16_embeddings_are_compared_in_fp32(unit_rows):
    student, teacher = unit_rows(5, 8).bfloat16(), unit_rows(5, 8).bfloat16()
    anchors = unit_rows(9, 8)
    loss = similarity_distillation(student, teacher, anchors, 0.02, 0.02)
    assert loss.dtype == torch.float32
    by_hand = divergence_by_hand(student.float(), teacher.float(), anchors, 0.02, 0.02)
    assert loss.item() == pytest.approx(by_hand, rel=1e-4)


@pytest.mark.parametrize('student_temperature', [0.02, 0.1])
def test_with_a_large_bank_loss_and_gradient_are_those_of_float64_but_for_the_last_digits(
    unit_rows, student_temperature
):
    teacher, anchors = unit_rows(8, 128), unit_rows(131072, 128)
    student = F.normalize(teacher + 0.03 * torch.randn(8, 128), dim=1).requires_grad_()
    loss = similarity_distillation(student, teacher, anchors, student_temperature, 0.02)
    loss.backward()
    exact = student.detach().double().requires_grad_()
    log_student = (exact @ anchors.double().t() / student_temperature).log_softmax(1)
    log_teacher = (teacher.double() @ anchors.double().t() / 0.02).log_softmax(1)
    by_hand = F.kl_div(log_student, log_teacher, reduction='batchmean', log_target=True)
    by_hand.backward()
    # Sums in sequence, as einsum and log_softmax make them, miss these bounds two to a hundred times.
    assert loss.item() == pytest.approx(by_hand.item(), abs=5e-6)
    assert (student.grad - exact.grad).norm() < 6e-6 * exact.grad.norm()


def test_nothing_of_the_size_of_the_bank_is_kept_for_the_backward_pass(unit_rows):
    student, teacher, anchors = unit_rows(4, 8).requires_grad_(), unit_rows(4, 8), unit_rows(1000, 8)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        similarity_distillation(student, teacher, anchors, 0.1, 0.05).backward()
    assert kept and max(kept) <= 4 * 8


def test_the_gradient_follows_what_the_loss_is_multiplied_by(unit_rows):
    student, teacher, anchors = unit_rows(4, 8).requires_grad_(), unit_rows(4, 8), unit_rows(9, 8)
    (plain,) = torch.autograd.grad(similarity_distillation(student, teacher, anchors, 0.1, 0.05), student)
    (scaled,) = torch.autograd.grad(-3 * similarity_distillation(student, teacher, anchors, 0.1, 0.05), student)
    torch.testing.assert_close(scaled, -3 * plain)


def test_without_a_gradient_the_loss_is_the_same(unit_rows):
    student, teacher, anchors = unit_rows(4, 8), unit_rows(4, 8), unit_rows(9, 8)
    loss = similarity_distillation(student, teacher, anchors, 0.1, 0.05)
    assert not loss.requires_grad
    with_gradient = similarity_distillation(student.clone().requires_grad_(), teacher, anchors, 0.1, 0.05)
    assert with_gradient.requires_grad and with_gradient.item() == loss.item()


def test_the_weight_scales_the_loss_and_nothing_else(unit_rows):
    views = embeddings(unit_rows(5, 8).unsqueeze(1), unit_rows(5, 8).unsqueeze(1), unit_rows(9, 8))
    plain = SimilarityDistillHead().loss(views)
    weighted = SimilarityDistillHead(loss_weight=3.0).loss(views)
    assert weighted['loss_distill'].item() == pytest.approx(3 * plain['loss_distill'].item())
    assert weighted['acc_nearest_anchor'] == plain['acc_nearest_anchor']


def test_the_accuracy_is_how_often_both_find_the_same_anchor_nearest():
    anchors = torch.eye(4)
    student = anchors[[0, 1, 2, 3]].unsqueeze(1)
    teacher = anchors[[0, 2, 2, 3]].unsqueeze(1)
    assert SimilarityDistillHead().loss(embeddings(student, teacher, anchors))['acc_nearest_anchor'].item() == 0.75


def test_the_papers_temperatures_are_the_default():
    head = MODELS.build(dict(type='SimilarityDistillHead'))
    assert (head.student_temperature, head.teacher_temperature, head.loss_weight) == (0.02, 0.02, 1.0)
    assert list(head.parameters()) == []


@pytest.mark.parametrize('views', [(2, 1), (1, 2)])
def test_more_than_one_view_a_side_is_refused(views):
    with pytest.raises(ValueError, match='takes one (student|teacher) view, got 2'):
        SimilarityDistillHead().loss(
            embeddings(torch.rand(2, views[0], 4), torch.rand(2, views[1], 4), torch.rand(3, 4))
        )


@pytest.mark.parametrize('temperatures', [dict(student_temperature=0), dict(teacher_temperature=-0.1)])
def test_a_temperature_that_is_not_positive_is_refused(temperatures):
    with pytest.raises(ValueError, match='_temperature must be positive'):
        SimilarityDistillHead(**temperatures)
