"""Nets without their batch norms give what they gave with them."""

import pytest
import torch
from torch import nn

from videossl.models import C3D, R3D, S3DG, VGGM, BranchedBackbone, CaffeNet, R2Plus1D, ResNet3D
from videossl.models.folding import folded

NETS = {
    'R3D': lambda: R3D(base_channels=4),
    'R3D of 18 layers': lambda: R3D(depth=18, base_channels=4),
    'R3D, two maps': lambda: R3D(base_channels=4, out_indices=(1, 4)),
    'R2Plus1D': lambda: R2Plus1D(base_channels=4),
    'C3D': lambda: C3D(base_channels=4),
    'ResNet3D': lambda: ResNet3D(base_channels=4),
    'S3DG': S3DG,
    'CaffeNet': lambda: CaffeNet(fc_channels=(), base_channels=4, batch_norm='plain'),
    'VGGM': lambda: VGGM(fc_channels=(), base_channels=4),
    'branches': lambda: BranchedBackbone(R3D(base_channels=4), output='branches'),
}


def trained(net: nn.Module) -> nn.Module:
    """With batch norms that do something."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias)
    return net.eval()


def maps_of(output) -> list[torch.Tensor]:
    if isinstance(output, dict):
        return list(output.values())
    return [output] if isinstance(output, torch.Tensor) else list(output)


@pytest.mark.parametrize('name', NETS)
def test_a_folded_net_has_no_batch_norm_and_gives_the_same_map(name):
    torch.manual_seed(0)
    net, clips = trained(NETS[name]()), torch.randn(2, 3, 8, 32, 32)
    without = folded(net)
    assert any(isinstance(module, nn.BatchNorm3d) for module in net.modules())
    assert not any(isinstance(module, nn.BatchNorm3d) for module in without.modules())
    before = clips.clone()
    with torch.inference_mode():
        expected, found = maps_of(net(clips)), maps_of(without(clips))
    assert len(expected) == len(found) and torch.equal(clips, before)
    for one, other in zip(expected, found):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-5 * float(one.abs().max()))


def test_the_net_itself_stays_as_it_is():
    net = R3D(base_channels=4).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    folded(net)(torch.randn(1, 3, 8, 16, 16))
    assert net.training and all(parameter.requires_grad for parameter in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_shortcut_that_is_read_twice_is_not_overwritten():
    # stage1's shortcut is its input itself, which the first convolution has read as well.
    net, clips = trained(R3D(base_channels=4, out_indices=(0, 1))), torch.randn(1, 3, 8, 16, 16)
    stem, stage1 = folded(net)(clips)
    torch.testing.assert_close(stem, net(clips)[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(stage1, net(clips)[1], rtol=1e-4, atol=1e-4)


def test_a_net_of_others_is_left_alone():
    net = nn.Sequential(nn.Conv3d(3, 4, 3), nn.BatchNorm3d(4))
    assert folded(net) is net
