"""R(2+1)D: a residual net whose 3-D convolutions are split into one over space and one over time."""

from typing import Any

from torch import Tensor, nn

from videossl.models.backbones.base import VideoBackbone
from videossl.models.backbones.conv3d import Conv3d
from videossl.models.backbones.residual import Size3d, half, residual_stages
from videossl.registry import MODELS


@MODELS.register_module()
class R2Plus1D(VideoBackbone):
    """R(2+1)D of 10 or 18 layers (classifier counted), as video clip order prediction and the methods after it use it.

    The papers' "R(2+1)D" or "R(2+1)D-18" is the 10-layer net in their released code: ``depth=10``, 14,365,303
    parameters; ``depth=18`` has 33,178,423. Every convolution is a :class:`FactorizedConv3d`, the stem's and the 1x1x1
    shortcuts' too. The stem's middle width is 83 where torchvision and mmaction2 have 45: their checkpoints do not fit.
    torchvision's net is :class:`~videossl.models.TorchvisionR2Plus1D`.
    The weights keep PyTorch's default initialisation (Kaiming uniform); ``init_cfg`` gives another.

    For clips of 16x112x112 (time x height x width) the maps are, with the paper's widths:

    ======  ===============  ========================
    stage   output           name in the paper's code
    ======  ===============  ========================
    stem    64x16x56x56      conv1
    stage1  64x16x56x56      conv2
    stage2  128x8x28x28      conv3
    stage3  256x4x14x14      conv4
    stage4  512x2x7x7        conv5
    ======  ===============  ========================

    Sources: Tran et al., A Closer Look at Spatiotemporal Convolutions for Action Recognition, CVPR 2018; Xu et al.,
    Self-supervised Spatiotemporal Learning via Video Clip Order Prediction, CVPR 2019.

    Args:
        depth: 10 or 18.
        in_channels: Channels of the clips.
        base_channels: Channels of the stem; the other widths follow in proportion. 64 is the paper's.
        kwargs: ``frozen_stages``, ``norm_eval``, ``out_indices`` and ``init_cfg`` of :class:`VideoBackbone`.

    Raises:
        ValueError: On an argument out of range.
    """

    def __init__(self, depth: int = 10, in_channels: int = 3, base_channels: int = 64, **kwargs: Any) -> None:
        super().__init__(residual_stages(FactorizedConv3d, depth, in_channels, base_channels), **kwargs)


class FactorizedConv3d(nn.Module):
    """A convolution over space (1 x k x k), BN, ReLU, then one over time (k_t x 1 x 1); both without bias.

    The spatial convolution takes the spatial stride, the temporal one the temporal stride; both are padded by half
    their kernel.

    Shape: [N, in_channels, T, H, W] -> [N, out_channels, t, h, w], as the full 3-D convolution would give.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: (k_t, k, k).
        stride: (time, height, width).
        middle: Channels between the two. None: :func:`middle_channels`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size3d,
        stride: Size3d = (1, 1, 1),
        middle: int | None = None,
    ) -> None:
        super().__init__()
        if middle is None:
            middle = middle_channels(in_channels, out_channels, kernel_size)
        time, height, width = kernel_size
        space, duration = (1, height, width), (time, 1, 1)
        self.spatial = Conv3d(in_channels, middle, space, (1, stride[1], stride[2]), half(space), bias=False)
        self.bn = nn.BatchNorm3d(middle)
        self.relu = nn.ReLU(inplace=True)
        self.temporal = Conv3d(middle, out_channels, duration, (stride[0], 1, 1), half(duration), bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.temporal(self.relu(self.bn(self.spatial(x))))


def middle_channels(in_channels: int, out_channels: int, kernel_size: Size3d) -> int:
    r"""Width between the two halves of a factorised convolution, so that they have as many weights as the full one.

    .. math:: M = \left\lfloor\frac{k_t k^2 C_{in} C_{out}}{k^2 C_{in} + k_t C_{out}}\right\rfloor

    (Tran et al. 2018, section 3.5), and at least 1, which matters only for nets a few channels wide.

    Example:
        >>> middle_channels(3, 64, (3, 7, 7))
        83
    """
    time, height, width = kernel_size
    area = height * width
    full_weights = time * area * in_channels * out_channels
    return max(1, full_weights // (area * in_channels + time * out_channels))
