"""The residual net that R3D and R(2+1)D share, and its blocks, which ResNet3D has too.

R3D and R(2+1)D differ only in the module for a 3-D convolution.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

from videossl.checks import check_choice
from videossl.models.backbones.base import Stage, check_channels

# One convolution is the stem's, two are each block's, one layer is the classifier: 2 * 4 + 2 = 10, 2 * 8 + 2 = 18.
BLOCKS_PER_STAGE = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2)}

Size3d = tuple[int, int, int]
"""Time, height, width."""


def half(kernel_size: Size3d) -> Size3d:
    """The padding with which a convolution of stride 1 keeps the size."""
    time, height, width = kernel_size
    return time // 2, height // 2, width // 2


class ConvFactory(Protocol):
    """Builds a convolution, or its stand-in, padded so that stride 1 keeps the size."""

    def __call__(
        self, in_channels: int, out_channels: int, kernel_size: Size3d, stride: Size3d = (1, 1, 1)
    ) -> nn.Module: ...


class ResidualBlock(nn.Module):
    """conv, BN, ReLU, conv, BN, plus the shortcut, ReLU.

    The shortcut is the input itself where the shape stays, otherwise a 1x1x1 convolution with the block's stride, and
    BN. The stride applies to time, height and width alike.

    Shape: [N, in_channels, T, H, W] -> [N, out_channels, ceil(T / stride), ceil(H / stride), ceil(W / stride)].
    """

    def __init__(self, conv: ConvFactory, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        strides = (stride, stride, stride)
        self.conv1 = conv(in_channels, out_channels, (3, 3, 3), strides)
        self.bn1 = nn.BatchNorm3d(out_channels)
        self.conv2 = conv(out_channels, out_channels, (3, 3, 3))
        self.bn2 = nn.BatchNorm3d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                OrderedDict(conv=conv(in_channels, out_channels, (1, 1, 1), strides), bn=nn.BatchNorm3d(out_channels))
            )

    def forward(self, x: Tensor) -> Tensor:
        residual = self.relu(self.bn1(self.conv1(x)))
        residual = self.bn2(self.conv2(residual))
        return self.relu(residual + self.shortcut(x))


def residual_stages(conv: ConvFactory, depth: int, in_channels: int, base_channels: int) -> list[Stage]:
    """Build the stem and the four stages of a residual net of video order prediction's kind.

    The stem has a 3x7x7 kernel with stride (1, 2, 2) and no pooling after it; stages 2 to 4 double the channels and
    halve time, height and width in their first block. Source: Xu et al., Self-supervised Spatiotemporal Learning via
    Video Clip Order Prediction, CVPR 2019, after Tran et al., A Closer Look at Spatiotemporal Convolutions for Action
    Recognition, CVPR 2018.

    Args:
        conv: Builds each convolution.
        depth: 10 (one block a stage) or 18 (two).
        in_channels: Channels of the clips.
        base_channels: Channels of the stem and of stage 1.

    Returns:
        ``stem`` and ``stage1`` to ``stage4``.

    Raises:
        ValueError: On an unknown depth or a number of channels below 1.
    """
    check_choice('depth', depth, BLOCKS_PER_STAGE)
    check_channels(in_channels, base_channels)

    stem = nn.Sequential(
        OrderedDict(
            conv=conv(in_channels, base_channels, (3, 7, 7), (1, 2, 2)),
            bn=nn.BatchNorm3d(base_channels),
            relu=nn.ReLU(inplace=True),
        )
    )
    return [Stage('stem', stem, base_channels), *block_stages(conv, BLOCKS_PER_STAGE[depth], base_channels)]


def block_stages(conv: ConvFactory, blocks_per_stage: Sequence[int], base_channels: int) -> list[Stage]:
    """Build the stages after the stem: each but the first doubles the channels and halves time, height and width.

    Args:
        conv: Builds each convolution.
        blocks_per_stage: Number of residual blocks in each stage.
        base_channels: Channels that the stem puts out, and stage 1 as well.

    Returns:
        ``stage1``, ``stage2`` and so on.
    """
    stages = []
    stage_in_channels = base_channels
    for number, num_blocks in enumerate(blocks_per_stage, start=1):
        stage_channels = base_channels * 2 ** (number - 1)
        blocks = [ResidualBlock(conv, stage_in_channels, stage_channels, stride=1 if number == 1 else 2)]
        blocks += [ResidualBlock(conv, stage_channels, stage_channels) for _ in range(num_blocks - 1)]
        stages.append(Stage(f'stage{number}', nn.Sequential(*blocks), stage_channels))
        stage_in_channels = stage_channels
    return stages


def draw_convolutions(net: nn.Module) -> None:
    """Draw the weights of all convolutions from Kaiming's normal distribution with ``fan_out``."""
    for module in net.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
