"""S3D-G: an inception net whose 3-D convolutions are split into space and time, with gated feature maps."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videossl.checks import check_choice, check_positive
from videossl.errors import ConfigError
from videossl.models.backbones.base import Stage, VideoBackbone, check_channels
from videossl.models.backbones.residual import Size3d, half
from videossl.registry import MODELS

# Widths of an inception block, in the order of InceptionBlock's argument; those of GoogLeNet and I3D.
STAGE2_WIDTHS = dict(block3b=(64, 96, 128, 16, 32, 32), block3c=(128, 128, 192, 32, 96, 64))
STAGE3_WIDTHS = dict(
    block4b=(192, 96, 208, 16, 48, 64),
    block4c=(160, 112, 224, 24, 64, 64),
    block4d=(128, 128, 256, 24, 64, 64),
    block4e=(112, 144, 288, 32, 64, 64),
    block4f=(256, 160, 320, 32, 128, 128),
)
STAGE4_WIDTHS = dict(block5b=(256, 160, 320, 32, 128, 128), block5c=(384, 192, 384, 48, 128, 128))


@MODELS.register_module()
class S3DG(VideoBackbone):
    """S3D-G without classifier, as RSPNet has it (the default) and as VideoPace has it.

    ================  ====================  ====================================================
    argument          RSPNet (the default)  VideoPace
    ================  ====================  ====================================================
    ``stem_conv``     ``'separable'``       ``'full'``
    ``gating``        ``'conv'``            ``'linear'``
    ``pool_padding``  ``'both_sides'``      ``'far_side'``
    ``bn_eps``        0.001                 1e-5
    ``bn_momentum``   0.001                 0.1
    parameters        8,675,744             9,125,072 (9,129,172 with its classifier of 4 paces)
    ================  ====================  ====================================================

    VideoPace's is the net of HowTo100M without its space-to-depth stem. Each pooling is the first layer of the stage
    it feeds. No convolution has a bias except the gates'. The weights keep PyTorch's default initialisation (Kaiming
    uniform); ``init_cfg`` gives another. For clips of 16 frames (time x height x width) the maps are:

    ======  ===============  ===============  =======================================================
    stage   224x224          112x112          layers
    ======  ===============  ===============  =======================================================
    stem    64x8x112x112     64x8x56x56       conv1, stride 2
    stage1  192x8x56x56      192x8x28x28      pool (1, 3, 3) stride (1, 2, 2), conv2b 1x1x1, conv2c
    stage2  480x8x28x28      480x8x14x14      pool (1, 3, 3) stride (1, 2, 2), inception 3b, 3c
    stage3  832x4x14x14      832x4x7x7        pool (3, 3, 3) stride 2, inception 4b, 4c, 4d, 4e, 4f
    stage4  1024x2x7x7       1024x2x3x3       pool (2, 2, 2) stride 2, inception 5b, 5c
    ======  ===============  ===============  =======================================================

    With ``pool_padding='far_side'`` the last map is 1024x2x4x4 for 112x112, since odd sizes are rounded up. With
    ``'both_sides'`` clips need at least 5 frames of 17x17 pixels, so that the last pooling leaves something.

    Sources: Xie et al., Rethinking Spatiotemporal Feature Learning: Speed-Accuracy Trade-offs in Video Classification,
    ECCV 2018; Miech et al., End-to-End Learning of Visual Representations from Uncurated Instructional Videos,
    CVPR 2020; Chen et al., RSPNet: Relative Speed Perception for Unsupervised Video Representation Learning,
    AAAI 2021; Wang et al., Self-supervised Video Representation Learning by Pace Prediction, ECCV 2020.

    Args:
        stem_conv: ``'separable'``: 1x7x7, then 7x1x1, each with BN and ReLU. ``'full'``: one 3x7x7 convolution.
            ``'full_7x7x7'``: one 7x7x7 convolution, I3D's.
        stem_time_stride: Which half of a separable stem takes the stride over time. ``'spatial'`` is what RSPNet's
            released code does: its 1x7x7 convolution steps over every second frame, which the net then never sees.
            ``'temporal'`` is the S3D paper's: the 7x1x1 convolution sees all frames. A full stem ignores it.
        gating: ``'conv'``: a 1x1x1 convolution gates the output of every separable convolution, a separable stem's
            too. ``'linear'``: a linear layer gates the same, and the other two branches of every inception block
            as well. None: no gates, which is the net S3D. See :class:`FeatureGate`.
        pool_padding: How a 3x3x3 or 1x3x3 pooling between stages is padded. ``'both_sides'``: by 1 on both sides.
            ``'far_side'``: by 1 after the last row, column and frame only, and sizes are rounded up, as TensorFlow's
            "SAME" does for even sizes.
        bn_eps: Constant that batch norms add to the variance.
        bn_momentum: Share of the new batch in a batch norm's running statistics. RSPNet's 0.001 takes thousands of
            steps to move them.
        in_channels: Channels of the clips.
        base_channels: Channels of the stem; the other widths follow in proportion, rounded down, but at least 1. 64 is
            the paper's.
        block_conv: ``'separable'``: 1x3x3, then 3x1x1. ``'full'``: one 3x3x3 convolution, without a gate, as in I3D
            (Carreira, Zisserman, Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset, CVPR 2017).
            With ``stem_conv='full_7x7x7'`` and ``gating=None`` the net is I3D.
        time_strides: Strides over time, 1 or 2, of the stem, stage3 and stage4. With (1, 1, 1) the map has as many frames
            as the clip (SpeedNet). The weights have the same shapes.
        kwargs: The arguments of :class:`VideoBackbone`, such as ``frozen_stages``.

    Raises:
        ValueError: On an argument out of range.
    """

    def __init__(
        self,
        stem_conv: str = 'separable',
        stem_time_stride: str = 'spatial',
        gating: str | None = 'conv',
        pool_padding: str = 'both_sides',
        bn_eps: float = 1e-3,
        bn_momentum: float = 0.001,
        in_channels: int = 3,
        base_channels: int = 64,
        block_conv: str = 'separable',
        time_strides: Sequence[int] = (2, 2, 2),
        **kwargs: Any,
    ) -> None:
        check_channels(in_channels, base_channels)
        check_choice('stem_conv', stem_conv, ('separable', 'full', 'full_7x7x7'))
        check_choice('block_conv', block_conv, ('separable', 'full'))
        if len(time_strides) != 3 or not set(time_strides) <= {1, 2}:
            raise ConfigError(
                f'time_strides must be 1 or 2 for each of the stem, stage3 and stage4, got {time_strides!r}'
            )
        check_choice('stem_time_stride', stem_time_stride, ('spatial', 'temporal'))
        check_choice('pool_padding', pool_padding, ('both_sides', 'far_side'))
        check_positive('bn_eps', bn_eps)
        if not 0 < bn_momentum <= 1:
            raise ValueError(
                f'bn_momentum must be above 0 and at most 1 (the share of the new batch), got {bn_momentum!r}'
            )
        layers = _Layers(gating, pool_padding, bn_eps, bn_momentum, base_channels, block_conv)
        stem_stride, stage3_stride, stage4_stride = ((stride, 2, 2) for stride in time_strides)

        if stem_conv == 'separable':
            stem = layers.separable_conv(
                in_channels, layers.width(64), 7, stem_stride, stride_time_in_spatial=stem_time_stride == 'spatial'
            )
        else:
            stem = layers.conv(in_channels, layers.width(64), (3 if stem_conv == 'full' else 7, 7, 7), stem_stride)
        stage1 = nn.Sequential(
            OrderedDict(
                pool=layers.pool((1, 3, 3), (1, 2, 2)),
                conv2b=layers.conv(layers.width(64), layers.width(64), (1, 1, 1)),
                conv2c=layers.block_conv(layers.width(64), layers.width(192)),
            )
        )
        stages = [Stage('stem', stem, layers.width(64)), Stage('stage1', stage1, layers.width(192))]
        for number, kernel_size, stride, block_widths in (
            (2, (1, 3, 3), (1, 2, 2), STAGE2_WIDTHS),
            (3, (3, 3, 3), stage3_stride, STAGE3_WIDTHS),
            (4, (stage4_stride[0], 2, 2), stage4_stride, STAGE4_WIDTHS),
        ):
            modules: OrderedDict[str, nn.Module] = OrderedDict(pool=layers.pool(kernel_size, stride))
            channels = stages[-1].out_channels
            for name, widths in block_widths.items():
                block = InceptionBlock(layers, channels, [layers.width(width) for width in widths])
                modules[name], channels = block, block.out_channels
            stages.append(Stage(f'stage{number}', nn.Sequential(modules), channels))
        super().__init__(stages, **kwargs)


class FeatureGate(nn.Module):
    r"""Weigh each channel by a gate that is computed from the whole clip.

    .. math:: y = \sigma(W\,\mathrm{mean}_{t,h,w}(x) + b) \odot x

    (Xie et al. 2018, spatio-temporal feature gating.)

    Shape: [N, channels, T, H, W] -> the same.

    Args:
        channels: Channels of the map.
        layer: ``'conv'`` stores W as a 1x1x1 convolution, ``'linear'`` as a linear layer. They compute the same; only
            the shape of the weight in a checkpoint differs.

    Raises:
        ValueError: On another ``layer``.
    """

    def __init__(self, channels: int, layer: str) -> None:
        super().__init__()
        check_choice('layer', layer, ('conv', 'linear'))
        self.excitation = nn.Conv3d(channels, channels, 1) if layer == 'conv' else nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        pooled = x.mean(dim=(2, 3, 4), keepdim=True)
        if isinstance(self.excitation, nn.Linear):
            weights = self.excitation(pooled.flatten(1))[:, :, None, None, None]
        else:
            weights = self.excitation(pooled)
        return weights.sigmoid() * x


class FarSideMaxPool3d(nn.Module):
    """Max-pooling padded by kernel size minus stride, after the last frame, row and column only; sizes are rounded up.

    The padding is 0, which changes no maximum, because the maps it is given come out of a ReLU.

    Shape: [N, C, T, H, W], not negative -> [N, C, ceil(T / stride), ceil(H / stride), ceil(W / stride)].

    Args:
        kernel_size: (time, height, width).
        stride: (time, height, width), at most the kernel size.
    """

    def __init__(self, kernel_size: Size3d, stride: Size3d) -> None:
        super().__init__()
        time, height, width = (size - step for size, step in zip(kernel_size, stride, strict=True))
        self.padding = (0, width, 0, height, 0, time)
        self.pool = nn.MaxPool3d(kernel_size, stride, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(F.pad(x, self.padding))


class InceptionBlock(nn.Module):
    """Four branches side by side, their channels concatenated.

    1x1x1 convolution; 1x1x1, then separable 3x3x3; the same once more, narrower; 3x3x3 max-pooling, then 1x1x1.

    Shape: [N, in_channels, T, H, W] -> [N, out_channels, T, H, W].

    Args:
        layers: Builds the convolutions and gates.
        in_channels: Channels of the input.
        widths: (branch 0, inside branch 1, branch 1, inside branch 2, branch 2, branch 3).

    Attributes:
        out_channels: Sum of the four branches' channels.
    """

    def __init__(self, layers: '_Layers', in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        width0, inside1, width1, inside2, width2, width3 = widths
        self.out_channels = width0 + width1 + width2 + width3
        self.branch0 = layers.pointwise_branch(in_channels, width0)
        self.branch1 = layers.separable_branch(in_channels, inside1, width1)
        self.branch2 = layers.separable_branch(in_channels, inside2, width2)
        self.branch3 = layers.pointwise_branch(in_channels, width3, pool=nn.MaxPool3d(3, stride=1, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], dim=1)


class _Layers:
    """Builds the layers of one variant."""

    def __init__(
        self,
        gating: str | None,
        pool_padding: str,
        bn_eps: float,
        bn_momentum: float,
        base_channels: int,
        convs_of_blocks: str,
    ) -> None:
        check_choice('gating', gating, ('conv', 'linear', None))
        self.gating = gating
        self.pool_padding = pool_padding
        self.bn_eps = bn_eps
        self.bn_momentum = bn_momentum
        self.base_channels = base_channels
        self.convs_of_blocks = convs_of_blocks

    def width(self, papers: int) -> int:
        return max(1, papers * self.base_channels // 64)

    def conv(
        self, in_channels: int, out_channels: int, kernel_size: Size3d, stride: Size3d = (1, 1, 1)
    ) -> nn.Sequential:
        padding = half(kernel_size)
        return nn.Sequential(
            OrderedDict(
                conv=nn.Conv3d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=False),
                bn=nn.BatchNorm3d(out_channels, eps=self.bn_eps, momentum=self.bn_momentum),
                relu=nn.ReLU(inplace=True),
            )
        )

    def block_conv(self, in_channels: int, out_channels: int) -> nn.Sequential:
        """A convolution of 3x3x3, as ``block_conv`` has it."""
        if self.convs_of_blocks == 'full':
            return self.conv(in_channels, out_channels, (3, 3, 3))
        return self.separable_conv(in_channels, out_channels, size=3)

    def separable_conv(
        self,
        in_channels: int,
        out_channels: int,
        size: int,
        stride: Size3d = (1, 1, 1),
        stride_time_in_spatial: bool = False,
    ) -> nn.Sequential:
        time, height, width = stride
        spatial_time_stride, temporal_stride = (time, 1) if stride_time_in_spatial else (1, time)
        modules: OrderedDict[str, nn.Module] = OrderedDict(
            spatial=self.conv(in_channels, out_channels, (1, size, size), (spatial_time_stride, height, width)),
            temporal=self.conv(out_channels, out_channels, (size, 1, 1), (temporal_stride, 1, 1)),
        )
        if self.gating is not None:
            modules['gate'] = FeatureGate(out_channels, self.gating)
        return nn.Sequential(modules)

    def separable_branch(self, in_channels: int, inside: int, out_channels: int) -> nn.Sequential:
        return nn.Sequential(
            OrderedDict(
                reduce=self.conv(in_channels, inside, (1, 1, 1)), separable=self.block_conv(inside, out_channels)
            )
        )

    def pointwise_branch(self, in_channels: int, out_channels: int, pool: nn.Module | None = None) -> nn.Sequential:
        modules: OrderedDict[str, nn.Module] = OrderedDict() if pool is None else OrderedDict(pool=pool)
        modules['pointwise'] = self.conv(in_channels, out_channels, (1, 1, 1))
        if self.gating == 'linear':
            modules['gate'] = FeatureGate(out_channels, self.gating)
        return nn.Sequential(modules)

    def pool(self, kernel_size: Size3d, stride: Size3d) -> nn.Module:
        if self.pool_padding == 'far_side':
            return FarSideMaxPool3d(kernel_size, stride)
        # Half an odd kernel. The 2x2x2 pooling gets none.
        padding = tuple((size - 1) // 2 for size in kernel_size)
        return nn.MaxPool3d(kernel_size, stride, padding=padding)
