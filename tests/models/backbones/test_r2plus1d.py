"""R(2+1)D as the paper has it, and its factorised convolution against plain function calls."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from videossl.models.backbones.r2plus1d import FactorizedConv3d, R2Plus1D, middle_channels


@pytest.mark.parametrize(('depth', 'parameters'), [(10, 14_365_303), (18, 33_178_423)])
def test_r2plus1d_has_the_parameters_of_the_released_net(depth, parameters):
    with torch.device('meta'):
        backbone = R2Plus1D(depth=depth)
    assert sum(parameter.numel() for parameter in backbone.parameters()) == parameters


@pytest.mark.parametrize('depth', [10, 18])
def test_r2plus1d_stages_have_the_papers_shapes(depth):
    with torch.device('meta'):
        feature_maps = R2Plus1D(depth=depth, out_indices=range(5))(torch.empty(1, 3, 16, 112, 112))
    assert [tuple(feature_map.shape[1:]) for feature_map in feature_maps] == [
        (64, 16, 56, 56),
        (64, 16, 56, 56),
        (128, 8, 28, 28),
        (256, 4, 14, 14),
        (512, 2, 7, 7),
    ]


def test_every_middle_width_of_the_10_layer_net_is_the_papers():
    with torch.device('meta'):
        backbone = R2Plus1D(depth=10)
    widths = {
        name: module.spatial.out_channels
        for name, module in backbone.named_modules()
        if isinstance(module, FactorizedConv3d)
    }
    assert widths == {
        'stem.conv': 83,
        'stage1.0.conv1': 144,
        'stage1.0.conv2': 144,
        'stage2.0.conv1': 230,
        'stage2.0.conv2': 288,
        'stage2.0.shortcut.conv': 42,
        'stage3.0.conv1': 460,
        'stage3.0.conv2': 576,
        'stage3.0.shortcut.conv': 85,
        'stage4.0.conv1': 921,
        'stage4.0.conv2': 1152,
        'stage4.0.shortcut.conv': 170,
    }


@pytest.mark.parametrize(
    ('in_channels', 'out_channels', 'kernel_size'), [(3, 64, (3, 7, 7)), (64, 128, (3, 3, 3)), (64, 128, (1, 1, 1))]
)
def test_a_factorised_convolution_has_at_most_the_weights_of_the_full_one(in_channels, out_channels, kernel_size):
    conv = FactorizedConv3d(in_channels, out_channels, kernel_size)
    full = in_channels * out_channels * kernel_size[0] * kernel_size[1] * kernel_size[2]
    factorised = conv.spatial.weight.numel() + conv.temporal.weight.numel()
    one_more = factorised // conv.spatial.out_channels
    assert factorised <= full < factorised + one_more


def test_the_middle_width_is_never_zero():
    assert middle_channels(1, 1, (1, 1, 1)) == 1


def test_a_factorised_convolution_equals_space_then_norm_then_relu_then_time():
    conv = FactorizedConv3d(2, 3, (3, 5, 5), stride=(2, 1, 3)).eval()
    nn.init.uniform_(conv.bn.running_mean, -0.5, 0.5)
    nn.init.uniform_(conv.bn.running_var, 0.5, 2)
    nn.init.uniform_(conv.bn.weight, 0.5, 2)
    nn.init.uniform_(conv.bn.bias, -0.5, 0.5)
    x = torch.randn(2, 2, 6, 7, 9)

    # Over space: every frame by itself. Over time: every position by itself.
    frames = x.transpose(1, 2).flatten(0, 1)
    middle = F.conv2d(frames, conv.spatial.weight[:, :, 0], stride=(1, 3), padding=2)
    middle = F.relu(F.batch_norm(middle, conv.bn.running_mean, conv.bn.running_var, conv.bn.weight, conv.bn.bias))
    middle = middle.unflatten(0, (2, 6)).transpose(1, 2)
    series = middle.permute(0, 3, 4, 1, 2).flatten(0, 2)
    expected = F.conv1d(series, conv.temporal.weight[..., 0, 0], stride=2, padding=1)
    expected = expected.unflatten(0, (2, 7, 3)).permute(0, 3, 4, 1, 2)

    assert expected.shape == (2, 3, 3, 7, 3)
    torch.testing.assert_close(conv(x), expected)


def test_the_spatial_half_does_not_mix_frames():
    conv = FactorizedConv3d(1, 2, (3, 3, 3)).eval()
    x = torch.zeros(1, 1, 5, 4, 4)
    x[:, :, 2] = torch.rand(4, 4)
    touched_by_space = conv.spatial(x).abs().sum(dim=(0, 1, 3, 4)) > 0
    assert touched_by_space.tolist() == [False, False, True, False, False]


def test_no_convolution_of_r2plus1d_has_a_bias():
    convolutions = [m for m in R2Plus1D(base_channels=2).modules() if isinstance(m, nn.Conv3d)]
    assert convolutions and all(convolution.bias is None for convolution in convolutions)
