"""The residual block and the stages that R3D and R(2+1)D are made of."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from videossl.models.backbones.r3d import full_conv3d
from videossl.models.backbones.residual import ResidualBlock, residual_stages


def randomise_norms(module: nn.Module) -> None:
    """Give every batch norm statistics and an affine map of its own, so that a forgotten one changes the result."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm3d):
            nn.init.uniform_(norm.running_mean, -0.5, 0.5)
            nn.init.uniform_(norm.running_var, 0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.uniform_(norm.bias, -0.5, 0.5)


def normalise(x: torch.Tensor, norm: nn.BatchNorm3d) -> torch.Tensor:
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=1e-5)


def test_a_block_that_keeps_the_shape_adds_its_input():
    block = ResidualBlock(full_conv3d, 4, 4).eval()
    randomise_norms(block)
    x = torch.randn(2, 4, 3, 5, 5)

    residual = F.relu(normalise(F.conv3d(x, block.conv1.weight, padding=1), block.bn1))
    residual = normalise(F.conv3d(residual, block.conv2.weight, padding=1), block.bn2)

    torch.testing.assert_close(block(x), F.relu(x + residual))


def test_a_block_that_halves_the_size_adds_a_strided_projection_of_its_input():
    block = ResidualBlock(full_conv3d, 2, 4, stride=2).eval()
    randomise_norms(block)
    x = torch.randn(2, 2, 4, 6, 6)

    residual = F.relu(normalise(F.conv3d(x, block.conv1.weight, stride=2, padding=1), block.bn1))
    residual = normalise(F.conv3d(residual, block.conv2.weight, padding=1), block.bn2)
    # A 1x1x1 convolution with stride 2 is a matrix product with every second position.
    projected = torch.einsum('oi,nithw->nothw', block.shortcut.conv.weight[:, :, 0, 0, 0], x[:, :, ::2, ::2, ::2])

    expected = F.relu(residual + normalise(projected, block.shortcut.bn))
    assert expected.shape == (2, 4, 2, 3, 3)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(('depth', 'blocks'), [(10, 1), (18, 2)])
def test_depth_sets_the_number_of_blocks_in_each_stage(depth, blocks):
    stages = residual_stages(full_conv3d, depth, in_channels=3, base_channels=2)
    assert [stage.name for stage in stages] == ['stem', 'stage1', 'stage2', 'stage3', 'stage4']
    assert [stage.out_channels for stage in stages] == [2, 2, 4, 8, 16]
    for stage in stages[1:]:
        assert len(stage.module) == blocks
        # Only the first block of stages 2 to 4 projects.
        projects = [not isinstance(block.shortcut, nn.Identity) for block in stage.module]
        assert projects == [stage.name != 'stage1'] + [False] * (blocks - 1)
    convolutions = sum(
        isinstance(module, nn.Conv3d) and 'shortcut' not in name
        for stage in stages
        for name, module in stage.module.named_modules()
    )
    assert convolutions + 1 == depth  # the classifier is the last layer


@pytest.mark.parametrize('depth', [9, 34, '18', None])
def test_an_unknown_depth_is_refused(depth):
    with pytest.raises(ValueError, match=r'depth must be one of 10, 18, got'):
        residual_stages(full_conv3d, depth, in_channels=3, base_channels=2)
