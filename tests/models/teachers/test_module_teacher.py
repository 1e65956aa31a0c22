"""A module of your own as a teacher."""

import pytest
import torch
from mmengine.model import BaseModule
from torch import nn

from videossl.models import ModuleTeacher
from videossl.registry import MODELS


class Identity(nn.Module):
    """Returns the normalised image as if it were logits of three classes, in the container asked for."""

    def __init__(self, wrap=lambda images: images):
        super().__init__()
        self.wrap = wrap

    def forward(self, images):
        return self.wrap(images)


@MODELS.register_module(name='TeacherOfTheTests')
class SmallNet(nn.Module):
    """A convolution, a batch norm and dropout: everything that would behave differently in training."""

    def __init__(self, num_classes=4):
        super().__init__()
        self.conv = nn.Conv2d(3, num_classes, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(num_classes)
        self.drop = nn.Dropout(0.5)

    def forward(self, images):
        return self.drop(self.norm(self.conv(images)))


@MODELS.register_module(name='InitialisedTeacherOfTheTests')
class InitialisedNet(BaseModule):
    """A network that gets its weights the way of mmengine."""

    def __init__(self, init_cfg=None):
        super().__init__(init_cfg)
        self.conv = nn.Conv2d(3, 2, 1)


@pytest.fixture
def teacher():
    network = SmallNet()
    nn.init.normal_(network.norm.running_mean)
    return ModuleTeacher(network, num_classes=4)


@pytest.fixture
def frames():
    return torch.randint(256, (2, 3, 16, 20), dtype=torch.uint8)


def test_the_default_statistics_are_imagenets():
    logits = ModuleTeacher(Identity(), 3)(torch.tensor([255.0, 0.0, 255.0]).view(1, 3, 1, 1))
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, (1 - 0.406) / 0.225]
    torch.testing.assert_close(logits.flatten(), torch.tensor(expected))


def test_a_module_is_built_from_a_config_and_names_its_classes():
    teacher = MODELS.build(
        dict(
            type='ModuleTeacher',
            module=dict(type='TeacherOfTheTests', num_classes=3),
            num_classes=3,
            input_size=8,
            class_names=['body', 'left hand', 'right hand'],
            left_right_pairs=[[1, 2]],
        )
    )
    assert isinstance(teacher.network, SmallNet) and teacher.input_size == (8, 8)
    assert teacher.class_names == ('body', 'left hand', 'right hand') and teacher.left_right_pairs == ((1, 2),)
    assert ModuleTeacher(SmallNet(), 4).class_names == ('0', '1', '2', '3')


def test_a_module_from_a_config_gets_the_weights_its_init_cfg_names(tmp_path):
    source = InitialisedNet()
    torch.save(source.state_dict(), tmp_path / 'weights.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'weights.pth'))
    teacher = ModuleTeacher(dict(type='InitialisedTeacherOfTheTests', init_cfg=init_cfg), 2)
    assert torch.equal(teacher.network.conv.weight, source.conv.weight)
    assert not teacher.network.conv.weight.requires_grad


def test_a_module_that_is_there_already_keeps_its_weights():
    source = InitialisedNet(init_cfg=dict(type='Constant', layer='Conv2d', val=3.0))
    before = source.conv.weight.clone()
    assert torch.equal(ModuleTeacher(source, 2).network.conv.weight, before)
