"""One student view, two teacher views: an iteration of RSPNet written out by hand in float64."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from videossl.engine import MemoryBankHook, MomentumTeacherHook
from videossl.models import InfoNCEHead, MemoryBank, MomentumPretrainer, ProjectionNeck, RelativeSpeedHead

MOMENTUM = 0.7
CLIPS = (3, 3, 3, 4, 8, 8)


@pytest.fixture
def build(small_backbone):
    """A function from changed arguments to RSPNet on the small backbone: embeddings of 6, a bank of 8 rows."""

    def build(**changes) -> MomentumPretrainer:
        arguments = dict(
            backbone=small_backbone(),
            necks=dict(appearance=ProjectionNeck(4, 6), motion=ProjectionNeck(4, 6)),
            heads=dict(appearance=InfoNCEHead(), motion=RelativeSpeedHead(same_speed_view=1, other_speed_view=0)),
            memory_bank=MemoryBank(8, 6),
            teacher_views=(2, 1),
            enqueue=('appearance', 0),
            shuffle_teacher=True,
        )
        return MomentumPretrainer(**{**arguments, **changes})

    return build


def maps_by_hand(state, prefix, clips):
    return F.conv3d(clips.double(), state[f'{prefix}backbone.conv.weight'].double(), stride=2, padding=1)


def embedding_by_hand(state, prefix, neck, clips):
    state = {name: value.double() for name, value in state.items()}
    maps = maps_by_hand(state, prefix, clips)
    mean, variance = maps.mean((0, 2, 3, 4), keepdim=True), maps.var((0, 2, 3, 4), correction=0, keepdim=True)
    weight, bias = (state[f'{prefix}backbone.bn.{name}'].view(1, -1, 1, 1, 1) for name in ('weight', 'bias'))
    pooled = ((maps - mean) / (variance + 1e-5).sqrt() * weight + bias).clamp(min=0).mean((2, 3, 4))
    layer = f'{prefix}necks.{neck}.layers.0.'
    rows = pooled @ state[layer + 'weight'].t() + state[layer + 'bias']
    return rows / rows.norm(dim=1, keepdim=True)


def losses_by_hand(state, clips):
    """Both losses of the released code, from the weights and the bank of a state dict."""
    query, same, other = clips.unbind(1)
    bank = state['memory_bank.rows'].double()
    q = {neck: embedding_by_hand(state, '', neck, query) for neck in ('appearance', 'motion')}
    appearance = 0.0
    for key in (other, same):
        k = embedding_by_hand(state, 'teacher.', 'appearance', key)
        logits = torch.cat([(q['appearance'] * k).sum(1, keepdim=True), q['appearance'] @ bank.t()], dim=1) / 0.07
        appearance += float(-logits.log_softmax(1)[:, 0].mean())
    near, far = ((q['motion'] * embedding_by_hand(state, 'teacher.', 'motion', key)).sum(1) for key in (same, other))
    return appearance, float(np.mean([max(0, 0.14 - float(d)) for d in near - far])) / 0.07


def test_three_iterations_are_those_computed_by_hand(build):
    model = build()
    model.start_teacher()
    optimizer = torch.optim.SGD([parameter for parameter in model.parameters() if parameter.requires_grad], lr=1)
    ring = list(model.memory_bank.rows.double())
    pointer, before = 0, {}
    for step in range(3):
        clips = torch.randn(CLIPS)
        moved = {name: value.clone() for name, value in model.state_dict().items()}

        results = model(clips, mode='loss')
        appearance, motion = losses_by_hand(moved, clips)
        assert results['loss_appearance'].item() == pytest.approx(appearance, rel=1e-4)
        assert results['loss_motion'].item() == pytest.approx(motion, rel=1e-4, abs=1e-4)
        if step > 0:
            stale = {**moved, **{name: value for name, value in before.items() if name.startswith('teacher')}}
            assert losses_by_hand(stale, clips)[0] != pytest.approx(appearance, rel=1e-3), 'no difference to see'
        assert torch.equal(model.memory_bank.rows, moved['memory_bank.rows']), 'enqueued before the loss was taken'
        optimizer.zero_grad()
        (results['loss_appearance'] + results['loss_motion']).backward()
        optimizer.step()
        before = moved
        model.after_step(MOMENTUM)
        for name, parameter in model.teacher.named_parameters():
            student = dict(model.named_parameters())[name].double()
            by_hand = MOMENTUM * before[f'teacher.{name}'].double() + (1 - MOMENTUM) * student
            torch.testing.assert_close(parameter.double(), by_hand, atol=1e-6, rtol=1e-5)

        # Once an iteration, the appearance of the key at the other speed.
        for row in embedding_by_hand(moved, 'teacher.', 'appearance', clips[:, 2]):
            ring[pointer % 8] = row
            pointer += 1
        torch.testing.assert_close(model.memory_bank.rows.double(), torch.stack(ring), atol=1e-4, rtol=0)
        assert int(model.memory_bank.pointer) == pointer % 8


def test_the_teachers_statistics_come_from_one_pass_for_each_view_in_their_order(build):
    model = build()
    clips = torch.randn(CLIPS) * torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1, 1, 1)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    model(clips, mode='loss')
    norm = model.teacher['backbone'].bn
    mean, variance = torch.zeros(4).double(), torch.ones(4).double()
    for view in (2, 1):
        maps = maps_by_hand(state, 'teacher.', clips[:, view])
        mean = 0.9 * mean + 0.1 * maps.mean((0, 2, 3, 4))
        variance = 0.9 * variance + 0.1 * maps.var((0, 2, 3, 4))
    torch.testing.assert_close(norm.running_mean.double(), mean, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(norm.running_var.double(), variance, atol=1e-5, rtol=1e-4)
    assert int(norm.num_batches_tracked) == 2 and int(model.backbone.bn.num_batches_tracked) == 1


def test_the_student_has_no_predictor_and_both_projections_learn(build):
    model = build()
    results = model(torch.randn(CLIPS), mode='loss')
    assert set(results) == {
        'loss_appearance',
        'acc_appearance',
        'loss_motion',
        'acc_motion',
        'std_student',
        'std_teacher',
    }
    (results['loss_appearance'] + results['loss_motion']).backward()
    students = {name: parameter for name, parameter in model.named_parameters() if not name.startswith('teacher')}
    assert len(students) == 7
    for name, parameter in students.items():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


# --- a teacher with weights of its own ------------------------------------------------------------------------------


def with_random_teacher(model) -> None:
    model.start_teacher(copy_student=False)


def test_a_teacher_that_is_not_copied_has_random_weights_of_its_own_and_the_student_stays(build):
    model = build()
    model.init_weights()
    with torch.no_grad():
        model.backbone.bn.running_mean.fill_(7)  # as a hand-off would leave it
    model.teacher['backbone'].bn.running_mean.fill_(7)
    student = {name: value.clone() for name, value in model.state_dict().items() if not name.startswith('teacher.')}
    with_random_teacher(model)
    state = model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in student.items())
    for name in ('backbone.conv.weight', 'necks.appearance.layers.0.weight', 'necks.motion.layers.0.bias'):
        teacher = state[f'teacher.{name}']
        assert not torch.equal(teacher, state[name]), name
        # PyTorch's default is uniform up to 1 / sqrt(inputs): 81 of the convolution, 4 of the layers.
        limit = 1 / np.sqrt(81 if 'conv' in name else 4)
        assert 0.5 * limit < teacher.abs().max() <= limit
    assert state['teacher.backbone.bn.running_mean'].abs().max() == 0
    assert not any(parameter.requires_grad for parameter in model.teacher.parameters())


def test_a_random_teacher_follows_init_cfg_but_takes_no_checkpoint(build, tmp_path):
    ones = dict(type='Constant', layer='Linear', val=1.0)
    torch.save(dict(state_dict={}), tmp_path / 'stage.pth')
    model = build(
        necks=dict(appearance=ProjectionNeck(4, 6, init_cfg=ones), motion=ProjectionNeck(4, 6)),
        backbone=dict(type='R3D', base_channels=1),
    )
    model.teacher['backbone'].init_cfg = [
        dict(type='Pretrained', checkpoint=str(tmp_path / 'no such file.pth')),
        dict(type='Constant', layer='Conv3d', val=2.0),
    ]
    with_random_teacher(model)
    assert (model.teacher['necks']['appearance'].layers[0].weight == 1).all()
    assert not (model.teacher['necks']['motion'].layers[0].weight == 1).any()
    convolutions = [module for module in model.teacher.modules() if isinstance(module, torch.nn.Conv3d)]
    assert convolutions and all((module.weight == 2).all() for module in convolutions)


@pytest.mark.parametrize('branched', [False, True])
@pytest.mark.parametrize('net', ['ResNet3D', 'TorchvisionR2Plus1D'])
def test_a_random_teacher_of_a_net_that_draws_in_its_constructor_has_that_draw(build, net, branched):
    backbone = dict(type=net, depth=10, base_channels=8)
    if branched:
        backbone = dict(type='BranchedBackbone', backbone=backbone)
    model = build(
        backbone=backbone,
        necks=dict(
            appearance=ProjectionNeck(128 if branched else 64, 6), motion=ProjectionNeck(128 if branched else 64, 6)
        ),
    )
    with_random_teacher(model)
    student = dict(model.backbone.named_modules())
    compared = 0
    for name, layer in model.teacher['backbone'].named_modules():
        if isinstance(layer, torch.nn.Conv3d):
            assert not torch.equal(layer.weight, student[name].weight)
            if layer.weight.numel() >= 1000:
                compared += 1
                # Kaiming's normal distribution with fan_out; PyTorch's own is narrower, with sqrt(1 / (3 fan_in)).
                expected = (2 / (layer.out_channels * np.prod(layer.kernel_size))) ** 0.5
                assert layer.weight.std().item() == pytest.approx(expected, rel=0.1), name
    assert compared > 4


def test_a_random_teacher_of_a_transformer_has_xaviers_draw(build):
    model = build(
        backbone=dict(type='ViT', depth=4, base_channels=16, patch_size=8),
        necks=dict(appearance=ProjectionNeck(48, 6), motion=ProjectionNeck(48, 6)),
    )
    with_random_teacher(model)
    layers = [layer for layer in model.teacher['backbone'].modules() if isinstance(layer, torch.nn.Linear)]
    assert len(layers) == 16
    for layer in layers:
        limit = (6 / (layer.in_features + layer.out_features)) ** 0.5  # uniform up to it
        assert 0.97 * limit < layer.weight.abs().max() <= limit
        assert layer.bias is None or not layer.bias.any()


def test_a_random_teacher_draws_nothing_unless_asked_for(build):
    model = build()
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    model.init_weights()
    model.start_teacher()
    assert torch.rand(1) == expected
    assert torch.equal(model.teacher['backbone'].conv.weight, model.backbone.conv.weight)


def test_a_random_teacher_that_resumes_stays_as_it_was(build):
    model = build()
    before = {name: value.clone() for name, value in model.teacher.state_dict().items()}
    hooks = [MomentumTeacherHook(copy_student=False), MemoryBankHook()]
    hooks[0].before_train(SimpleNamespace(model=model, iter=5, hooks=hooks, optim_wrapper=None))
    assert all(torch.equal(value, before[name]) for name, value in model.teacher.state_dict().items())


def test_a_whole_may_draw_its_parts_otherwise(build, small_backbone):
    backbone = small_backbone()
    backbone.reset_parameters = lambda: None
    model = build(backbone=backbone)
    model.teacher['backbone'].reset_parameters = lambda: model.teacher['backbone'].conv.weight.fill_(3)
    with_random_teacher(model)
    assert (model.teacher['backbone'].conv.weight == 3).all()
