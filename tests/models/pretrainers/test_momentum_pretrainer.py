"""The student, its teacher and the bank, without a training loop; tests/engine drives them through a runner."""

import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from torch.nn import functional as F

from videossl.errors import ConfigError
from videossl.models import (
    ConsistencyHead,
    InfoNCEHead,
    MemoryBank,
    MomentumPretrainer,
    ParsingDistillHead,
    PredictorNeck,
    Pretrainer,
    ProjectionNeck,
    RelativeSpeedHead,
    SimilarityDistillHead,
    SpeedHead,
)
from videossl.models.heads import PretextHead
from videossl.models.pretrainers.momentum_pretrainer import embedding_std


@pytest.fixture
def build(small_backbone):
    """A function from changed arguments to a MomentumPretrainer."""

    def build(**changes) -> MomentumPretrainer:
        arguments = dict(
            backbone=small_backbone(),
            heads=dict(distill=SimilarityDistillHead(student_temperature=0.1, teacher_temperature=0.05)),
            necks=dict(projection=ProjectionNeck(4, 6)),
            predictors=dict(projection=PredictorNeck(6, 8, 6)),
            memory_bank=MemoryBank(9, 6),
        )
        arguments.update(changes)
        return MomentumPretrainer(**arguments)

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
    model.start_teacher()
    with torch.no_grad():
        model.backbone.conv.weight.fill_(1)
    assert model.teacher['backbone'].conv.weight.abs().max() == 0


def test_copying_takes_parameters_and_buffers(build):
    model = build()
    with torch.no_grad():
        for tensor in (*model.backbone.parameters(), *model.necks.parameters()):
            tensor.normal_()
        model.backbone.bn.running_mean.normal_()
    model.start_teacher()
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
    seen = []
    model = build()
    loss = model.heads['distill'].loss
    model.heads['distill'].loss = lambda embeddings, samples: seen.append(embeddings) or loss(embeddings, samples)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        results = model(torch.randn(CLIPS), mode='loss')
    (embeddings,) = seen
    assert embeddings.student.dtype == embeddings.teacher.dtype == embeddings.bank.rows.dtype == torch.float32
    torch.testing.assert_close(embeddings.student.norm(dim=2), torch.ones(3, 1))
    assert results['loss_distill'].dtype == torch.float32


def test_evaluation_leaves_no_keys(build):
    model = build().eval()
    assert model(torch.randn(CLIPS), mode='loss')['loss_distill'].isfinite()
    assert model.pending_keys == []


def test_a_runner_without_the_hooks_is_refused_when_the_next_step_begins(build):
    model = build()
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=2)
    batch = dict(inputs=list(torch.randint(0, 256, CLIPS, dtype=torch.uint8)), data_samples=None)
    for _ in range(2):
        model.train_step(batch, wrapper)
    with pytest.raises(
        ConfigError, match=r"MomentumTeacherHook and MemoryBankHook; add dict\(type='MomentumTeacherHook'\)"
    ):
        model.train_step(batch, wrapper)


def test_after_a_step_the_teacher_has_moved_and_the_bank_has_the_keys_of_all_its_iterations(build):
    model = build()
    before = {name: value.double() for name, value in model.state_dict().items()}
    for _ in range(2):
        model(torch.randn(CLIPS), mode='loss')['loss_distill'].backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.5)
    keys = torch.cat(model.pending_keys)
    model.after_step(momentum=0.75)
    assert torch.equal(model.memory_bank.rows[:6], keys) and model.memory_bank.pointer == 6 and model.pending_keys == []
    name = 'backbone.conv.weight'
    by_hand = 0.75 * before[f'teacher.{name}'] + 0.25 * (before[name] + 0.5)
    torch.testing.assert_close(model.state_dict()[f'teacher.{name}'].double(), by_hand, atol=1e-6, rtol=1e-6)


