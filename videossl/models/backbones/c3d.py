"""C3D: eight 3x3x3 convolutions with max-pooling between them."""

from collections import OrderedDict
from typing import Any

from torch import nn

from videossl.models.backbones.base import Stage, VideoBackbone, check_channels
from videossl.models.backbones.conv3d import Conv3d
from videossl.registry import MODELS


@MODELS.register_module()
class C3D(VideoBackbone):
    """C3D with batch norm and without fully connected layers, as video clip order prediction and later methods use it.

    27,661,440 parameters. Each 3x3x3 convolution has a bias and is followed by BN and ReLU. Each pooling is the first
    layer of the stage it feeds, so there is none after the last stage; the first one is over space only. mmaction2's
    ``C3D`` is another net, with a fifth pooling and two fully connected layers. The weights keep PyTorch's default
    initialisation (Kaiming uniform); ``init_cfg`` gives another.

    For clips of 16x112x112 (time x height x width) the maps are, with the paper's widths:

    ======  =================  ===============================
    stage   output             layers
    ======  =================  ===============================
    stem    64x16x112x112      conv1
    stage1  128x16x56x56       pool (1, 2, 2), conv2
    stage2  256x8x28x28        pool (2, 2, 2), conv3a, conv3b
    stage3  512x4x14x14        pool (2, 2, 2), conv4a, conv4b
    stage4  512x2x7x7          pool (2, 2, 2), conv5a, conv5b
    ======  =================  ===============================

    Clips need at least 8 frames of 16x16 pixels, so that the last pooling leaves something.

    Sources: Tran et al., Learning Spatiotemporal Features with 3D Convolutional Networks, ICCV 2015; Xu et al.,
    Self-supervised Spatiotemporal Learning via Video Clip Order Prediction, CVPR 2019.

    Args:
        in_channels: Channels of the clips.
        base_channels: Channels of the stem; the other widths follow in proportion. 64 is the paper's.
        kwargs: ``frozen_stages``, ``norm_eval``, ``out_indices`` and ``init_cfg`` of :class:`VideoBackbone`.

    Raises:
        ValueError: On an argument out of range.
    """

    def __init__(self, in_channels: int = 3, base_channels: int = 64, **kwargs: Any) -> None:
        check_channels(in_channels, base_channels)
        widths = [base_channels * factor for factor in (1, 2, 4, 8, 8)]
        stem = _conv_bn_relu(in_channels, widths[0])
        stage1 = OrderedDict(pool=nn.MaxPool3d((1, 2, 2)), conv2=_conv_bn_relu(widths[0], widths[1]))
        stages = [Stage('stem', stem, widths[0]), Stage('stage1', nn.Sequential(stage1), widths[1])]
        for number in (2, 3, 4):
            layers: OrderedDict[str, nn.Module] = OrderedDict(pool=nn.MaxPool3d((2, 2, 2)))
            layers[f'conv{number + 1}a'] = _conv_bn_relu(widths[number - 1], widths[number])
            layers[f'conv{number + 1}b'] = _conv_bn_relu(widths[number], widths[number])
            stages.append(Stage(f'stage{number}', nn.Sequential(layers), widths[number]))
        super().__init__(stages, **kwargs)


def _conv_bn_relu(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=Conv3d(in_channels, out_channels, kernel_size=3, padding=1),
            bn=nn.BatchNorm3d(out_channels),
            relu=nn.ReLU(inplace=True),
        )
    )
