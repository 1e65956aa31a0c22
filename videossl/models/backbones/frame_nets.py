"""CaffeNet and VGG-M: networks of still images, which see each frame of a clip by itself."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import nn

from videossl.checks import check_choice, check_integer, check_share
from videossl.models.backbones.base import Stage, VideoBackbone, check_channels
from videossl.registry import MODELS

BATCH_NORMS = ('affine', 'plain', None)
FC_STAGES = ('fc6', 'fc7')


class Conv(NamedTuple):
    """One convolution of a net of still images; the channels are the paper's."""

    channels: int
    size: int
    stride: int = 1
    padding: int = 0
    groups: int = 1


class FrameNet(VideoBackbone):
    """Base of the nets of still images: five convolutions, then fully connected layers.

    Clips [N, C, T, H, W] go through 1xkxk convolutions and poolings, so that each frame is seen by itself and maps keep T.
    The poolings are 3x3 with stride 2 and round up, as Caffe's do. Each is in the stage it feeds. A fully connected layer
    is a convolution as large as its map, so that necks and heads pool its output [N, channels, T, 1, 1] like any map. Every
    layer has a bias and is followed by a ReLU. The weights keep PyTorch's default initialisation; ``init_cfg`` gives another.

    Args:
        fc_channels: the paper's widths of the fully connected layers fc6 and fc7; ``()`` ends the net with conv5. Dropout of
            fc7's output is left to the head.
        fc_size: side of the map that enters fc6.
        fc_dropout: probability of dropout between fc6 and fc7.
        batch_norm: behind every layer from conv3 on: ``'affine'``, ``'plain'`` (without scale and shift), or None.
        in_channels: channels of the clips.
        base_channels: 64 gives the paper's widths. Other widths are in proportion, rounded down to an even number.
        kwargs: ``frozen_stages``, ``norm_eval``, ``out_indices`` and ``init_cfg`` of :class:`VideoBackbone`.

    Raises:
        ValueError: on an argument out of range.
    """

    convs: Sequence[Conv]
    pools_before_norm: bool  # where in front of conv2 and conv3 the response norm is
    response_norm: dict

    def __init__(
        self,
        fc_channels: Sequence[int] = (4096, 4096),
        fc_size: int = 6,
        fc_dropout: float = 0.5,
        batch_norm: str | None = 'affine',
        in_channels: int = 3,
        base_channels: int = 64,
        **kwargs: Any,
    ) -> None:
        check_channels(in_channels, base_channels)
        check_choice('batch_norm', batch_norm, BATCH_NORMS)
        check_integer('fc_size', fc_size)
        check_share('fc_dropout', fc_dropout)
        if len(fc_channels) > len(FC_STAGES):
            raise ValueError(f'fc_channels has a width for each of {FC_STAGES} at most, got {tuple(fc_channels)}')
        convs = [*self.convs, *(Conv(channels, 1) for channels in fc_channels)]
        stages: list[Stage] = []
        for number, conv in enumerate(convs):
            layers: OrderedDict[str, nn.Module] = OrderedDict()
            if number in (1, 2):
                layers['pool'] = nn.MaxPool3d((1, 3, 3), (1, 2, 2), ceil_mode=True)
                layers['response_norm'] = nn.LocalResponseNorm(**self.response_norm)
                layers.move_to_end('pool', last=not self.pools_before_norm)
            elif number == len(self.convs):
                layers['pool'] = nn.MaxPool3d((1, 3, 3), (1, 2, 2), ceil_mode=True)
                conv = conv._replace(size=fc_size)
            elif number > len(self.convs):
                layers['dropout'] = nn.Dropout(fc_dropout)
            width = 2 * max(1, conv.channels * base_channels // 128)
            layers['conv'] = nn.Conv3d(
                stages[-1].out_channels if stages else in_channels,
                width,
                (1, conv.size, conv.size),
                stride=(1, conv.stride, conv.stride),
                padding=(0, conv.padding, conv.padding),
                groups=conv.groups,
            )
            if batch_norm is not None and number >= 2:
                layers['bn'] = nn.BatchNorm3d(width, affine=batch_norm == 'affine')
            layers['relu'] = nn.ReLU(inplace=True)
            name = FC_STAGES[number - 5] if number >= 5 else f'stage{number}' if number else 'stem'
            stages.append(Stage(name, nn.Sequential(layers), width))
        super().__init__(stages, **kwargs)


@MODELS.register_module()
class CaffeNet(FrameNet):
    """CaffeNet: AlexNet as Caffe has it, the pooling before the response norm.

    The maps for frames of 227x227 and of 80x80 pixels (channels x frames x height x width) are, with the paper's widths:

    ======  =============  =============  ==============================================
    stage   227x227        80x80          layers
    ======  =============  =============  ==============================================
    stem    96xTx55x55     96xTx18x18     conv1 11x11, stride 4, no padding
    stage1  256xTx27x27    256xTx9x9      pool, response norm, conv2 5x5, two groups
    stage2  384xTx13x13    384xTx4x4      pool, response norm, conv3 3x3
    stage3  384xTx13x13    384xTx4x4      conv4 3x3, two groups
    stage4  256xTx13x13    256xTx4x4      conv5 3x3, two groups
    fc6     4096xTx1x1     4096xTx1x1     pool to 6x6 (2x2 at 80 pixels), fully connected
    fc7     4096xTx1x1     4096xTx1x1     dropout, fully connected
    ======  =============  =============  ==============================================

    ``fc_size`` is 6 for 227 pixels, the default, 2 for 80 and 1 for 64. Arguments: :class:`FrameNet`.

    Sources: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012; batch
    norms as in the released code of "Shuffle and Learn" (Misra, Zitnick, Hebert, 2016), where they are plain, and of
    "Unsupervised Representation Learning by Sorting Sequences" (Lee, Huang, Singh, Yang, 2017), where they are affine.
    """

    convs = (Conv(96, 11, 4), Conv(256, 5, 1, 2, 2), Conv(384, 3, 1, 1), Conv(384, 3, 1, 1, 2), Conv(256, 3, 1, 1, 2))
    pools_before_norm = True
    response_norm = dict(size=5, alpha=1e-4, beta=0.75, k=1.0)


@MODELS.register_module()
class VGGM(FrameNet):
    """VGG-M: medium-sized, with a 7x7 stem, the response norm before the pooling.

    The maps for frames of 224x224 and of 80x80 pixels (channels x frames x height x width) are, with the paper's widths:

    ======  =============  =============  ==============================================
    stage   224x224        80x80          layers
    ======  =============  =============  ==============================================
    stem    96xTx109x109   96xTx37x37     conv1 7x7, stride 2, no padding
    stage1  256xTx26x26    256xTx8x8      response norm, pool, conv2 5x5, stride 2
    stage2  512xTx13x13    512xTx4x4      response norm, pool, conv3 3x3
    stage3  512xTx13x13    512xTx4x4      conv4 3x3
    stage4  512xTx13x13    512xTx4x4      conv5 3x3
    fc6     4096xTx1x1     4096xTx1x1     pool to 6x6 (2x2 at 80 pixels), fully connected
    fc7     4096xTx1x1     4096xTx1x1     dropout, fully connected
    ======  =============  =============  ==============================================

    ``fc_size`` is 6 for 224 pixels, the default, 2 for 80 and 1 for 64. Arguments: :class:`FrameNet`. The place of the batch
    norms, CaffeNet's, and the constants of the response norm are guesses.

    Source: Chatfield, Simonyan, Vedaldi, Zisserman, "Return of the Devil in the Details: Delving Deep into Convolutional
    Nets", 2014.
    """

    convs = (Conv(96, 7, 2), Conv(256, 5, 2, 1), Conv(512, 3, 1, 1), Conv(512, 3, 1, 1), Conv(512, 3, 1, 1))
    pools_before_norm = False
    response_norm = dict(size=5, alpha=5e-4, beta=0.75, k=2.0)
