"""The student, its teacher and the bank, without a training loop; tests/engine drives them through a runner."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from videossl.models import (
    MemoryBank,
    MomentumPretrainer,
    PredictorNeck,
    ProjectionNeck,
    SimilarityDistillHead,
    SpeedHead,
)
from videossl.models.pretrainers.momentum_pretrainer import spread


@pytest.fixture
def build(small_backbone):
    """A function from changed arguments to a MomentumPretrainer whose hooks are said to be there."""

    def build(**changes) -> MomentumPretrainer:
        arguments = dict(
            backbone=small_backbone(),
            heads=dict(distill=SimilarityDistillHead(student_temperature=0.1, teacher_temperature=0.05)),
            necks=dict(projection=ProjectionNeck(4, 6)),
            predictors=dict(projection=PredictorNeck(6, 8, 6)),
            memory_bank=MemoryBank(9, 6),
        )
        arguments.update(changes)
        model = MomentumPretrainer(**arguments)
        model.attached_hooks = {'MomentumTeacherHook', 'MemoryBankHook'}
        return model

    return build


CLIPS = (3, 2, 3, 4, 8, 8)


def test_the_teacher_has_the_encoder_but_no_predictor_and_no_gradient(build):
    model = build()
    assert {name for name, _ in model.teacher.named_parameters()} == {
        'backbone.conv.weight',
        'backbone.bn.weight',
        'backbone.bn.bias',
        'necks.projection.layers.0.weight',
        'necks.projection.layers.0.bias',
    }
    assert not any(parameter.requires_grad for parameter in model.teacher.parameters())
    model(torch.randn(CLIPS), mode='loss')['loss_distill'].backward()
    assert all(parameter.grad is None for parameter in model.teacher.parameters())
    students = [*model.backbone.parameters(), *model.necks.parameters(), *model.predictors.parameters()]
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in students)


def test_the_teacher_shares_no_memory_with_the_student(build):
    model = build()
    with torch.no_grad():
        model.backbone.conv.weight.zero_()
    assert model.teacher['backbone'].conv.weight.abs().max() > 0
    model.copy_student_to_teacher()
    with torch.no_grad():
        model.backbone.conv.weight.fill_(1)
    assert model.teacher['backbone'].conv.weight.abs().max() == 0


def test_copying_takes_parameters_and_buffers(build):
    model = build()
    with torch.no_grad():
        for tensor in (*model.backbone.parameters(), *model.necks.parameters()):
            tensor.normal_()
        model.backbone.bn.running_mean.normal_()
    model.copy_student_to_teacher()
    for part in ('backbone', 'necks'):
        student = getattr(model, part).state_dict()
        for name, value in model.teacher[part].state_dict().items():
            assert torch.equal(value, student[name]), name


@pytest.mark.parametrize('momentum', [0.0, 0.3, 0.5, 0.999, 1.0])
def test_moving_takes_the_share_momentum_of_the_old_teacher_and_leaves_the_buffers(build, momentum):
    model = build()
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.normal_()
        model.backbone.bn.running_mean.fill_(7)
    student = {name: value.double() for name, value in model.named_parameters()}
    teacher = {name: value.double() for name, value in model.teacher.named_parameters()}
    model.move_teacher(momentum)
    for name, value in model.teacher.named_parameters():
        by_hand = momentum * teacher[name] + (1 - momentum) * student[name]
        torch.testing.assert_close(value.double(), by_hand, atol=1e-6, rtol=1e-6)
        assert torch.equal(dict(model.named_parameters())[name].double(), student[name]), 'the student moved'
    assert model.teacher['backbone'].bn.running_mean.abs().max() == 0


def test_the_student_sees_the_first_view_and_the_teacher_the_second(build):
    seen = {}
    model = build()
    model.backbone.register_forward_hook(lambda module, inputs, output: seen.update(student=inputs[0]))
    model.teacher['backbone'].register_forward_hook(lambda module, inputs, output: seen.update(teacher=inputs[0]))
    clips = torch.randn(CLIPS)
    model(clips, mode='loss')
    assert torch.equal(seen['student'], clips[:, 0]) and torch.equal(seen['teacher'], clips[:, 1])
    model.student_views, model.teacher_views = [1], [0]
    model(clips, mode='loss')
    assert torch.equal(seen['student'], clips[:, 1]) and torch.equal(seen['teacher'], clips[:, 0])


def test_the_pending_keys_are_the_teachers_normalised_fp32_embeddings(build):
    model = build()
    clips = torch.randn(CLIPS)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        model(clips, mode='loss')
    (keys,) = model.pending_keys
    assert keys.shape == (3, 6) and keys.dtype == torch.float32 and not keys.requires_grad
    np.testing.assert_allclose(np.linalg.norm(keys.numpy().astype(np.float64), axis=1), 1, atol=1e-6)
    weight, neck = model.teacher['backbone'].conv.weight, model.teacher['necks']['projection'].layers[0]
    maps = F.batch_norm(F.conv3d(clips[:, 1], weight, stride=2, padding=1), None, None, training=True)
    embedding = maps.clamp(min=0).mean((2, 3, 4)) @ neck.weight.t() + neck.bias
    by_hand = embedding / embedding.norm(dim=1, keepdim=True)
    torch.testing.assert_close(keys, by_hand.detach(), atol=0.03, rtol=0)


def test_similarities_are_taken_in_fp32_inside_autocast(build):
    seen = {}
    model = build()
    loss = model.heads['distill'].loss
    model.heads['distill'].loss = lambda **embeddings: seen.update(embeddings) or loss(**embeddings)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        results = model(torch.randn(CLIPS), mode='loss')
    assert seen['student'].dtype == seen['teacher'].dtype == seen['bank'].dtype == torch.float32
    torch.testing.assert_close(seen['student'].norm(dim=2), torch.ones(3, 1))
    assert results['loss_distill'].dtype == torch.float32


def test_evaluation_needs_no_hook_and_leaves_no_keys(build):
    model = build().eval()
    model.attached_hooks = set()
    assert model(torch.randn(CLIPS), mode='loss')['loss_distill'].isfinite()
    assert model.pending_keys == []


@pytest.mark.parametrize(
    'missing', [['MomentumTeacherHook'], ['MemoryBankHook'], ['MomentumTeacherHook', 'MemoryBankHook']]
)
def test_training_without_a_hook_is_refused_by_its_name(build, missing):
    model = build()
    model.attached_hooks -= set(missing)
    with pytest.raises(RuntimeError) as error:
        model(torch.randn(CLIPS), mode='loss')
    for name in ('MomentumTeacherHook', 'MemoryBankHook'):
        assert (f"dict(type='{name}')" in str(error.value)) == (name in missing)


def test_too_few_clips_are_refused_with_what_to_set(build):
    with pytest.raises(ValueError, match='more than the 1 clips of a sample; set num_views'):
        build()(torch.randn(3, 1, 3, 4, 8, 8), mode='loss')


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(enqueue=('pooled', 0)), 'enqueue=.* names no embedding that a head reads'),
        (dict(enqueue=('projection', 1)), 'no view of teacher_views'),
        (dict(predictors=dict(projektion=PredictorNeck(6, 8, 6))), 'predictors.projektion follows no neck'),
    ],
)
def test_names_that_lead_nowhere_are_refused_when_the_model_is_built(build, changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_a_predictor_after_an_embedding_that_no_head_reads_does_not_fail_in_training(build):
    necks = dict(projection=ProjectionNeck(4, 6), other=ProjectionNeck(4, 6))
    predictors = dict(projection=PredictorNeck(6, 8, 6), other=PredictorNeck(6, 8, 6))
    try:
        model = build(necks=necks, predictors=predictors)
    except ValueError as error:
        assert 'predictors.other' in str(error)
    else:
        model(torch.randn(CLIPS), mode='loss')


def test_without_a_predictor_the_projections_are_compared(build):
    model = build(predictors=None)
    model.copy_student_to_teacher()
    clips = torch.randn(CLIPS)
    clips[:, 1] = clips[:, 0]
    model.heads['distill'].student_temperature = 0.05
    results = model(clips, mode='loss')
    assert results['loss_distill'].item() == pytest.approx(0, abs=1e-6)
    assert results['acc_nearest_anchor'].item() == 1


def test_a_head_that_needs_labels_does_not_fit_and_says_so(build):
    with pytest.raises((ValueError, TypeError)):
        model = build(heads=dict(speed=SpeedHead(6, embedding='projection')))
        model(torch.randn(CLIPS), mode='loss')


def test_initialising_touches_the_student_alone(build):
    ones = dict(type='Constant', layer='Linear', val=1.0)
    model = build(necks=dict(projection=ProjectionNeck(4, 6, init_cfg=ones)))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.init_weights()
    assert list(model.state_dict()) == list(before)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {'necks.projection.layers.0.weight', 'necks.projection.layers.0.bias'}


def test_the_teacher_is_kept_when_initialising_fails(build, monkeypatch):
    model = build()

    def fail(*args):
        raise RuntimeError('no such checkpoint')

    monkeypatch.setattr(ProjectionNeck, 'init_weights', fail)
    with pytest.raises(RuntimeError, match='no such checkpoint'):
        model.init_weights()
    assert 'teacher' in dict(model.named_children())


def test_the_spread_is_the_deviation_over_the_batch_times_the_root_of_the_dimension(unit_rows):
    rows = unit_rows(7, 5)
    by_hand = np.asarray(rows, np.float64).std(axis=0).mean() * np.sqrt(5)
    assert spread(rows).item() == pytest.approx(by_hand, rel=1e-5)
    assert spread(unit_rows(4096, 64)).item() == pytest.approx(1, abs=0.02)
    assert spread(unit_rows(1, 64).expand(10, 64)).item() == pytest.approx(0, abs=1e-6)
    assert spread(unit_rows(1, 64)).item() == 0, 'a batch of one must not give nan'


def test_a_collapsed_student_shows_beside_a_healthy_teacher(build):
    model = build()
    with torch.no_grad():
        model.backbone.conv.weight.zero_()
    results = model(torch.randn(CLIPS), mode='loss')
    assert results['std_student'].item() == pytest.approx(0, abs=1e-5)
    assert results['std_teacher'].item() > 0.01
    assert not results['std_student'].requires_grad
