"""What every backbone owes the rest of the house, for all of them alike."""

import copy
import math
from typing import NamedTuple

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.registry import DefaultScope
from torch import nn

from videossl.engine.hooks.precision_hook import use_precision
from videossl.errors import CheckpointError
from videossl.models.backbones import C3D, R3D, S3DG, VGGM, CaffeNet, R2Plus1D, ResNet3D, TorchvisionR2Plus1D, ViT
from videossl.precision import compute_short_convolutions_in_fp32, has_wrong_bf16_gradients
from videossl.registry import MODELS


class Case(NamedTuple):
    """A backbone, the settings of a variant of it, and the size of its last map."""

    backbone_class: type
    settings: dict
    widening: int  # channels of the last map per base channel
    time_stride: int
    space_stride: int
    sides: dict = {}  # of the last map by the clip's, where the stride does not explain them

    def __call__(self, **kwargs) -> nn.Module:
        return self.backbone_class(**self.settings, **kwargs)


PACE_S3DG = dict(stem_conv='full', gating='linear', pool_padding='far_side', bn_eps=1e-5, bn_momentum=0.1)
I3D = dict(stem_conv='full_7x7x7', block_conv='full', gating=None, time_strides=(1, 1, 1))
BACKBONES = {
    'R3D': Case(R3D, {}, 8, 8, 16),
    'R2Plus1D': Case(R2Plus1D, {}, 8, 8, 16),
    'TorchvisionR2Plus1D': Case(TorchvisionR2Plus1D, dict(depth=10), 8, 8, 16),
    'C3D': Case(C3D, {}, 8, 8, 16),
    'S3DG': Case(S3DG, {}, 16, 8, 32),
    'S3DG-pace': Case(S3DG, PACE_S3DG, 16, 8, 32),
    'S3DG-i3d': Case(S3DG, I3D, 16, 1, 32),
    'ResNet3D': Case(ResNet3D, dict(depth=10), 8, 16, 32),
    'ViT': Case(ViT, dict(num_heads=3, depth=4), 3, 2, 16),
    # Without fully connected layers, which need one size of clips.
    'CaffeNet': Case(CaffeNet, dict(fc_channels=()), 4, 1, 16, {64: 3, 32: 1}),
    'VGGM': Case(VGGM, dict(fc_channels=()), 8, 1, 16, {64: 3, 32: 1}),
}
every_backbone = pytest.mark.parametrize('case', BACKBONES.values(), ids=BACKBONES)


@every_backbone
def test_a_config_builds_the_backbone_of_videossl_and_not_mmaction2s(case):
    backbone = MODELS.build(dict(type=case.backbone_class.__name__, base_channels=2, **case.settings))
    assert type(backbone) is case.backbone_class


@every_backbone
@pytest.mark.parametrize(('frames', 'side'), [(16, 64), (8, 32)])
def test_small_clips_give_a_map_smaller_by_the_strides_of_the_net(case, frames, side):
    feature_map = case(base_channels=2)(torch.rand(2, 3, frames, side, side))
    time, space = math.ceil(frames / case.time_stride), case.sides.get(side, math.ceil(side / case.space_stride))
    assert feature_map.shape == (2, 2 * case.widening, time, space, space)


@every_backbone
def test_base_channels_scales_every_width(case):
    with torch.device('meta'):
        papers = case()
        narrow = case(base_channels=8)
    assert narrow.out_channels == 8 * case.widening
    assert [8 * width for width in narrow.stage_channels] == list(papers.stage_channels)


@every_backbone
def test_in_channels_sets_the_channels_of_the_clips(case):
    assert case(in_channels=2, base_channels=2)(torch.rand(2, 2, 8, 32, 32)).shape[1] == 2 * case.widening


@every_backbone
def test_a_number_of_channels_below_one_is_refused_by_name(case):
    for argument in ('in_channels', 'base_channels'):
        with pytest.raises(ValueError, match=f'{argument} must be an integer of at least 1, got 0'):
            case(**{argument: 0})


@every_backbone
def test_the_common_arguments_reach_the_common_part(case):
    backbone = case(base_channels=2, frozen_stages=1, norm_eval=True, out_indices=[1, 3])
    backbone.train()
    assert not any(parameter.requires_grad for parameter in backbone.stage1.parameters())
    assert all(parameter.requires_grad for parameter in backbone.stage2.parameters())
    assert not any(module.training for module in backbone.modules() if isinstance(module, nn.BatchNorm3d))
    assert len(backbone(torch.rand(1, 3, 8, 32, 32))) == 2
    assert backbone.out_channels == backbone.stage_channels[3]


@every_backbone
def test_every_parameter_gets_a_gradient(case):
    backbone = case(base_channels=4)
    # Squares weighted at random: the mean of a batch-normalised map alone would not depend on what is before it.
    feature_map = backbone(torch.rand(2, 3, 8, 32, 32))
    (feature_map.square() * torch.rand_like(feature_map)).sum().backward()
    without_gradient = [name for name, parameter in backbone.named_parameters() if parameter.grad is None]
    assert without_gradient == []
    assert all(parameter.grad.isfinite().all() for parameter in backbone.parameters())
    first_weight = next(backbone.parameters())
    assert first_weight.grad.abs().max() > 0


@every_backbone
def test_bf16_and_channels_last_agree_with_fp32(case):
    torch.manual_seed(0)
    backbone = case(base_channels=8).eval()
    clips = torch.rand(2, 3, 8, 32, 32)
    with torch.no_grad():
        exact = backbone(clips)
        backbone = backbone.to(memory_format=torch.channels_last_3d)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            rounded = backbone(clips.to(memory_format=torch.channels_last_3d))
    assert (rounded.float() - exact).norm() < 0.05 * exact.norm()


