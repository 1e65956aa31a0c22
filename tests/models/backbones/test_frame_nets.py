"""CaffeNet and VGG-M: the papers' sizes and numbers of parameters, poolings that round up, and frames seen one by one."""

import pytest
import torch
from torch import nn

from videossl.models import VGGM, CaffeNet

# Written down from the papers' layers: input channels of a group x output channels x kernel, and biases.
CAFFENET = 3 * 96 * 121 + 48 * 256 * 25 + 256 * 384 * 9 + 192 * 384 * 9 + 192 * 256 * 9 + 96 + 256 + 384 + 384 + 256
VGG_M = 3 * 96 * 49 + 96 * 256 * 25 + 256 * 512 * 9 + 2 * 512 * 512 * 9 + 96 + 256 + 3 * 512
FC_AT_FULL_SIZE = {CaffeNet: 9216, VGGM: 18432}


def sides(net_class, size, **kwargs) -> list[int]:
    """The side of each stage's map for one frame."""
    net = net_class(base_channels=4, fc_channels=(), out_indices=range(5), **kwargs).eval()
    with torch.no_grad():
        return [feature_map.shape[-1] for feature_map in net(torch.rand(1, 3, 1, size, size))]


@pytest.mark.parametrize(
    'net_class, size, expected, fc_size',
    [
        (CaffeNet, 227, [55, 27, 13, 13, 13], 6),
        (CaffeNet, 80, [18, 9, 4, 4, 4], 2),
        (CaffeNet, 64, [14, 7, 3, 3, 3], 1),
        (VGGM, 224, [109, 26, 13, 13, 13], 6),
        (VGGM, 80, [37, 8, 4, 4, 4], 2),
        (VGGM, 64, [29, 6, 3, 3, 3], 1),
    ],
)
def test_maps_have_the_papers_sizes_and_fit_the_fully_connected_layers(net_class, size, expected, fc_size):
    assert sides(net_class, size) == expected
    net = net_class(base_channels=4, fc_channels=(64, 64), fc_size=fc_size).eval()
    assert net(torch.rand(2, 3, 1, size, size)).shape == (2, 4, 1, 1, 1)


def test_poolings_that_round_down_would_give_other_sizes_at_80_pixels():
    net = CaffeNet(base_channels=4, fc_channels=(), out_indices=range(5))
    pools = [module for module in net.modules() if isinstance(module, nn.MaxPool3d)]
    assert len(pools) == 2 and all(pool.ceil_mode for pool in pools)
    for pool in pools:
        pool.ceil_mode = False
    assert [feature_map.shape[-1] for feature_map in net(torch.rand(1, 3, 1, 80, 80))] == [18, 8, 3, 3, 3]
    # At 227 pixels it makes no difference.
    assert [feature_map.shape[-1] for feature_map in net(torch.rand(1, 3, 1, 227, 227))] == [55, 27, 13, 13, 13]


@pytest.mark.parametrize('net_class, convolutions', [(CaffeNet, CAFFENET), (VGGM, VGG_M)])
def test_the_nets_have_the_papers_numbers_of_parameters(net_class, convolutions):
    def count(**kwargs) -> int:
        with torch.device('meta'):
            return sum(parameter.numel() for parameter in net_class(batch_norm=None, **kwargs).parameters())

    full_size = FC_AT_FULL_SIZE[net_class] * 4096 + 4096 + 4096 * 4096 + 4096
    assert count(fc_channels=()) == convolutions
    assert count() == convolutions + full_size
    at_80_pixels = FC_AT_FULL_SIZE[net_class] // 9
    assert count(fc_channels=(1024,), fc_size=2) == convolutions + at_80_pixels * 1024 + 1024


def test_caffenet_has_the_weights_of_caffes_model_but_for_its_classifier():
    with torch.device('meta'):
        assert sum(parameter.numel() for parameter in CaffeNet(batch_norm='plain').parameters()) == 60965224 - 4097000
    norms = [module for module in CaffeNet(base_channels=2).modules() if isinstance(module, nn.BatchNorm3d)]
    assert len(norms) == 5 and all(norm.affine for norm in norms)


@pytest.mark.parametrize('net_class', [CaffeNet, VGGM])
def test_each_frame_is_seen_by_itself(net_class):
    torch.manual_seed(0)
    net = net_class(base_channels=4, fc_channels=(128,), fc_size=1).eval()
    clip = torch.rand(2, 3, 3, 64, 64)
    whole = net(clip)
    assert whole.shape == (2, 8, 3, 1, 1)
    for time in range(3):
        torch.testing.assert_close(whole[:, :, time : time + 1], net(clip[:, :, time : time + 1]))


def test_fully_connected_stages_train_freeze_and_drop_out():
    torch.manual_seed(0)
    net = CaffeNet(base_channels=4, fc_channels=(64, 64), fc_size=1, fc_dropout=0.5, frozen_stages=5).train()
    assert net.stage_names[-2:] == ('fc6', 'fc7')
    assert not any(parameter.requires_grad for parameter in net.fc6.parameters())
    assert all(parameter.requires_grad for parameter in net.fc7.parameters())
    clips = torch.rand(2, 3, 1, 64, 64)
    assert not torch.equal(net(clips), net(clips))
    assert torch.equal(net.eval()(clips), net(clips))


@pytest.mark.parametrize(
    'arguments, named',
    [
        (dict(fc_channels=(8, 8, 8)), 'fc_channels'),
        (dict(fc_size=0), 'fc_size'),
        (dict(fc_dropout=1.5), 'fc_dropout'),
        (dict(batch_norm='group'), 'batch_norm'),
        (dict(base_channels=0), 'base_channels'),
    ],
)
def test_a_senseless_argument_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        CaffeNet(**arguments)
