"""ResNet3D as the paper has it, and its numbers for a tiny version."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from videossl.models.backbones import R3D, ResNet3D


# By hand for depth 10 and 18: R3D's count plus a stem with four more frames of 3x7x7 for 64 channels, 4 * 9,408.
# Depth 34 has further blocks of two 3x3x3 convolutions with BN: 1, 2, 4 and 1 of them, 64 to 512 channels wide.
@pytest.mark.parametrize(('depth', 'parameters'), [(10, 14_399_424), (18, 33_203_904), (34, 63_513_536)])
def test_resnet3d_has_the_parameters_of_the_released_net(depth, parameters):
    with torch.device('meta'):
        backbone = ResNet3D(depth=depth)
    assert sum(parameter.numel() for parameter in backbone.parameters()) == parameters


def test_resnet3d_has_18_layers_by_default():
    assert [len(stage) for _, stage in ResNet3D(base_channels=1).stages()[1:]] == [2, 2, 2, 2]


def test_34_layers_are_3_4_6_and_3_blocks():
    assert [len(stage) for _, stage in ResNet3D(depth=34, base_channels=1).stages()[1:]] == [3, 4, 6, 3]


@pytest.mark.parametrize('depth', [10, 18, 34])
def test_resnet3d_stages_have_the_papers_shapes(depth):
    with torch.device('meta'):
        feature_maps = ResNet3D(depth=depth, out_indices=range(5))(torch.empty(1, 3, 16, 112, 112))
    assert [tuple(feature_map.shape[1:]) for feature_map in feature_maps] == [
        (64, 8, 28, 28),
        (64, 8, 28, 28),
        (128, 4, 14, 14),
        (256, 2, 7, 7),
        (512, 1, 4, 4),
    ]


def test_resnet3d_equals_the_same_net_written_as_functions():
    backbone = ResNet3D(depth=10, in_channels=1, base_channels=2).eval()
    for name, buffer in backbone.named_buffers():
        if 'running' in name:
            nn.init.uniform_(buffer, 0.5, 1.5)
    weights = backbone.state_dict()
    clips = torch.randn(2, 1, 8, 32, 32)

    def conv_bn(x, conv, norm, **kwargs):
        x = F.conv3d(x, weights[f'{conv}.weight'], **kwargs)
        statistics = [weights[f'{norm}.{name}'] for name in ('running_mean', 'running_var', 'weight', 'bias')]
        return F.batch_norm(x, *statistics)

    x = F.relu(conv_bn(clips, 'stem.conv', 'stem.bn', stride=(1, 2, 2), padding=3))
    x = F.max_pool3d(x, 3, stride=2, padding=1)
    for stage, stride in (('stage1', 1), ('stage2', 2), ('stage3', 2), ('stage4', 2)):
        block = f'{stage}.0'
        inner = F.relu(conv_bn(x, f'{block}.conv1', f'{block}.bn1', stride=stride, padding=1))
        inner = conv_bn(inner, f'{block}.conv2', f'{block}.bn2', padding=1)
        shortcut = x if stride == 1 else conv_bn(x, f'{block}.shortcut.conv', f'{block}.shortcut.bn', stride=stride)
        x = F.relu(inner + shortcut)

    assert x.shape == (2, 16, 1, 1, 1)
    torch.testing.assert_close(backbone(clips), x)


def test_convolutions_are_drawn_from_kaimings_normal_distribution_with_fan_out():
    torch.manual_seed(0)
    convolutions = [m for m in ResNet3D(depth=10, base_channels=16).modules() if isinstance(m, nn.Conv3d)]
    standardised = []
    for convolution in convolutions:
        outputs_per_input = convolution.out_channels * convolution.weight[0, 0].numel()
        standardised.append(convolution.weight.detach().flatten() * (outputs_per_input / 2) ** 0.5)
        # By layer: 8 standard errors of a sample standard deviation. With fan_in, stride-2 layers are off by 40 %.
        tolerance = 8 / (2 * standardised[-1].numel()) ** 0.5
        assert abs(standardised[-1].std() - 1) < tolerance
    standardised = torch.cat(standardised)
    # Normal, not uniform: 4.55 % lie outside of two standard deviations; a uniform draw ends at 1.73.
    assert abs((standardised.abs() > 2).float().mean() - 0.0455) < 0.002


def test_resnet3d_and_r3d_share_all_names_behind_the_stem():
    def names(backbone):
        return {name for name in backbone.state_dict() if not name.startswith('stem')}

    assert names(ResNet3D(depth=10, base_channels=1)) == names(R3D(depth=10, base_channels=1))


def test_no_convolution_of_resnet3d_has_a_bias():
    convolutions = [m for m in ResNet3D(base_channels=1).modules() if isinstance(m, nn.Conv3d)]
    assert convolutions and all(convolution.bias is None for convolution in convolutions)


@pytest.mark.parametrize('depth', [9, 50, '18', None])
def test_an_unknown_depth_of_resnet3d_is_refused(depth):
    with pytest.raises(ValueError, match=r'depth must be one of 10, 18, 34, got'):
        ResNet3D(depth=depth)
