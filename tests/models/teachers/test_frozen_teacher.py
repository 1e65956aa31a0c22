"""What every teacher promises: preparation of frames, fp32, no gradient, and that nothing around it changes it."""

import pytest
import torch
from mmengine.model import BaseModule
from small_teachers import Identity, SmallNet
from torch import nn
from torch.nn import functional as F

from videossl.models import ModuleTeacher


class Student(BaseModule):
    """A model around a teacher, registered as an ordinary child: the worst a holder can do."""

    def __init__(self, teacher, init_cfg=None):
        super().__init__(init_cfg)
        self.teacher = teacher
        self.layer = nn.Conv2d(3, 3, 1)


def snapshot(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def assert_unchanged(module, before):
    after = module.state_dict()
    assert list(after) == list(before)
    for name, value in before.items():
        assert torch.equal(after[name], value) and after[name].dtype == value.dtype, name


@pytest.mark.parametrize('dtype', [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize('to_bgr', [False, True])
def test_frames_are_reordered_then_normalised_in_0_to_255(frames, dtype, to_bgr):
    teacher = ModuleTeacher(Identity(), 3, mean=(10, 20, 30), std=(1, 2, 4), to_bgr=to_bgr)
    logits = teacher(frames.to(dtype))
    red, green, blue = frames.float().unbind(1)
    first, last = (blue, red) if to_bgr else (red, blue)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, torch.stack([first - 10, (green - 20) / 2, (last - 30) / 4], 1))


@pytest.mark.parametrize(('input_size', 'expected'), [(None, (16, 20)), (32, (32, 32)), ((24, 12), (24, 12))])
def test_frames_are_resized_to_the_input_size(frames, input_size, expected):
    teacher = ModuleTeacher(Identity(), 3, mean=(0, 0, 0), std=(1, 1, 1), input_size=input_size)
    logits = teacher(frames)
    wanted = frames.float() if input_size is None else F.interpolate(frames.float(), expected, mode='bilinear')
    assert logits.shape[-2:] == expected
    torch.testing.assert_close(logits, wanted)


@pytest.mark.parametrize(
    'wrap',
    [lambda images: dict(out=images, aux=None), lambda images: dict(logits=images, out=images[:, :1])],
    ids=['out', 'logits before out'],
)
def test_logits_may_come_in_a_dict(frames, wrap):
    plain = ModuleTeacher(Identity(), 3)(frames)
    assert torch.equal(ModuleTeacher(Identity(wrap), 3)(frames), plain)


@pytest.mark.parametrize(
    ('wrap', 'message'),
    [
        (lambda images: dict(masks=images), r"a dict with \['masks'\]"),
        (lambda images: images[:, :2], r'num_classes=3, h, w\], got \(2, 2, 16, 20\)'),
        (lambda images: images.mean((2, 3)), r'got \(2, 3\)'),
        (lambda images: [images], 'got list'),
    ],
)
def test_other_outputs_are_refused_with_what_was_found(frames, wrap, message):
    with pytest.raises(ValueError, match=message):
        ModuleTeacher(Identity(wrap), 3)(frames)


def test_a_teacher_in_a_training_model_stays_as_it_is(teacher, frames):
    student, before = Student(teacher), snapshot(teacher)
    first = teacher(frames)
    for _ in range(10):
        student.train()
        assert torch.equal(teacher(frames), first)  # dropout would differ
    assert not any(module.training for module in teacher.modules())
    assert student.layer.training
    assert_unchanged(teacher, before)


def test_a_teacher_gives_and_asks_for_no_gradient(teacher, frames):
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert not teacher(frames.float().requires_grad_()).requires_grad


@pytest.mark.parametrize(
    'init_cfg',
    [
        None,
        dict(type='Constant', layer='Conv2d', val=3.0),
        dict(type='Constant', layer=['Conv2d', 'BatchNorm2d'], val=3.0),
    ],
)
def test_initialisation_of_the_model_around_it_passes_it_by(teacher, init_cfg):
    student, before = Student(teacher, init_cfg), snapshot(teacher)
    student.init_weights()
    assert (init_cfg is None) or (student.layer.weight == 3).all()
    assert_unchanged(teacher, before)
    teacher.init_weights()
    assert_unchanged(teacher, before)


def test_half_precision_and_autocast_do_not_reach_it(teacher, frames):
    before, expected = snapshot(teacher), teacher(frames)
    Student(teacher).half().bfloat16().double()
    assert_unchanged(teacher, before)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert nn.functional.linear(torch.ones(1, 1), torch.ones(1, 1)).dtype == torch.bfloat16
        logits = teacher(frames)
    assert logits.dtype == torch.float32 and torch.equal(logits, expected)


def test_it_moves_to_another_device_whole(teacher):
    Student(teacher).to('meta')
    assert {value.device.type for value in (*teacher.parameters(), *teacher.buffers())} == {'meta'}


def test_its_state_dict_is_the_networks_alone(teacher):
    assert list(teacher.state_dict()) == [f'network.{name}' for name in teacher.network.state_dict()]
    other = ModuleTeacher(SmallNet(), 4, mean=(0, 0, 0), std=(1, 1, 1))
    other.load_state_dict(teacher.state_dict())
    assert torch.equal(other.network.conv.weight, teacher.network.conv.weight)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_classes=1), 'num_classes must be'),
        (dict(num_classes='4'), 'num_classes must be'),
        (dict(mean=(0, 0)), 'mean and std'),
        (dict(std=(1, 0, 1)), 'mean and std'),
        (dict(class_names=['a', 'b']), '2 class_names for num_classes=4'),
        (dict(left_right_pairs=[(1, 4)]), 'left_right_pairs must be pairs of different classes from 0 to 3'),
        (dict(left_right_pairs=[(1, 2), (2, 3)]), 'left_right_pairs'),
        (dict(left_right_pairs=[(1, 1)]), 'left_right_pairs'),
        (dict(input_size=0), 'input_size must be'),
        (dict(input_size=(8, 8, 8)), 'input_size must be'),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=f'ModuleTeacher: .*{message}'):
        ModuleTeacher(SmallNet(), **dict(dict(num_classes=4), **arguments))


@pytest.mark.parametrize('shape', [(3, 16, 16), (2, 1, 16, 16), (2, 3, 4, 16, 16)])
def test_other_shapes_than_frames_are_refused(teacher, shape):
    with pytest.raises(ValueError, match='RGB frames'):
        teacher(torch.zeros(shape))
