"""R3D: a residual net of full 3-D convolutions."""

from typing import Any

from torch import nn

from videossl.models.backbones.base import VideoBackbone
from videossl.models.backbones.conv3d import Conv3d
from videossl.models.backbones.residual import Size3d, half, residual_stages
from videossl.models.backbones.stem_conv import StemConv3d
from videossl.registry import MODELS


@MODELS.register_module()
class R3D(VideoBackbone):
    """R3D of 10 or 18 layers (classifier counted), as video clip order prediction and the methods after it use it.

    The papers' "R3D-18" is the 10-layer net in their released code: ``depth=10``, 14,361,792 parameters; ``depth=18``
    has 33,166,272. The convolutions have no bias. The weights keep PyTorch's default initialisation (Kaiming uniform);
    ``init_cfg`` gives another.

    The stages and the sizes of their maps are those of :class:`~videossl.models.R2Plus1D`.

    Source: Xu et al., Self-supervised Spatiotemporal Learning via Video Clip Order Prediction, CVPR 2019.

    Args:
        depth: 10 or 18.
        in_channels: Channels of the clips.
        base_channels: Channels of the stem; the other widths follow in proportion. 64 is the paper's.
        kwargs: ``frozen_stages``, ``norm_eval``, ``out_indices`` and ``init_cfg`` of :class:`VideoBackbone`.

    Raises:
        ValueError: On an argument out of range.

    Examples:
        >>> import torch
        >>> net = R3D(depth=10, base_channels=4)
        >>> net(torch.zeros(2, 3, 16, 64, 64)).shape  # a map, not pooled
        torch.Size([2, 32, 2, 4, 4])
    """

    def __init__(self, depth: int = 10, in_channels: int = 3, base_channels: int = 64, **kwargs: Any) -> None:
        super().__init__(residual_stages(full_conv3d, depth, in_channels, base_channels), **kwargs)


def full_conv3d(in_channels: int, out_channels: int, kernel_size: Size3d, stride: Size3d = (1, 1, 1)) -> nn.Conv3d:
    """A 3-D convolution over time and space at once, padded by half its kernel, without bias."""
    kind = StemConv3d if StemConv3d.suits(in_channels, kernel_size, stride) else Conv3d
    return kind(in_channels, out_channels, kernel_size, stride=stride, padding=half(kernel_size), bias=False)
