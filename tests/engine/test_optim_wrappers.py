"""Which parameters the optimiser gets."""

import pytest
import torch
from mmengine.registry import DefaultScope
from torch import nn

from videossl.errors import ConfigError
from videossl.models import R3D, ViT
from videossl.registry import OPTIM_WRAPPER_CONSTRUCTORS


def wrap(
    model: nn.Module, paramwise_cfg: dict | None = None, kind: str = 'TrainableOptimWrapperConstructor', **options
):
    optimizer = dict(type='SGD', **{**dict(lr=0.1, momentum=0.9, weight_decay=0.01), **options})
    with DefaultScope.overwrite_default_scope('videossl'):
        constructor = OPTIM_WRAPPER_CONSTRUCTORS.build(
            dict(
                type=kind, optim_wrapper_cfg=dict(type='OptimWrapper', optimizer=optimizer), paramwise_cfg=paramwise_cfg
            )
        )
        return constructor(model)


def names_in(model: nn.Module, wrapper) -> list[str]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return sorted(names[id(parameter)] for group in wrapper.optimizer.param_groups for parameter in group['params'])


PARAMWISE = [None, dict(norm_decay_mult=0.0, bias_decay_mult=0.0), dict(custom_keys=dict(backbone=dict(lr_mult=0.1)))]


@pytest.mark.parametrize('paramwise_cfg', PARAMWISE, ids=['plain', 'without decay of norms', 'custom keys'])
def test_the_optimizer_holds_every_parameter_of_the_student_and_none_of_the_teacher(build_aux_skd, paramwise_cfg):
    model = build_aux_skd()
    trained = names_in(model, wrap(model, paramwise_cfg))
    assert trained == sorted(name for name, _ in model.named_parameters() if not name.startswith('teacher.'))
    assert any(name.startswith('predictors.') for name in trained)


def test_frozen_parameters_are_left_out(build_vspp):
    model = build_vspp()
    model.backbone.conv.requires_grad_(False)
    assert names_in(model, wrap(model)) == [
        'backbone.bn.bias',
        'backbone.bn.weight',
        'heads.speed.classifier.bias',
        'heads.speed.classifier.weight',
    ]


def test_paramwise_settings_reach_the_parameters_they_name(build_aux_skd):
    model = build_aux_skd()
    paramwise_cfg = dict(custom_keys={'backbone': dict(lr_mult=0.1), 'predictors': dict(decay_mult=0.0)})
    settings = {
        id(parameter): (group['lr'], group['weight_decay'])
        for group in wrap(model, paramwise_cfg).optimizer.param_groups
        for parameter in group['params']
    }
    assert settings[id(model.backbone.conv.weight)] == pytest.approx((0.01, 0.01))
    assert settings[id(model.necks['projection'].layers[0].weight)] == pytest.approx((0.1, 0.01))
    assert settings[id(model.predictors['projection'].layers[0].weight)] == pytest.approx((0.1, 0.0))


def test_the_saved_optimizer_has_no_state_for_the_teacher(build_aux_skd):
    model = build_aux_skd()
    wrapper = wrap(model)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.ones_like(parameter)
    wrapper.step()
    saved = wrapper.state_dict()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert len(saved['state']) == len(trained)


def test_a_model_that_is_frozen_as_a_whole_is_refused(build_vspp):
    with pytest.raises(ValueError, match='Pretrainer has no trainable parameter'):
        wrap(build_vspp().requires_grad_(False))


@pytest.mark.parametrize('paramwise_cfg', PARAMWISE[1:])
def test_a_frozen_model_is_refused_with_paramwise_settings_too(build_vspp, paramwise_cfg):
    with pytest.raises(ValueError, match='no trainable parameter'):
        wrap(build_vspp().requires_grad_(False), paramwise_cfg)


