"""C3D as the paper has it, and its numbers for a tiny version."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from videossl.models.backbones import C3D


def test_c3d_has_the_parameters_of_the_released_net():
    with torch.device('meta'):
        backbone = C3D()
    assert sum(parameter.numel() for parameter in backbone.parameters()) == 27_661_440


def test_c3d_stages_have_the_papers_shapes():
    with torch.device('meta'):
        feature_maps = C3D(out_indices=range(5))(torch.empty(1, 3, 16, 112, 112))
    assert [tuple(feature_map.shape[1:]) for feature_map in feature_maps] == [
        (64, 16, 112, 112),
        (128, 16, 56, 56),
        (256, 8, 28, 28),
        (512, 4, 14, 14),
        (512, 2, 7, 7),
    ]


def test_c3d_equals_the_same_net_written_as_functions():
    backbone = C3D(in_channels=1, base_channels=2).eval()
    weights = backbone.state_dict()
    clips = torch.randn(2, 1, 8, 16, 16)

    def conv_bn_relu(x, layer):
        x = F.conv3d(x, weights[f'{layer}.conv.weight'], weights[f'{layer}.conv.bias'], padding=1)
        statistics = [weights[f'{layer}.bn.{name}'] for name in ('running_mean', 'running_var', 'weight', 'bias')]
        return F.relu(F.batch_norm(x, *statistics))

    x = F.max_pool3d(conv_bn_relu(clips, 'stem'), (1, 2, 2))
    x = F.max_pool3d(conv_bn_relu(x, 'stage1.conv2'), 2)
    x = F.max_pool3d(conv_bn_relu(conv_bn_relu(x, 'stage2.conv3a'), 'stage2.conv3b'), 2)
    x = F.max_pool3d(conv_bn_relu(conv_bn_relu(x, 'stage3.conv4a'), 'stage3.conv4b'), 2)
    x = conv_bn_relu(conv_bn_relu(x, 'stage4.conv5a'), 'stage4.conv5b')

    assert x.shape == (2, 16, 1, 1, 1)
    torch.testing.assert_close(backbone(clips), x)


def test_every_convolution_of_c3d_has_a_bias_and_a_batch_norm():
    modules = list(C3D(base_channels=2).modules())
    convolutions = [module for module in modules if isinstance(module, nn.Conv3d)]
    norms = [module for module in modules if isinstance(module, nn.BatchNorm3d)]
    assert len(convolutions) == len(norms) == 8
    assert all(convolution.bias is not None for convolution in convolutions)


@pytest.mark.parametrize('shape', [(4, 16, 16), (8, 8, 8)])
def test_a_clip_too_small_for_the_poolings_is_an_error(shape):
    with pytest.raises(RuntimeError, match='too small'):
        C3D(base_channels=2)(torch.rand(2, 3, *shape))
