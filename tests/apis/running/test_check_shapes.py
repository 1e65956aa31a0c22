"""Widths that do not fit are named in the first iteration, with the key of the config."""

import os
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import DefaultScope
from torch import nn

from videossl.apis.running.check_shapes import check_first_shapes
from videossl.compat import config_directory
from videossl.config_files import load_config
from videossl.engine import CompileHook
from videossl.errors import ConfigError
from videossl.registry import MODELS

VSPP = os.path.join(config_directory(), 'vspp/vspp_r3d-10_16x1x1-20e_k100-rgb.py')


def build(config, hooks=()) -> nn.Module:
    """The model of a config, watched as in a runner."""
    with DefaultScope.overwrite_default_scope('videossl'):
        model = MODELS.build(config.model)
    check_first_shapes(SimpleNamespace(model=model, hooks=hooks), config)
    return model


def speed_of(model: nn.Module) -> torch.Tensor:
    return model.heads['speed'](model(torch.zeros(2, 1, 3, 8, 16, 16), mode='predict'))


def test_a_head_that_does_not_fit_the_backbone_is_named_with_both_widths():
    config = load_config(VSPP)
    config.model.backbone.base_channels = 4
    with pytest.raises(ConfigError) as error:
        speed_of(build(config))
    assert str(error.value) == 'model.heads.speed.in_channels is 512, but 32 numbers come in; set it to that'


@pytest.mark.parametrize(
    'name, part, clips',
    [
        ('vcp/vcp_r3d-10_16x1x1-300e_ucf101-rgb.py', 'heads.operation', 3),  # concatenates three clips
        ('psp/psp_r2plus1d-10_16x1x1-300e_ucf101-rgb.py', 'heads.order', 3),  # pairs of clips
    ],
)
def test_the_width_to_set_is_that_of_one_clip(name, part, clips):
    config = load_config(os.path.join(config_directory(), name))
    config.model.backbone.base_channels = 4
    model = build(config)
    with pytest.raises(ConfigError, match=f'^model.{part}.in_channels is 512, but 32 numbers come in; set it to that$'):
        pooled = model(torch.zeros(2, clips, 3, 16, 32, 32), mode='predict')
        model.heads[part.rpartition('.')[2]](pooled)


def test_a_convolution_of_a_neck_is_named():
    config = load_config(os.path.join(config_directory(), 'prp/prp_r3d-10_16x1x1-300e_ucf101-rgb.py'))
    model = build(config)
    (neck,) = (module for name, module in model.named_modules() if name.endswith('necks.rate'))
    with pytest.raises(
        ConfigError, match='^model.necks.rate.in_channels is 512, but 32 numbers come in; set it to that$'
    ):
        neck(torch.zeros(2, 32, 2, 4, 4))


def test_a_net_for_other_channels_is_named():
    config = load_config(VSPP)
    config.model.backbone.update(base_channels=4, in_channels=4)
    with pytest.raises(ConfigError, match='^model.backbone.in_channels is 4, but 3 numbers come in; set it to that$'):
        speed_of(build(config))


def test_a_model_whose_parts_fit_is_watched_in_the_first_pass_alone():
    config = load_config(VSPP)
    config.merge_from_dict(
        {'model.backbone.base_channels': 4, 'model.heads.speed.in_channels': 32, 'model.heads.segment.in_channels': 32}
    )
    model = build(config)
    assert speed_of(model).shape == (2, 1, 4)
    speed = [module for module in model.heads['speed'].modules() if isinstance(module, nn.Linear)]
    assert speed and not any(module._forward_pre_hooks for module in speed)


def test_a_layer_without_a_key_is_named_by_its_path():
    config = load_config(VSPP)
    model = nn.ModuleDict(dict(mine=nn.Linear(2, 2)))
    check_first_shapes(SimpleNamespace(model=model, hooks=[]), config)
    with pytest.raises(ConfigError, match='model.mine takes 2 .*3 come in'):
        model['mine'](torch.zeros(1, 3))


def test_a_batch_norm_with_a_single_number_a_channel_names_the_batch_size():
    model = nn.ModuleDict(dict(norm=nn.BatchNorm3d(4)))
    check_first_shapes(SimpleNamespace(model=model, hooks=[]), load_config(VSPP))
    with pytest.raises(ConfigError, match=r'train_dataloader\.batch_size'):
        model['norm'](torch.zeros(1, 4, 1, 1, 1))


def test_compiled_backbones_are_left_alone():
    model = nn.ModuleDict(dict(backbone=nn.Linear(2, 2), head=nn.Linear(2, 2)))
    check_first_shapes(SimpleNamespace(model=model, hooks=[CompileHook()]), load_config(VSPP))
    assert not model['backbone']._forward_pre_hooks and model['head']._forward_pre_hooks
