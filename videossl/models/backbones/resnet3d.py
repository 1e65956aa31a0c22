"""ResNet3D: a residual net of full 3-D convolutions with a 7x7x7 stem and a max-pooling after it."""

from collections import OrderedDict
from typing import Any

from torch import nn

from videossl.checks import check_choice
from videossl.models.backbones import residual
from videossl.models.backbones.base import Stage, VideoBackbone, check_channels
from videossl.models.backbones.r3d import full_conv3d
from videossl.registry import MODELS

BLOCKS_PER_STAGE = {**residual.BLOCKS_PER_STAGE, 34: (3, 4, 6, 3)}


@MODELS.register_module()
class ResNet3D(VideoBackbone):
    """3D ResNet of 10, 18 or 34 layers (classifier counted), RSPNet's "ResNet-18".

    14,399,424 parameters with ``depth=10``, 33,203,904 with 18, 63,513,536 with 34. The blocks are those of
    :class:`R3D`, whose stem is 3x7x7 without pooling. Shortcuts that change the shape are a 1x1x1 convolution and BN
    (type B). The convolutions have no bias; their weights are drawn from Kaiming's normal distribution with
    ``fan_out``, unless ``init_cfg`` gives another. mmaction2's ``ResNet3d`` is another net.

    For clips of 16x112x112 (time x height x width) the maps are, with the paper's widths:

    ======  ===============  ========================
    stage   output           name in the paper's code
    ======  ===============  ========================
    stem    64x8x28x28       conv1, maxpool
    stage1  64x8x28x28       layer1
    stage2  128x4x14x14      layer2
    stage3  256x2x7x7        layer3
    stage4  512x1x4x4        layer4
    ======  ===============  ========================

    Sources: Hara et al., Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?, CVPR 2018; Chen et
    al., RSPNet: Relative Speed Perception for Unsupervised Video Representation Learning, AAAI 2021.

    Args:
        depth: 10, 18 or 34.
        in_channels: Channels of the clips.
        base_channels: Channels of the stem; the other widths follow in proportion. 64 is the paper's.
        kwargs: ``frozen_stages``, ``norm_eval``, ``out_indices`` and ``init_cfg`` of :class:`VideoBackbone`.

    Raises:
        ValueError: On an argument out of range.
    """

    def __init__(self, depth: int = 18, in_channels: int = 3, base_channels: int = 64, **kwargs: Any) -> None:
        check_choice('depth', depth, BLOCKS_PER_STAGE)
        check_channels(in_channels, base_channels)
        stem = nn.Sequential(
            OrderedDict(
                conv=full_conv3d(in_channels, base_channels, (7, 7, 7), (1, 2, 2)),
                bn=nn.BatchNorm3d(base_channels),
                relu=nn.ReLU(inplace=True),
                pool=nn.MaxPool3d(3, stride=2, padding=1),
            )
        )
        super().__init__(
            [
                Stage('stem', stem, base_channels),
                *residual.block_stages(full_conv3d, BLOCKS_PER_STAGE[depth], base_channels),
            ],
            **kwargs,
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights of all convolutions."""
        residual.draw_convolutions(self)
