"""R3D as the paper has it, and its numbers for a tiny version."""

# On the meta device tensors have shapes but no values, so the full-size net costs nothing.
import pytest
import torch
import torch.nn.functional as F

from videossl.models.backbones import R3D


@pytest.mark.parametrize(('depth', 'parameters'), [(10, 14_361_792), (18, 33_166_272)])
def test_r3d_has_the_parameters_of_the_released_net(depth, parameters):
    with torch.device('meta'):
        backbone = R3D(depth=depth)
    assert sum(parameter.numel() for parameter in backbone.parameters()) == parameters


@pytest.mark.parametrize('depth', [10, 18])
def test_r3d_stages_have_the_papers_shapes(depth):
    with torch.device('meta'):
        feature_maps = R3D(depth=depth, out_indices=range(5))(torch.empty(1, 3, 16, 112, 112))
    assert [tuple(feature_map.shape[1:]) for feature_map in feature_maps] == [
        (64, 16, 56, 56),
        (64, 16, 56, 56),
        (128, 8, 28, 28),
        (256, 4, 14, 14),
        (512, 2, 7, 7),
    ]


def test_r3d_equals_the_same_net_written_as_functions():
    backbone = R3D(in_channels=1, base_channels=2).eval()
    weights = backbone.state_dict()
    clips = torch.randn(2, 1, 8, 16, 16)

    def conv_bn(x, conv, norm, **kwargs):
        x = F.conv3d(x, weights[f'{conv}.weight'], **kwargs)
        statistics = [weights[f'{norm}.{name}'] for name in ('running_mean', 'running_var', 'weight', 'bias')]
        return F.batch_norm(x, *statistics)

    x = F.relu(conv_bn(clips, 'stem.conv', 'stem.bn', stride=(1, 2, 2), padding=(1, 3, 3)))
    for stage, stride in (('stage1', 1), ('stage2', 2), ('stage3', 2), ('stage4', 2)):
        block = f'{stage}.0'
        residual = F.relu(conv_bn(x, f'{block}.conv1', f'{block}.bn1', stride=stride, padding=1))
        residual = conv_bn(residual, f'{block}.conv2', f'{block}.bn2', padding=1)
        shortcut = x if stride == 1 else conv_bn(x, f'{block}.shortcut.conv', f'{block}.shortcut.bn', stride=stride)
        x = F.relu(residual + shortcut)

    torch.testing.assert_close(backbone(clips), x)


def test_no_convolution_of_r3d_has_a_bias():
    convolutions = [m for m in R3D(base_channels=2).modules() if isinstance(m, torch.nn.Conv3d)]
    assert convolutions and all(convolution.bias is None for convolution in convolutions)
