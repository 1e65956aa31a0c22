"""What every backbone owes the rest of the house, for all of them alike."""
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.registry import DefaultScope
from torch import nn

from videossl.models.backbones import C3D, R2Plus1D, R3D
from videossl.registry import MODELS

BACKBONES = [R3D, R2Plus1D, C3D]
every_backbone = pytest.mark.parametrize('backbone_class', BACKBONES)


@every_backbone
def test_a_config_builds_the_backbone_of_videossl_and_not_mmaction2s(backbone_class):
    backbone = MODELS.build(dict(type=backbone_class.__name__, base_channels=2))
    assert type(backbone) is backbone_class


@every_backbone
@pytest.mark.parametrize(('frames', 'side'), [(16, 64), (8, 32)])
def test_small_clips_give_a_map_of_an_eighth_of_the_frames_and_a_sixteenth_of_the_side(backbone_class, frames, side):
    feature_map = backbone_class(base_channels=2)(torch.rand(2, 3, frames, side, side))
    assert feature_map.shape == (2, 16, frames // 8, side // 16, side // 16)


@every_backbone
def test_base_channels_scales_every_width(backbone_class):
    with torch.device('meta'):
        papers = backbone_class()
        narrow = backbone_class(base_channels=8)
    assert narrow.out_channels == 64
    assert [8 * width for width in narrow.stage_channels] == list(papers.stage_channels)


@every_backbone
def test_in_channels_sets_the_channels_of_the_clips(backbone_class):
    assert backbone_class(in_channels=2, base_channels=2)(torch.rand(2, 2, 8, 32, 32)).shape[1] == 16


@every_backbone
@pytest.mark.parametrize('argument', ['in_channels', 'base_channels'])
@pytest.mark.parametrize('value', [0, -3, 1.5])
def test_a_number_of_channels_below_one_is_refused_by_name(backbone_class, argument, value):
    with pytest.raises(ValueError, match=f'{argument} must be an integer of at least 1'):
        backbone_class(**{argument: value})


@every_backbone
def test_the_common_arguments_reach_the_common_part(backbone_class):
    backbone = backbone_class(base_channels=2, frozen_stages=1, norm_eval=True, out_indices=[1, 3])
    backbone.train()
    assert not any(parameter.requires_grad for parameter in backbone.stage1.parameters())
    assert all(parameter.requires_grad for parameter in backbone.stage2.parameters())
    assert not any(module.training for module in backbone.modules() if isinstance(module, nn.BatchNorm3d))
    assert len(backbone(torch.rand(1, 3, 8, 32, 32))) == 2
    assert backbone.out_channels == backbone.stage_channels[3]


@every_backbone
def test_every_parameter_gets_a_gradient(backbone_class):
    backbone = backbone_class(base_channels=4)
    # Squares weighted at random: the mean of a batch-normalised map alone would not depend on what is before it.
    feature_map = backbone(torch.rand(2, 3, 8, 32, 32))
    (feature_map.square() * torch.rand_like(feature_map)).sum().backward()
    without_gradient = [name for name, parameter in backbone.named_parameters() if parameter.grad is None]
    assert without_gradient == []
    assert all(parameter.grad.isfinite().all() for parameter in backbone.parameters())
    first_weight = next(backbone.parameters())
    assert first_weight.grad.abs().max() > 0


@every_backbone
def test_bf16_and_channels_last_agree_with_fp32(backbone_class):
    torch.manual_seed(0)
    backbone = backbone_class(base_channels=8).eval()
    clips = torch.rand(2, 3, 8, 32, 32)
    with torch.no_grad():
        exact = backbone(clips)
        backbone = backbone.to(memory_format=torch.channels_last_3d)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            rounded = backbone(clips.to(memory_format=torch.channels_last_3d))
    assert (rounded.float() - exact).norm() < 0.05 * exact.norm()


@every_backbone
def test_training_works_in_bf16_and_channels_last(backbone_class):
    backbone = backbone_class(base_channels=4).to(memory_format=torch.channels_last_3d)
    clips = torch.rand(2, 3, 8, 32, 32).to(memory_format=torch.channels_last_3d)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        feature_map = backbone(clips)
    feature_map.float().square().mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in backbone.parameters())


@every_backbone
def test_out_maps_are_not_overwritten_by_the_stages_after_them(backbone_class):
    backbone = backbone_class(base_channels=2, out_indices=range(5)).eval()
    clips = torch.rand(1, 3, 8, 32, 32)
    feature_map = clips
    for (_, stage), returned in zip(backbone.stages(), backbone(clips), strict=True):
        feature_map = stage(feature_map)
        torch.testing.assert_close(returned, feature_map)


@every_backbone
@pytest.mark.parametrize('default_scope', ['videossl', 'mmaction'])
def test_a_recognizer_of_mmaction2_trains_and_predicts_with_it(backbone_class, default_scope):
    # A config of ours names the parts of both bare; a config of mmaction2 names ours with the prefix.
    prefix = '' if default_scope == 'videossl' else 'videossl.'
    backbone = dict(type=f'{prefix}{backbone_class.__name__}', base_channels=2)
    cls_head = dict(type='I3DHead', num_classes=4, in_channels=16, average_clips='prob')
    with DefaultScope.overwrite_default_scope(default_scope):
        recognizer = MODELS.build(dict(type='Recognizer3D', backbone=backbone, cls_head=cls_head))
    assert type(recognizer.backbone) is backbone_class

    clips = torch.rand(2, 1, 3, 8, 32, 32)  # [batch, clips of a sample, C, T, H, W]
    data_samples = [ActionDataSample().set_gt_label(label) for label in (0, 3)]
    losses = recognizer(clips, data_samples=data_samples, mode='loss')
    losses['loss_cls'].backward()
    assert losses['loss_cls'].isfinite()

    recognizer.eval()
    with torch.no_grad():
        predictions = recognizer(clips, data_samples=data_samples, mode='predict')
    for prediction in predictions:
        torch.testing.assert_close(prediction.pred_score.sum(), torch.tensor(1.))
