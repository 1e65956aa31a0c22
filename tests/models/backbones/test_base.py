"""The part all backbones share, on a chain of three tiny stages."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from videossl.errors import CheckpointError
from videossl.models.backbones.base import Stage, VideoBackbone


def tiny_stage(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(OrderedDict(conv=nn.Conv3d(in_channels, out_channels, 1), bn=nn.BatchNorm3d(out_channels)))


def tiny_backbone(**kwargs) -> VideoBackbone:
    stages = [
        Stage('stem', tiny_stage(3, 4), 4),
        Stage('stage1', tiny_stage(4, 5), 5),
        Stage('stage2', tiny_stage(5, 6), 6),
    ]
    return VideoBackbone(stages, **kwargs)


@pytest.fixture
def clips() -> torch.Tensor:
    return torch.rand(2, 3, 2, 4, 4)


def test_forward_runs_the_stages_in_order_stem_first(clips):
    backbone = tiny_backbone().eval()
    assert [name for name, _ in backbone.stages()] == ['stem', 'stage1', 'stage2']

    feature_map = clips
    for _, stage in backbone.stages():
        feature_map = stage(feature_map)

    torch.testing.assert_close(backbone(clips), feature_map)
    assert backbone.out_channels == feature_map.shape[1] == 6


def test_a_stage_replaced_from_outside_is_the_one_that_runs(clips):
    backbone = tiny_backbone()
    backbone.stage2 = nn.Identity()
    assert backbone(clips).shape[1] == 5


def test_several_out_indices_give_a_tuple_of_maps(clips):
    backbone = tiny_backbone(out_indices=[0, 2])
    stem_map, last_map = backbone(clips)
    assert (stem_map.shape[1], last_map.shape[1]) == (4, 6)
    assert backbone.out_channels == 6


def test_a_single_out_index_gives_that_map_and_skips_the_stages_after_it(clips):
    backbone = tiny_backbone(out_indices=(1,))
    backbone.stage2.register_forward_hook(lambda *_: pytest.fail('stage2 was run for nothing'))
    assert backbone(clips).shape[1] == backbone.out_channels == 5


@pytest.mark.parametrize('out_indices', [[], [3], [-1], [1, 0], [1, 1], 2, '01', [0.5]])
def test_unusable_out_indices_are_refused(out_indices):
    with pytest.raises(ValueError, match='out_indices must'):
        tiny_backbone(out_indices=out_indices)


@pytest.mark.parametrize('frozen_stages', [-2, 3, 0.5, None])
def test_unusable_frozen_stages_are_refused(frozen_stages):
    with pytest.raises(ValueError, match='frozen_stages must be an integer from -1'):
        tiny_backbone(frozen_stages=frozen_stages)


def test_a_backbone_without_stages_is_refused():
    with pytest.raises(ValueError, match='at least one stage'):
        VideoBackbone([])


@pytest.mark.parametrize('frozen_stages', [-1, 0, 1, 2])
def test_frozen_stages_need_no_gradient_from_the_start(frozen_stages):
    for index, (_, stage) in enumerate(tiny_backbone(frozen_stages=frozen_stages).stages()):
        is_frozen = index <= frozen_stages
        assert all(parameter.requires_grad != is_frozen for parameter in stage.parameters())
        assert all(module.training != is_frozen for module in stage.modules())


@pytest.mark.parametrize('frozen_stages', [-1, 0, 1, 2])
def test_frozen_stages_do_not_move_after_train_and_the_others_do(frozen_stages, clips):
    backbone = tiny_backbone(frozen_stages=frozen_stages)
    backbone.eval()
    backbone.train()
    optimizer = torch.optim.SGD(backbone.parameters(), lr=0.1, weight_decay=0.1)
    before = [{name: value.clone() for name, value in stage.state_dict().items()} for _, stage in backbone.stages()]

    loss = backbone(clips).square().mean()
    if loss.requires_grad:
        loss.backward()
        optimizer.step()

    for index, (_, stage) in enumerate(backbone.stages()):
        unchanged = [torch.equal(before[index][name], value) for name, value in stage.state_dict().items()]
        if index <= frozen_stages:
            assert all(unchanged)
        else:
            assert not before[index]['bn.running_mean'].equal(stage.bn.running_mean)
            assert not before[index]['conv.weight'].equal(stage.conv.weight)


def test_train_of_a_model_around_it_leaves_frozen_stages_in_eval():
    model = nn.ModuleDict(dict(backbone=tiny_backbone(frozen_stages=0), head=nn.Linear(6, 2)))
    model.train()
    assert not model['backbone'].stem.bn.training
    assert model['backbone'].stage1.bn.training


def test_norm_eval_keeps_running_statistics_while_scale_and_shift_learn(clips):
    backbone = tiny_backbone(norm_eval=True).train()
    assert backbone.training
    running_mean = backbone.stage1.bn.running_mean.clone()
    backbone(clips).square().mean().backward()
    torch.testing.assert_close(backbone.stage1.bn.running_mean, running_mean)
    assert backbone.stage1.bn.weight.grad is not None


def test_train_returns_the_backbone_itself():
    backbone = tiny_backbone()
    assert backbone.train() is backbone
    assert not backbone.eval().training


def test_init_weights_without_init_cfg_leaves_the_weights_alone():
    backbone = tiny_backbone()
    before = backbone.stem.conv.weight.clone()
    backbone.init_weights()
    torch.testing.assert_close(backbone.stem.conv.weight, before)


def test_other_initialisers_are_mmengines():
    backbone = tiny_backbone(init_cfg=dict(type='Constant', val=0.25, layer='Conv3d'))
    backbone.init_weights()
    assert (backbone.stage2.conv.weight == 0.25).all()


@pytest.fixture
def checkpoint(tmp_path) -> str:
    source = tiny_backbone()
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.fill_(0.5)
    path = tmp_path / 'pretrained.pth'
    torch.save(dict(state_dict={f'backbone.{name}': value for name, value in source.state_dict().items()}), path)
    return str(path)


def test_pretrained_weights_overwrite_other_initialisers_wherever_they_stand_in_the_list(checkpoint):
    init_cfg = [
        dict(type='Pretrained', checkpoint=checkpoint, prefix='backbone'),
        dict(type='Constant', val=0.25, layer='Conv3d'),
    ]
    backbone = tiny_backbone(init_cfg=init_cfg, frozen_stages=1)
    backbone.init_weights()
    assert all((parameter == 0.5).all() for parameter in backbone.parameters())
    assert backbone.is_init
    assert backbone.init_cfg == init_cfg


def test_a_second_init_weights_does_not_load_again(checkpoint):
    backbone = tiny_backbone(init_cfg=dict(type='Pretrained', checkpoint=checkpoint))
    backbone.init_weights()
    nn.init.zeros_(backbone.stem.conv.weight)
    backbone.init_weights()
    assert (backbone.stem.conv.weight == 0).all()


def test_a_checkpoint_of_which_nothing_matches_stops_the_initialisation(checkpoint):
    backbone = tiny_backbone(init_cfg=dict(type='Pretrained', checkpoint=checkpoint, prefix='encoder_q'))
    with pytest.raises(CheckpointError):
        backbone.init_weights()
    assert not backbone.is_init


def test_a_pretrained_init_cfg_without_checkpoint_is_refused_when_built():
    with pytest.raises(ValueError, match='needs a checkpoint'):
        tiny_backbone(init_cfg=dict(type='Pretrained'))


def test_a_pretrained_init_cfg_with_an_unknown_key_is_refused_when_built():
    with pytest.raises(ValueError, match='remove map_location'):
        tiny_backbone(init_cfg=dict(type='Pretrained', checkpoint='a.pth', map_location='cpu'))
