"""CEP's predictions: which clip each one is compared with, closed forms, and a plain loop over samples."""

import numpy as np
import pytest
import torch
from torch import nn

from videossl.models import CyclePredictionHead
from videossl.models.embeddings import Embeddings
from videossl.models.heads import cycle_predictions
from videossl.registry import MODELS

# From the released code: what is predicted, and by which predictors from which clip; F forwards, B backwards.
STEPS = {('Bc', 0), ('BBf', 0), ('Fp', 1), ('Bf', 1), ('Fc', 2), ('FFp', 2)}
CYCLES = {('BFp', 0), ('BBFFp', 0), ('BFc', 1), ('FBc', 1), ('FBf', 2), ('FFBBf', 2)}


def test_the_twelve_predictions_are_those_of_the_released_code():
    steps, cycles = cycle_predictions('pcf', lambda way: 'F' + way, lambda way: 'B' + way)
    assert set(steps) == STEPS and set(cycles) == CYCLES and len(steps) == len(cycles) == 6


def test_on_a_line_every_step_lands_on_its_clip_and_every_cycle_where_it_began():
    steps, cycles = cycle_predictions((-1, 0, 1), lambda place: place + 1, lambda place: place - 1)
    assert all(place == clip - 1 for place, clip in steps + cycles)


def head_with(predictor: nn.Module, **arguments) -> CyclePredictionHead:
    head = CyclePredictionHead(8, 4, **arguments)
    head.forwards = head.backwards = predictor
    return head


def test_equal_embeddings_and_predictors_that_change_nothing_cost_nothing(unit_rows):
    clips = unit_rows(5, 8).unsqueeze(1).expand(5, 3, 8)
    results = head_with(nn.Identity()).loss(Embeddings(clips, clips))
    assert results['loss_prediction'].item() == pytest.approx(0, abs=1e-6)
    assert results['loss_cycle'].item() == pytest.approx(0, abs=1e-6)
    assert results['acc_direction'] == 0, 'a tie is no win'


def test_opposite_embeddings_cost_four_and_the_cycle_a_tenth_of_it(unit_rows):
    clips = unit_rows(5, 8).unsqueeze(1).expand(5, 3, 8)
    results = head_with(nn.Identity(), loss_weight=2.0).loss(Embeddings(clips, -clips))
    assert results['loss_prediction'].item() == pytest.approx(2 * 4, rel=1e-6)
    assert results['loss_cycle'].item() == pytest.approx(2 * 0.4, rel=1e-6)


@pytest.mark.parametrize('normalised', [True, False])
def test_the_losses_are_those_of_a_loop_over_samples_in_float64(unit_rows, normalised):
    student, teacher = unit_rows(12, 8).view(4, 3, 8), unit_rows(16, 8).view(4, 4, 8)
    head = MODELS.build(
        dict(
            type='CyclePredictionHead',
            in_channels=8,
            hidden_channels=6,
            teacher_views=(1, 2, 3),
            cycle_weight=0.5,
            normalize_input=normalised,
        )
    ).eval()  # with the statistics of a fresh batch norm, mean 0 and variance 1

    def apply(predictor, row):
        first, norm, _, second = predictor.layers
        row = row / np.linalg.norm(row) if normalised else row
        hidden = first.weight.double().detach().numpy() @ row + first.bias.double().detach().numpy()
        hidden = np.maximum(hidden / np.sqrt(1 + norm.eps), 0)
        return second.weight.double().detach().numpy() @ hidden + second.bias.double().detach().numpy()

    results = head.loss(Embeddings(student, teacher))
    for name, ways, weight in (('loss_prediction', STEPS, 1), ('loss_cycle', CYCLES, 0.5)):
        total = 0.0
        for clips, targets in zip(student.double().numpy(), teacher.double().numpy()[:, 1:]):
            for way, clip in ways:
                row = clips['pcf'.index(way[-1])]
                for letter in reversed(way[:-1]):
                    row = apply(head.forwards if letter == 'F' else head.backwards, row)
                total += 2 - 2 * row @ targets[clip] / np.linalg.norm(row) / np.linalg.norm(targets[clip])
        assert results[name].item() == pytest.approx(weight * total / 4 / 6, rel=1e-5), name


def test_each_application_of_a_predictor_in_training_has_a_batch_of_its_own():
    batches: list[torch.Tensor] = []
    head = CyclePredictionHead(8, 4)
    for predictor in (head.forwards, head.backwards):
        predictor.layers[1].register_forward_pre_hook(lambda module, inputs: batches.append(inputs[0]))
    head.loss(Embeddings(torch.randn(5, 3, 8), torch.randn(5, 3, 8)))
    assert [len(batch) for batch in batches] == [5] * 14
    assert head.forwards.layers[1].num_batches_tracked == head.backwards.layers[1].num_batches_tracked == 7


def test_the_direction_is_right_where_the_prediction_leans_to_its_own_side():
    past, future = torch.tensor([1.0, 0]), torch.tensor([0.0, 1])
    teacher = torch.stack([past, torch.tensor([-1.0, 0]), future]).expand(2, 3, 2)
    student = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).unsqueeze(1).expand(2, 3, 2)  # leans to the past, to the future
    head = head_with(nn.Identity())
    assert head.loss(Embeddings(student, teacher))['acc_direction'] == 0.5  # of each sample one of both
    head.forwards = nn.Linear(2, 2, bias=False)
    nn.init.constant_(head.forwards.weight, 0)
    head.forwards.weight.data[1, 1] = 1  # always to the future
    assert head.loss(Embeddings(student, teacher))['acc_direction'] == 0.75


def test_no_gradient_reaches_the_teacher_and_one_reaches_everything_else(unit_rows):
    student, teacher = (unit_rows(12, 8).view(4, 3, 8).requires_grad_() for _ in range(2))
    head = CyclePredictionHead(8, 4)
    results = head.loss(Embeddings(student, teacher))
    (results['loss_prediction'] + results['loss_cycle']).backward()
    assert teacher.grad is None and (student.grad.abs().sum(2) > 0).all()
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_it_stays_finite_inside_autocast(unit_rows):
    student, teacher = unit_rows(12, 8).view(4, 3, 8), unit_rows(12, 8).view(4, 3, 8)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        results = CyclePredictionHead(8, 4).loss(Embeddings(student, teacher))
    assert all(value.isfinite() and value.dtype == torch.float32 for value in results.values())


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match='student_views and teacher_views must name three each, got 2 and 3'):
        CyclePredictionHead(8, 4).loss(Embeddings(torch.rand(3, 2, 8), torch.rand(3, 3, 8)))
    with pytest.raises(ValueError, match='CyclePredictionHead: hidden_channels'):
        CyclePredictionHead(8, 0)
    with pytest.raises(ValueError, match='CyclePredictionHead: cycle_weight must be a finite number, got nan'):
        CyclePredictionHead(8, 4, cycle_weight=float('nan'))


def test_the_released_codes_predictors_have_sixteen_million_weights_each():
    with torch.device('meta'):
        head = CyclePredictionHead()
    weights = 2048 * 4096 + 4096 + 2 * 4096 + 4096 * 2048 + 2048
    assert sum(parameter.numel() for parameter in head.parameters()) == 2 * weights
