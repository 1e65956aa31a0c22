"""A module of your own as a teacher."""

import torch
from mmengine.model import BaseModule
from small_teachers import Identity, SmallNet
from torch import nn

from videossl.models import ModuleTeacher
from videossl.registry import MODELS


@MODELS.register_module(name='InitialisedTeacherOfTheTests')
class InitialisedNet(BaseModule):
    """A network that gets its weights the way of mmengine."""

    def __init__(self, init_cfg=None):
        super().__init__(init_cfg)
        self.conv = nn.Conv2d(3, 2, 1)


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
