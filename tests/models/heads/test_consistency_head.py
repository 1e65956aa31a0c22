"""The distance of unit vectors that clip consistency minimises, and the sign of its collapse."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from videossl.engine import CollapseHook
from videossl.models import ConsistencyHead, MomentumPretrainer
from videossl.models.embeddings import Embeddings
from videossl.models.heads import consistency
from videossl.registry import MODELS


def test_it_is_the_squared_distance_of_unit_vectors(unit_rows):
    student, teacher = unit_rows(6, 8).view(3, 2, 8), unit_rows(6, 8).view(3, 2, 8)
    expected = (student - teacher).square().sum(-1).mean().item()
    assert consistency(student, teacher).item() == pytest.approx(expected, rel=1e-5)
    assert consistency(student, student).item() == pytest.approx(0, abs=1e-6)
    assert consistency(student, -student).item() == pytest.approx(4, rel=1e-6)
    assert consistency(torch.eye(2)[:1], torch.eye(2)[1:]).item() == 2


def test_the_gradient_goes_to_the_student_alone(unit_rows):
    student, teacher = unit_rows(4, 5).requires_grad_(), unit_rows(4, 5).requires_grad_()
    consistency(student, teacher).backward()
    assert teacher.grad is None
    torch.testing.assert_close(student.grad, -2 * teacher.detach() / 4)


def test_swapping_the_views_leaves_the_symmetric_loss_as_it_is(unit_rows):
    views = [unit_rows(3, 8) for _ in range(4)]
    student, teacher = torch.stack(views[:2], 1), torch.stack(views[2:], 1)
    head = MODELS.build(dict(type='ConsistencyHead', loss_weight=2.0))
    losses = [
        head.loss(Embeddings(first, second))['loss_consistency'].item()
        for first, second in ((student, teacher), (student.flip(1), teacher.flip(1)))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    # Twice the mean of two views is the sum of both directions.
    directions = [consistency(views[0], views[2]) + consistency(views[1], views[3])]
    assert losses[0] == pytest.approx(directions[0].item(), rel=1e-5)


def test_it_stays_in_fp32_inside_autocast(unit_rows):
    student, teacher = unit_rows(4, 64), unit_rows(4, 64)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = consistency(student, teacher)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx((student - teacher).square().sum(-1).mean().item(), rel=1e-5)


def test_unequal_numbers_of_views_are_refused(unit_rows):
    with pytest.raises(ValueError, match='student_views and teacher_views need the same number of views, got 1 and 2'):
        ConsistencyHead().loss(Embeddings(torch.rand(3, 1, 4), torch.rand(3, 2, 4)))


def test_a_head_may_compare_with_some_of_the_teachers_views(unit_rows):
    student, teacher = unit_rows(3, 8).view(3, 1, 8), unit_rows(6, 8).view(3, 2, 8)
    loss = ConsistencyHead(teacher_views=(1,)).loss(Embeddings(student, teacher))['loss_consistency']
    assert loss.item() == pytest.approx(consistency(student[:, 0], teacher[:, 1]).item(), rel=1e-6)
    with pytest.raises(ValueError, match='the same number of views, got 1 and 2'):
        ConsistencyHead(teacher_views=(1, 0)).loss(Embeddings(student, teacher))


def pretrainer() -> MomentumPretrainer:
    """BYOL of a single linear layer on the pooled clip; no bank."""
    return MomentumPretrainer(
        backbone=torch.nn.Conv3d(3, 4, 1),
        necks=dict(projection=dict(type='ProjectionNeck', in_channels=4, out_channels=5)),
        predictors=dict(projection=dict(type='PredictorNeck', in_channels=5, hidden_channels=6, out_channels=5)),
        student_views=(0, 1),
        teacher_views=(1, 0),
        heads=dict(consistency=dict(type='ConsistencyHead')),
    )


def test_without_a_bank_each_view_of_the_student_is_compared_with_the_other_of_the_teacher():
    model, clips = pretrainer(), torch.randn(6, 2, 3, 2, 4, 4)
    assert model.required_hooks == ('MomentumTeacherHook',)
    model.start_teacher()
    results = model(clips, mode='loss')
    pooled = clips.mean((3, 4, 5))  # the layers before the predictor are linear
    conv, neck = model.backbone, model.necks['projection'].layers[0]
    embedded = [F.linear(F.linear(pooled[:, view], conv.weight.flatten(1), conv.bias), neck.weight, neck.bias)
                for view in (0, 1)]  # fmt: skip
    predicted = model.predictors['projection'](torch.stack(embedded, 1).flatten(0, 1)).unflatten(0, (6, 2))
    expected = sum(
        2 - 2 * F.cosine_similarity(predicted[:, view], embedded[1 - view]).mean() for view in (0, 1)
    ) / 2  # fmt: skip
    assert results['loss_consistency'].item() == pytest.approx(expected.item(), rel=1e-4)
    results['loss_consistency'].backward()
    assert all(parameter.grad is not None for parameter in model.parameters() if parameter.requires_grad)
    model.after_step(0.9)
    assert model.pending_keys == []


def test_a_constant_embedding_costs_nothing_and_is_reported_as_a_collapse():
    model = pretrainer().eval()
    model.start_teacher()
    for part in (model.predictors['projection'].layers[-1], model.necks['projection'].layers[0]):
        torch.nn.init.zeros_(part.weight)
        torch.nn.init.ones_(part.bias)
    model.start_teacher()
    results = model(torch.randn(6, 2, 3, 2, 4, 4), mode='loss')
    assert results['loss_consistency'].item() == pytest.approx(0, abs=1e-6)
    assert results['std_student'].item() == pytest.approx(0, abs=1e-5)
    warnings: list[str] = []
    runner, hook = SimpleNamespace(iter=0, logger=SimpleNamespace(warning=warnings.append)), CollapseHook(patience=2)
    hook.before_train(runner)
    for _ in range(2):
        hook.after_train_iter(runner, 0, outputs=results)
    assert len(warnings) == 1 and 'collapsed' in warnings[0]