def test_too_few_clips_are_refused_with_what_to_set(build):
    with pytest.raises(ValueError, match='set num_views'):
        build()(torch.randn(3, 1, 3, 4, 8, 8), mode='loss')


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(enqueue=('pooled', 0)), 'enqueue=.* names no embedding that a head compares'),
        (dict(enqueue=('projection', 1)), 'no position in teacher_views'),
        (dict(enqueue=('projection', -1)), 'no position in teacher_views'),
        (dict(enqueue='projection'), "model.enqueue='projection' names no embedding"),
        (dict(student_views=[]), 'model.student_views must be a list of one or more indices of clips, from 0'),
        (dict(student_views=0), 'model.student_views must be a list'),
        (dict(student_views=[-1]), 'each of model.student_views must be an integer of at least 0, got -1'),
        (dict(teacher_views=['x']), "each of model.teacher_views must be an integer of at least 0, got 'x'"),
        (dict(student_views=(0, 1)), 'model.heads.distill: SimilarityDistillHead takes one student view, got 2'),
        (dict(teacher_views=(0, 1)), 'model.heads.distill: SimilarityDistillHead takes one teacher view, got 2'),
        (
            dict(heads=dict(motion=RelativeSpeedHead(embedding_name='projection'))),
            'model.heads.motion: .* are not both among the 1 teacher_views',
        ),
        (
            dict(
                heads=dict(distill=SimilarityDistillHead(), parsing=ParsingDistillHead(4, view=1)),
                necks=dict(projection=ProjectionNeck(4, 6), human_map=dict(type='MapNeck')),
            ),
            r'model.heads.parsing: ParsingDistillHead reads the clips \[1\] .* model.student_views=\[0\]',
        ),
        (dict(predictors=dict(projektion=PredictorNeck(6, 8, 6))), 'predictors.projektion follows no neck'),
    ],
)
def test_names_that_lead_nowhere_are_refused_when_the_model_is_built(build, changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_a_predictor_after_an_embedding_that_no_head_reads_is_refused(build):
    necks = dict(projection=ProjectionNeck(4, 6), other=ProjectionNeck(4, 6))
    predictors = dict(projection=PredictorNeck(6, 8, 6), other=PredictorNeck(6, 8, 6))
    with pytest.raises(ValueError, match='predictors.other follows no neck that a head reads'):
        build(necks=necks, predictors=predictors)


def test_without_a_predictor_the_projections_are_compared(build):
    model = build(predictors=None)
    model.start_teacher()
    clips = torch.randn(CLIPS)
    clips[:, 1] = clips[:, 0]
    model.heads['distill'].student_temperature = 0.05
    results = model(clips, mode='loss')
    assert results['loss_distill'].item() == pytest.approx(0, abs=1e-6)
    assert results['acc_nearest_anchor'].item() == 1


# --- heads of both kinds --------------------------------------------------------------------------------------------


class AgreementHead(PretextHead):
    """A head without negatives, as a newcomer writes it: student and teacher shall agree."""

    needs_teacher = True

    def loss(self, embeddings, data_samples=None):
        assert embeddings.bank is None
        return dict(loss_agreement=2 - 2 * (embeddings.student * embeddings.teacher).sum(2).mean())


@pytest.mark.parametrize(('view', 'labels'), [(0, [0, 2, 1]), (1, [1, 1, 0])])
def test_a_speed_head_beside_instance_discrimination_reads_the_labels_of_the_students_view(
    build, samples_with, view, labels
):
    model = build(
        heads=dict(instance=InfoNCEHead(embedding_name='projection'), speed=SpeedHead(4, num_speeds=3)),
        predictors=None,
        student_views=(view,),
        teacher_views=(1 - view,),
    )
    clips = torch.randn(CLIPS)
    results = model(clips, samples_with(gt_speed=[[0, 1], [2, 1], [1, 0]]), mode='loss')
    pooled = maps_by_hand(model.backbone, clips[:, view]).mean((2, 3, 4))
    linear = model.heads['speed'].classifier
    logits = pooled @ linear.weight.double().t() + linear.bias.double()
    by_hand = F.cross_entropy(logits, torch.tensor(labels)).item()
    assert results['loss_speed'].item() == pytest.approx(by_hand, rel=1e-4)
    assert results['acc_speed'].item() == pytest.approx(
        (logits.argmax(1) == torch.tensor(labels)).double().mean().item()
    )

    project = model.necks['projection'].layers[0]
    student = F.normalize(pooled @ project.weight.double().t() + project.bias.double(), dim=1)
    similarity = torch.cat(
        [(student * model.pending_keys[0]).sum(1, keepdim=True), student @ model.memory_bank.rows.double().t()], dim=1
    )
    by_hand = F.cross_entropy(similarity / 0.07, torch.zeros(3, dtype=torch.long)).item()
    assert results['loss_appearance'].item() == pytest.approx(by_hand, rel=1e-4)
    (results['loss_appearance'] + results['loss_speed']).backward()
    assert all(value.grad.isfinite().all() for value in model.parameters() if value.requires_grad)


def maps_by_hand(backbone, clips):
    maps = F.conv3d(clips.double(), backbone.conv.weight.double(), stride=2, padding=1)
    return F.batch_norm(maps, None, None, training=True, eps=backbone.bn.eps).clamp(min=0)


def test_without_a_head_that_needs_it_there_is_no_bank(build):
    model = build(heads=dict(agreement=AgreementHead('projection')), memory_bank=None)
    assert model.memory_bank is None and model.required_hooks == ('MomentumTeacherHook',)
    assert not [name for name in model.state_dict() if 'bank' in name]
    results = model(torch.randn(CLIPS), mode='loss')
    assert set(results) == {'loss_agreement', 'std_student', 'std_teacher'} and 0 < results['loss_agreement'] < 4
    results['loss_agreement'].backward()
    model.after_step()
    assert model.pending_keys == []


@pytest.mark.parametrize(
    ('model_class', 'changes', 'message'),
    [
        (MomentumPretrainer, dict(memory_bank=None), 'model.heads.distill: .*model.memory_bank is None'),
        (MomentumPretrainer, dict(heads=dict(speed=SpeedHead(4))), 'model.heads: no head compares'),
        (
            MomentumPretrainer,
            dict(heads=dict(distill=SimilarityDistillHead(embedding_name='x'))),
            'model.heads.distill reads',
        ),
        (Pretrainer, dict(), 'model.heads.distill: SimilarityDistillHead compares .* Pretrainer does not have'),
    ],
)
def test_what_a_head_needs_and_the_model_lacks_is_refused_by_the_configs_key(
    small_backbone, model_class, changes, message
):
    arguments = dict(
        backbone=small_backbone(),
        heads=dict(distill=dict(type='SimilarityDistillHead')),
        necks=dict(projection=ProjectionNeck(4, 6)),
    )
    if model_class is MomentumPretrainer:
        arguments['memory_bank'] = MemoryBank(9, 6)
    with pytest.raises(ConfigError, match=message):
        model_class(**{**arguments, **changes})


def test_a_config_from_before_the_renaming_builds_the_same_head(build):
    heads = dict(distill=dict(type='SimilarityDistillHead', embedding='pooled'))
    model = build(heads=heads, predictors=None, memory_bank=MemoryBank(9, 4))
    assert model.heads['distill'].embedding_name == 'pooled' and heads['distill']['embedding'] == 'pooled'


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


def test_the_embedding_std_is_the_deviation_over_the_batch_times_the_root_of_the_dimension(unit_rows):
    rows = unit_rows(7, 5)
    by_hand = np.asarray(rows, np.float64).std(axis=0).mean() * np.sqrt(5)
    assert embedding_std(rows).item() == pytest.approx(by_hand, rel=1e-5)
    assert embedding_std(unit_rows(4096, 64)).item() == pytest.approx(1, abs=0.02)
    assert embedding_std(unit_rows(1, 64).expand(10, 64)).item() == pytest.approx(0, abs=1e-6)
    assert embedding_std(unit_rows(1, 64)).item() == 0, 'a batch of one must not give nan'


def test_of_one_video_nothing_is_said_of_a_collapse(build):
    model = build(predictors=None)
    assert set(model(torch.randn(1, *CLIPS[1:]), mode='loss')) == {'loss_distill', 'acc_nearest_anchor'}
    agreement = dict(agreement=ConsistencyHead())
    both = build(student_views=(0, 1), teacher_views=(1, 0), heads=agreement, memory_bank=None, predictors=None)
    assert set(both(torch.randn(1, *CLIPS[1:]), mode='loss')) == {'loss_consistency'}
    assert {'std_student', 'std_teacher'} < set(both(torch.randn(2, *CLIPS[1:]), mode='loss'))


def test_a_collapsed_student_shows_beside_a_healthy_teacher(build):
    model = build()
    with torch.no_grad():
        model.backbone.conv.weight.zero_()
    results = model(torch.randn(CLIPS), mode='loss')
    assert results['std_student'].item() == pytest.approx(0, abs=1e-5)
    assert results['std_teacher'].item() > 0.01
    assert not results['std_student'].requires_grad