def to_channels_last(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            module.to(memory_format=torch.channels_last_3d)
    return model


def take_steps(model: nn.Module, wrapper, first: int, last: int) -> None:
    """Steps with gradients that depend on the step alone."""
    for step in range(first, last):
        generator = torch.Generator().manual_seed(step)
        for parameter in model.parameters():
            if parameter.requires_grad:
                # As backward passes leave them: in the layout of the weight.
                parameter.grad = torch.empty_like(parameter).copy_(torch.randn(parameter.shape, generator=generator))
        wrapper.step()


def trained(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach() for name, value in model.named_parameters() if value.requires_grad}


@pytest.mark.parametrize('option', ['fused', 'foreach'])
@pytest.mark.parametrize('layout', ['channels-last', 'contiguous'])
def test_the_fused_and_the_grouped_step_are_the_plain_one(build_aux_skd, option, layout):
    models = []
    for options in ({option: True}, dict(foreach=False)):
        model = build_aux_skd()
        model = to_channels_last(model) if layout == 'channels-last' else model
        take_steps(model, wrap(model, **options), 0, 4)
        models.append(trained(model))
    for name, value in models[0].items():
        # The fused one rounds once where the others round twice.
        tolerance = 1e-5 if option == 'fused' else 0
        torch.testing.assert_close(value, models[1][name], rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize('fused', [False, True])
@pytest.mark.parametrize(('before', 'after'), [(False, False), (False, True), (True, False), (True, True)])
def test_a_run_resumed_in_another_layout_takes_the_steps_of_the_plain_optimiser(
    build_aux_skd, tmp_path, fused, before, after
):
    plain = build_aux_skd()
    take_steps(plain, wrap(plain), 0, 4)
    first = to_channels_last(build_aux_skd()) if before else build_aux_skd()
    wrapper = wrap(first, fused=fused)
    take_steps(first, wrapper, 0, 2)
    torch.save(dict(model=first.state_dict(), optimizer=wrapper.state_dict()), tmp_path / 'saved.pth')
    second = to_channels_last(build_aux_skd()) if after else build_aux_skd()
    wrapper, saved = wrap(second, fused=fused), torch.load(tmp_path / 'saved.pth')
    second.load_state_dict(saved['model'])
    wrapper.load_state_dict(saved['optimizer'])
    take_steps(second, wrapper, 2, 4)
    tolerance = 1e-5 if fused else 0
    for name, value in trained(second).items():
        torch.testing.assert_close(value, trained(plain)[name], rtol=tolerance, atol=tolerance, msg=name)


def rates_of(model: nn.Module, **paramwise_cfg) -> dict[str, float]:
    """The learning rate of each parameter, at a rate of 1."""
    wrapper = wrap(model, paramwise_cfg, kind='LayerDecayOptimWrapperConstructor', lr=1.0)
    rates = {id(group['params'][0]): group['lr'] for group in wrapper.optimizer.param_groups}
    return {name: rates[id(parameter)] for name, parameter in model.named_parameters()}


class Classifier(nn.Module):
    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone, self.cls_head = backbone, nn.Linear(8, 2)


def test_each_layer_has_a_share_of_the_rate_of_the_layer_after_it():
    rates = rates_of(Classifier(ViT(num_heads=2, base_channels=4, depth=8)), layer_decay=0.7)
    expected = {'backbone.stem.': 0.7**9, 'backbone.stage4.norm.': 1, 'cls_head.': 1}
    expected.update({f'backbone.stage{index // 2 + 1}.block{index}.': 0.7 ** (8 - index) for index in range(8)})
    for name, rate in rates.items():
        (own,) = [value for prefix, value in expected.items() if name.startswith(prefix)]
        assert rate == pytest.approx(own), name


def test_layer_decay_goes_with_mmengines_settings_and_with_convolutional_nets():
    model = Classifier(R3D(base_channels=2))
    rates = rates_of(model, layer_decay=0.5, custom_keys={'cls_head': dict(lr_mult=10)})
    assert rates['cls_head.weight'] == 10
    assert rates['backbone.stage4.0.conv1.weight'] == 0.5 and rates['backbone.stem.conv.weight'] == 0.5**5


@pytest.mark.parametrize('settings', [dict(norm_decay_mult=0.0), dict(layer_decay=0)])
def test_layer_decay_without_a_positive_share_is_refused(settings):
    with pytest.raises(ConfigError, match='paramwise_cfg.layer_decay must be positive'):
        rates_of(Classifier(R3D(base_channels=2)), **settings)


def test_layer_decay_without_a_backbone_in_stages_is_refused():
    with pytest.raises(ConfigError, match='Classifier has Linear'):
        rates_of(Classifier(nn.Linear(2, 8)), layer_decay=0.7)
