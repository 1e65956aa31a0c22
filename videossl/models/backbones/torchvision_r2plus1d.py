"""R(2+1)D as torchvision has it, whose weights VideoMoCo, CtP and others have published."""

from typing import Any

from torch import nn

from videossl.checks import check_choice
from videossl.models.backbones.base import VideoBackbone
from videossl.models.backbones.r2plus1d import FactorizedConv3d, middle_channels
from videossl.models.backbones.r3d import full_conv3d
from videossl.models.backbones.residual import ResidualBlock, Size3d, draw_convolutions, residual_stages
from videossl.registry import MODELS


@MODELS.register_module()
class TorchvisionR2Plus1D(VideoBackbone):
    """R(2+1)D of 10 or 18 layers (classifier counted): ``depth=18`` is torchvision's ``r2plus1d_18``.

    It has 31,300,125 parameters. From :class:`R2Plus1D` it differs in three points: the stem has 45 middle channels (the
    other net 83), the shortcuts are plain 1x1x1 convolutions, and both convolutions of a block have the middle width of the
    first. CtP's R(2+1)D-18 is ``middle='convolution'``: 33,165,639 parameters. The convolutions have no bias; their weights
    are drawn from Kaiming's normal distribution with ``fan_out``, unless ``init_cfg`` gives another.

    The stages and the sizes of their maps are those of :class:`R2Plus1D`.

    Sources: Tran et al., A Closer Look at Spatiotemporal Convolutions for Action Recognition, CVPR 2018; the middle widths
    are those of torchvision's code.

    Args:
        depth: 10 or 18.
        in_channels: Channels of the clips.
        base_channels: Channels of the stem; the other widths follow in proportion. 64 is the paper's.
        middle: ``'block'``: both convolutions of a block have the middle width that the first one needs to have as many
            weights as a full convolution. ``'convolution'``: each has its own.
        kwargs: ``frozen_stages``, ``norm_eval``, ``out_indices`` and ``init_cfg`` of :class:`VideoBackbone`.

    Raises:
        ValueError: On an argument out of range.
    """

    def __init__(
        self, depth: int = 18, in_channels: int = 3, base_channels: int = 64, middle: str = 'block', **kwargs: Any
    ) -> None:
        check_choice('TorchvisionR2Plus1D: middle', middle, ('block', 'convolution'))
        stages = residual_stages(_conv, depth, in_channels, base_channels)
        if middle == 'block':
            for before, stage in zip(stages[1:], stages[2:]):
                assert isinstance(stage.module, nn.Sequential) and isinstance(stage.module[0], ResidualBlock)
                width, kernel = stage.out_channels, (3, 3, 3)
                shared = middle_channels(before.out_channels, width, kernel)
                stage.module[0].conv2 = FactorizedConv3d(width, width, kernel, middle=shared)
        super().__init__(stages, **kwargs)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights of all convolutions."""
        draw_convolutions(self)


def _conv(in_channels: int, out_channels: int, kernel_size: Size3d, stride: Size3d = (1, 1, 1)) -> nn.Module:
    """A factorised convolution; that of a shortcut is a plain one. Of the kernels only the stem's is wider than 3."""
    if kernel_size == (1, 1, 1):
        return full_conv3d(in_channels, out_channels, kernel_size, stride)
    middle = max(1, 45 * out_channels // 64) if kernel_size[1] > 3 else None
    return FactorizedConv3d(in_channels, out_channels, kernel_size, stride, middle)
