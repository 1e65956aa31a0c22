"""Batch norms that differ along time: against plain ones on each stretch, in a net, folded, and handed over."""

import pytest
import torch
from torch import nn

from videossl.checkpoints.hand_off import fill_backbone
from videossl.models import C3D, R3D, S3DG, BranchedBackbone, R2Plus1D, ResNet3D
from videossl.models.backbones import TemporalGroupNorm, group_batch_norms
from videossl.models.folding import folded

GROUPS = dict(clip_len=16, group_len=4)


def drawn(norm: nn.Module) -> nn.Module:
    for module in norm.modules():
        if isinstance(module, nn.BatchNorm3d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return norm


@pytest.mark.parametrize('training', [True, False])
def test_one_group_is_the_batch_norm_itself(training):
    norm = drawn(nn.BatchNorm3d(3)).train(training)
    grouped = TemporalGroupNorm(norm, 1, 5).train(training)
    x = torch.randn(2, 3, 5, 4, 4)
    assert torch.equal(grouped(x), norm(x))
    for name, value in norm.state_dict().items():
        assert torch.equal(grouped.state_dict()[f'norms.0.{name}'], value)


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize(('num_groups', 'lengths'), [(2, [4, 4]), (3, [3, 3, 2])])
def test_each_stretch_has_a_batch_norm_of_its_own(training, num_groups, lengths):
    grouped = drawn(TemporalGroupNorm(nn.BatchNorm3d(3), num_groups, 8)).train(training)
    x = torch.randn(2, 3, 8, 4, 4)
    places = [sum(lengths[:number]) for number in range(num_groups + 1)]
    parts = []
    for norm, first, last in zip(grouped.norms, places, places[1:]):
        stretch = x[:, :, first:last].double()
        mean, var = norm.running_mean.double(), norm.running_var.double()
        if training:
            mean, var = stretch.mean((0, 2, 3, 4)), stretch.var((0, 2, 3, 4), correction=0)
        shape = (1, 3, 1, 1, 1)
        scaled = (stretch - mean.view(shape)) / (var.view(shape) + norm.eps).sqrt()
        parts.append(scaled * norm.weight.view(shape) + norm.bias.view(shape))
    torch.testing.assert_close(grouped(x).double(), torch.cat(parts, 2), rtol=1e-5, atol=1e-5)


def test_every_groups_weights_get_their_own_gradient():
    grouped = drawn(TemporalGroupNorm(nn.BatchNorm3d(2), 2, 4)).double()
    x = torch.randn(2, 2, 4, 2, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(grouped.eval(), x)
    grouped(x)[:, :, :2].sum().backward()
    assert grouped.norms[0].weight.grad.abs().sum() > 0
    assert (grouped.norms[1].weight.grad == 0).all()


def test_a_clip_of_another_length_is_refused_by_name():
    net = R3D(base_channels=2, temporal_groups=GROUPS)
    with pytest.raises(ValueError, match=r'backbone.temporal_groups.clip_len'):
        net(torch.rand(1, 3, 8, 16, 16))


NETS = {
    'R3D': lambda **groups: R3D(base_channels=4, **groups),
    'R2Plus1D': lambda **groups: R2Plus1D(base_channels=4, **groups),
    'C3D': lambda **groups: C3D(base_channels=4, **groups),
    'ResNet3D': lambda **groups: ResNet3D(base_channels=4, depth=10, **groups),
    'S3DG': lambda **groups: S3DG(base_channels=4, **groups),
}


def counts(net: nn.Module) -> dict[str, int]:
    return {name: len(norm.norms) for name, norm in net.named_modules() if isinstance(norm, TemporalGroupNorm)}


def test_r3d_has_four_groups_at_16_frames_two_at_8_and_plain_norms_below():
    found = counts(R3D(base_channels=4, temporal_groups=GROUPS))
    two = {'stage2.0.bn1', 'stage2.0.bn2', 'stage2.0.shortcut.bn'}
    four = {'stem.bn', 'stage1.0.bn1', 'stage1.0.bn2'}
    assert found == {**dict.fromkeys(four, 4), **dict.fromkeys(two, 2)}


@pytest.mark.parametrize('name', NETS)
def test_a_converted_net_gives_what_the_net_gives_until_its_groups_differ(name):
    plain = drawn(NETS[name]()).eval()
    clips = torch.rand(1, 3, 16, 32, 32)
    expected, weights = plain(clips), dict(plain.state_dict())
    group_batch_norms(plain, **GROUPS)
    assert counts(plain)
    torch.testing.assert_close(plain.eval()(clips), expected, rtol=1e-4, atol=1e-4)
    built = NETS[name](temporal_groups=GROUPS)
    assert counts(built) == counts(plain)
    # Every entry of a batch norm is there once for each group.
    names = [
        key
        for whole in weights
        for owner, entry in [whole.rsplit('.', 1)]
        for key in [f'{owner}.norms.{group}.{entry}' for group in range(counts(plain).get(owner, 0))] or [whole]
    ]
    assert sorted(built.state_dict()) == sorted(names)
    for name in counts(plain):
        torch.nn.init.constant_(plain.get_submodule(name).norms[1].bias, 9)
    assert not torch.allclose(plain(clips), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('name', NETS)
def test_folding_leaves_these_norms_and_takes_in_the_others(name):
    net, clips = drawn(NETS[name](temporal_groups=GROUPS)).eval(), torch.rand(2, 3, 16, 32, 32)
    without = folded(net)
    assert len(counts(without)) == len(counts(net))
    plain = [module for key, module in without.named_modules() if isinstance(module, nn.BatchNorm3d)]
    assert len(plain) == sum(counts(net).values())
    with torch.inference_mode():
        expected, found = net(clips), without(clips)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_norm_eval_and_frozen_stages_reach_the_inner_norms():
    net = R3D(base_channels=4, temporal_groups=GROUPS, norm_eval=True, frozen_stages=0).train()
    assert not any(norm.training for norm in net.modules() if isinstance(norm, nn.BatchNorm3d))
    assert not any(parameter.requires_grad for parameter in net.stem.parameters())


def test_branches_can_have_these_norms():
    net = BranchedBackbone(dict(type='R3D', base_channels=2, temporal_groups=GROUPS), output='concat')
    assert net(torch.rand(1, 3, 16, 32, 32)).shape[1] == 2 * 16


@pytest.mark.parametrize('source_groups', [None, GROUPS])
def test_a_plain_nets_checkpoint_fills_every_group_and_a_converted_ones_its_own(tmp_path, source_groups):
    source = drawn(R3D(base_channels=4, temporal_groups=source_groups))
    torch.save(dict(state_dict={f'backbone.{k}': v for k, v in source.state_dict().items()}), tmp_path / 'net.pth')
    net = R3D(base_channels=4, temporal_groups=GROUPS)
    report = fill_backbone(net, str(tmp_path / 'net.pth'))
    assert report.missing == report.dropped == report.mismatched == []
    clips = torch.rand(1, 3, 16, 32, 32)
    torch.testing.assert_close(net.eval()(clips), source.eval()(clips), rtol=1e-4, atol=1e-4)


def test_a_fixed_number_of_groups_divides_every_batch_norm():
    """As CEP's released code does it: two halves, whatever the length of the map."""
    net = R2Plus1D(base_channels=4, temporal_groups=dict(clip_len=16, num_groups=2))
    found = counts(net)
    norms = [name for name, module in R2Plus1D(base_channels=4).named_modules() if isinstance(module, nn.BatchNorm3d)]
    assert found == dict.fromkeys(norms, 2)


def test_a_map_with_fewer_frames_than_groups_is_refused_by_name():
    """The 3D ResNet ends at one frame; the released code raises an error there, too."""
    with pytest.raises(ValueError, match=r'backbone.temporal_groups.num_groups=2, but the map of .* has 1 frames'):
        ResNet3D(base_channels=4, depth=18, temporal_groups=dict(clip_len=16, num_groups=2))
    with pytest.raises(ValueError, match='temporal_groups: num_groups'):
        R3D(base_channels=4, temporal_groups=dict(clip_len=16, num_groups=0))