@every_backbone
def test_training_works_in_bf16_and_channels_last(case):
    backbone = case(base_channels=4)
    use_precision(backbone, 'bf16', 'cpu', channels_last=True)
    feature_map = backbone(torch.rand(2, 3, 8, 32, 32).to(memory_format=torch.channels_last_3d))
    feature_map.float().square().mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in backbone.parameters())


@every_backbone
def test_out_maps_are_not_overwritten_by_the_stages_after_them(case):
    backbone = case(base_channels=2, out_indices=range(5)).eval()
    clips = torch.rand(1, 3, 8, 32, 32)
    feature_map = clips
    for (_, stage), returned in zip(backbone.stages(), backbone(clips), strict=True):
        feature_map = stage(feature_map)
        torch.testing.assert_close(returned, feature_map)


@every_backbone
@pytest.mark.parametrize('default_scope', ['videossl', 'mmaction'])
def test_a_recognizer_of_mmaction2_trains_and_predicts_with_it(case, default_scope):
    # A config of ours names the parts of both bare; a config of mmaction2 names ours with the prefix.
    prefix = '' if default_scope == 'videossl' else 'videossl.'
    backbone = dict(type=f'{prefix}{case.backbone_class.__name__}', base_channels=2, **case.settings)
    cls_head = dict(type='I3DHead', num_classes=4, in_channels=2 * case.widening, average_clips='prob')
    with DefaultScope.overwrite_default_scope(default_scope):
        recognizer = MODELS.build(dict(type='Recognizer3D', backbone=backbone, cls_head=cls_head))
    assert type(recognizer.backbone) is case.backbone_class

    clips = torch.rand(2, 1, 3, 8, 32, 32)  # [batch, clips of a sample, C, T, H, W]
    data_samples = [ActionDataSample().set_gt_label(label) for label in (0, 3)]
    losses = recognizer(clips, data_samples=data_samples, mode='loss')
    losses['loss_cls'].backward()
    assert losses['loss_cls'].isfinite()

    recognizer.eval()
    with torch.no_grad():
        predictions = recognizer(clips, data_samples=data_samples, mode='predict')
    for prediction in predictions:
        torch.testing.assert_close(prediction.pred_score.sum(), torch.tensor(1.0))


@every_backbone
def test_a_checkpoint_of_the_same_net_fills_all_of_it(case, tmp_path):
    source = case(base_channels=2)
    path = str(tmp_path / 'stage_before.pth')
    torch.save(dict(state_dict={f'encoder.{name}': value for name, value in source.state_dict().items()}), path)

    backbone = case(base_channels=2, init_cfg=dict(type='Pretrained', checkpoint=path, prefix='encoder'))
    backbone.init_weights()
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, source.state_dict()[name]), name

    stranger = case(base_channels=2, init_cfg=dict(type='Pretrained', checkpoint=path, prefix='another'))
    with pytest.raises(CheckpointError):
        stranger.init_weights()


@every_backbone
def test_init_cfg_overrides_how_the_net_draws_its_weights(case):
    backbone = case(base_channels=2, init_cfg=dict(type='Constant', val=0.25, layer='Conv3d'))
    backbone.init_weights()
    assert all((module.weight == 0.25).all() for module in backbone.modules() if isinstance(module, nn.Conv3d))


@every_backbone
@pytest.mark.parametrize(('frames', 'side'), [(16, 64), (8, 32)])
def test_gradients_in_bf16_agree_with_fp32_and_hold_no_memory_that_nothing_has_written(case, frames, side):
    torch.manual_seed(0)
    backbone = case(base_channels=8).eval().to(memory_format=torch.channels_last_3d)
    if has_wrong_bf16_gradients():
        compute_short_convolutions_in_fp32(backbone)
    clips = torch.rand(2, 3, frames, side, side).contiguous(memory_format=torch.channels_last_3d)
    weights = torch.rand_like(backbone(clips).detach())

    def gradients(precision: torch.dtype) -> list[torch.Tensor]:
        filled = [torch.full((size,), torch.nan) for size in (100, 1000, 10_000, 100_000, 1_000_000)]
        del filled
        with torch.autocast('cpu', precision, enabled=precision != torch.float32):
            feature_map = backbone(clips).float()
        loss = (feature_map * weights).sum() / feature_map.detach().norm()  # an untrained S3D-G's map is nearly zero
        return list(torch.autograd.grad(loss, list(backbone.parameters())))

    exact, rounded = gradients(torch.float32), gradients(torch.bfloat16)
    least = 1e-3 * max(expected.norm() for expected in exact)
    for (name, _), expected, found in zip(backbone.named_parameters(), exact, rounded):
        assert (found - expected).norm() < 0.5 * expected.norm() + least, name


@every_backbone
def test_drawn_anew_the_net_has_the_weights_that_another_of_its_kind_would_have(case):
    """As the averaged teacher is with ``copy_student=False``. The draws differ, so their spreads are compared."""
    first, second = (case(base_channels=8) for _ in range(2))
    before = copy.deepcopy(second.state_dict())
    for module in reversed(list(second.modules())):
        if callable(draw := getattr(module, 'reset_parameters', None)):
            draw()
    after = second.state_dict()
    for name, value in first.state_dict().items():
        if value.is_floating_point() and value.numel() > 1000 and value.std() > 0:
            assert not torch.equal(after[name], before[name]), name
            assert after[name].std().item() == pytest.approx(value.std().item(), rel=0.1), name
        elif value.is_floating_point() and torch.equal(value, before[name]):
            assert torch.equal(after[name], value), name
