"""The triplet loss of relative speed perception, by hand."""

import numpy as np
import pytest
import torch

from videossl.models import RelativeSpeedHead
from videossl.models.embeddings import Embeddings
from videossl.models.heads import relative_speed_loss
from videossl.registry import MODELS


def cosines(student, same, other) -> list[tuple[float, float]]:
    rows = [np.asarray(part.detach(), np.float64) for part in (student, same, other)]
    return [(float(query @ key), float(query @ wrong)) for query, key, wrong in zip(*rows)]


@pytest.fixture
def triplets(unit_rows):
    """q, k_same, k_other, [40, 3] each: some apart by more than the margin, some not."""
    return tuple(unit_rows(40, 3) for _ in range(3))


@pytest.mark.parametrize(('margin', 'temperature'), [(2.0, 0.07), (0.15, 1.0), (1.0, 0.5)])
def test_the_loss_is_the_mean_hinge_of_the_scaled_difference(triplets, margin, temperature):
    hinges = [max(0.0, margin - (same - other) / temperature) for same, other in cosines(*triplets)]
    assert 0 < sum(hinge > 0 for hinge in hinges) < 40
    assert relative_speed_loss(*triplets, margin, temperature).item() == pytest.approx(np.mean(hinges), rel=1e-4)


def test_margin_2_at_temperature_007_is_a_margin_of_014_at_14_times_the_weight(triplets):
    plain = np.mean([max(0.0, 0.14 - (same - other)) for same, other in cosines(*triplets)])
    head = RelativeSpeedHead()
    loss = relative_speed_loss(*triplets, head.margin, head.temperature)
    assert loss.item() == pytest.approx(plain / 0.07, rel=1e-4)
    assert loss.item() == pytest.approx(relative_speed_loss(*triplets, 0.14, 1.0).item() / 0.07, rel=1e-4)


def test_the_gradient_is_the_difference_of_the_keys_where_the_margin_is_not_met_and_zero_elsewhere(triplets):
    student, same, other = (rows.clone().requires_grad_() for rows in triplets)
    relative_speed_loss(student, same, other, 2.0, 0.07).backward()
    assert same.grad is None and other.grad is None
    met = torch.tensor([right - wrong > 0.14 for right, wrong in cosines(*triplets)])
    by_hand = (triplets[2] - triplets[1]) / 0.07 / 40
    by_hand[met] = 0
    torch.testing.assert_close(student.grad, by_hand, atol=1e-6, rtol=1e-5)


def test_a_collapsed_model_pays_the_margin_and_ranks_nothing(unit_rows):
    row = unit_rows(1, 8)
    results = RelativeSpeedHead().loss(Embeddings(row.expand(5, 1, 8), row.expand(5, 2, 8)))
    assert results['loss_motion'].item() == pytest.approx(2.0, abs=1e-4)
    assert results['acc_motion'].item() == 0


def test_the_accuracy_is_how_often_the_key_at_the_same_speed_is_nearer():
    axes = torch.eye(2)
    student = axes[[0, 0, 1, 1]].unsqueeze(1)
    other, same = axes[[1, 1, 0, 1]], axes[[0, 0, 1, 0]]
    teacher = torch.stack([other, same], dim=1)
    assert RelativeSpeedHead().loss(Embeddings(student, teacher))['acc_motion'].item() == 0.75


def test_the_views_are_indices_into_the_teachers_order(triplets):
    student, same, other = triplets
    inputs = Embeddings(student.unsqueeze(1), torch.stack([same, other], dim=1))
    expected = relative_speed_loss(student, same, other, 2.0, 0.07).item()
    head = RelativeSpeedHead(same_speed_view=0, other_speed_view=1)
    assert head.loss(inputs)['loss_motion'].item() == pytest.approx(expected)
    assert RelativeSpeedHead().loss(inputs)['loss_motion'].item() != pytest.approx(expected, rel=1e-2)


def test_bf16_embeddings_are_compared_in_fp32(triplets):
    rounded = [rows.bfloat16() for rows in triplets]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = relative_speed_loss(*rounded, 2.0, 0.07)
    by_hand = np.mean(
        [max(0.0, 2 - (same - other) / 0.07) for same, other in cosines(*map(torch.Tensor.float, rounded))]
    )
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(by_hand, rel=1e-5)


def test_the_weight_scales_the_loss_alone(triplets):
    inputs = Embeddings(triplets[0].unsqueeze(1), torch.stack(triplets[1:], dim=1))
    plain, weighted = RelativeSpeedHead().loss(inputs), RelativeSpeedHead(loss_weight=3.0).loss(inputs)
    assert weighted['loss_motion'].item() == pytest.approx(3 * plain['loss_motion'].item())
    assert weighted['acc_motion'] == plain['acc_motion']


def test_the_released_codes_numbers_are_the_default():
    head = MODELS.build(dict(type='RelativeSpeedHead'))
    assert (head.margin, head.temperature, head.embedding_name, head.loss_weight) == (2.0, 0.07, 'motion', 1.0)
    assert list(head.parameters()) == []


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(margin=0), 'margin must be positive'),
        (dict(temperature=-0.1), 'temperature must be positive'),
        (dict(same_speed_view=0, other_speed_view=0), 'must be two indices'),
        (dict(same_speed_view=-1), 'must be two indices'),
    ],
)
def test_a_senseless_argument_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RelativeSpeedHead(**arguments)


def test_views_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match='not both among the 1 teacher_views'):
        RelativeSpeedHead().loss(Embeddings(torch.rand(2, 1, 4), torch.rand(2, 1, 4)))
    with pytest.raises(ValueError, match='one student view, got 2'):
        RelativeSpeedHead().loss(Embeddings(torch.rand(2, 2, 4), torch.rand(2, 2, 4)))
