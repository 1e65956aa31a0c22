"""The human parsing network of SCHP: Augmented-CE2P on a modified ResNet-101, in plain PyTorch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LeakyBatchNorm2d(nn.BatchNorm2d):
    """Batch norm followed by a leaky ReLU of slope 0.01: the norm of everything behind the ResNet.

    The activation is not a module of its own, so that the numbering in the released checkpoints stays valid.
    """

    def forward(self, feature_map: Tensor) -> Tensor:
        return F.leaky_relu(super().forward(feature_map), 0.01)


def convolution(in_channels: int, out_channels: int, size: int = 1, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A convolution without bias that keeps the size at stride 1."""
    return nn.Conv2d(
        in_channels, out_channels, size, stride, padding=dilation * (size // 2), dilation=dilation, bias=False
    )


def enlarged(feature_map: Tensor, like: Tensor) -> Tensor:
    """A map, bilinearly brought to the height and width of another, corners on corners."""
    return F.interpolate(feature_map, like.shape[-2:], mode='bilinear', align_corners=True)


class Bottleneck(nn.Module):
    """Residual block of a ResNet: 1x1, 3x3 (with stride and dilation), 1x1 to four times the channels."""

    def __init__(
        self, in_channels: int, channels: int, stride: int = 1, dilation: int = 1, project: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = convolution(in_channels, channels)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = convolution(channels, channels, 3, stride, dilation)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = convolution(channels, 4 * channels)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.downsample = (
            nn.Sequential(convolution(in_channels, 4 * channels, stride=stride), nn.BatchNorm2d(4 * channels))
            if project
            else None
        )

    def forward(self, feature_map: Tensor) -> Tensor:
        shortcut = feature_map if self.downsample is None else self.downsample(feature_map)
        out = F.relu(self.bn1(self.conv1(feature_map)))
        out = F.relu(self.bn2(self.conv2(out)))
        return F.relu(self.bn3(self.conv3(out)) + shortcut)


class PyramidContext(nn.Module):
    """Averages over 1x1, 2x2, 3x3 and 6x6 cells of the map, put beside the map itself (pyramid pooling)."""

    def __init__(self, in_channels: int, out_channels: int, cells: Sequence[int] = (1, 2, 3, 6)) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(number), convolution(in_channels, out_channels), LeakyBatchNorm2d(out_channels)
            )
            for number in cells
        )
        self.bottleneck = nn.Sequential(
            convolution(in_channels + len(cells) * out_channels, out_channels, 3), LeakyBatchNorm2d(out_channels)
        )

    def forward(self, feature_map: Tensor) -> Tensor:
        pooled = [enlarged(stage(feature_map), like=feature_map) for stage in self.stages]
        return self.bottleneck(torch.cat([*pooled, feature_map], dim=1))


class EdgeBranch(nn.Module):
    """Features of, and logits for, the borders between parts, from the maps of strides 4, 8 and 16."""

    def __init__(self, in_channels: Sequence[int], channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = (
            nn.Sequential(convolution(width, channels), LeakyBatchNorm2d(channels)) for width in in_channels
        )
        self.conv4 = nn.Conv2d(channels, 2, kernel_size=3, padding=1)
        self.conv5 = nn.Conv2d(6, 2, kernel_size=1)

    def features(self, stride4: Tensor, stride8: Tensor, stride16: Tensor) -> list[Tensor]:
        """One map of ``channels`` from each input, each of its input's size."""
        return [self.conv1(stride4), self.conv2(stride8), self.conv3(stride16)]

    def edges(self, features: Sequence[Tensor]) -> Tensor:
        """Logits [N, 2, h, w] (no border, border) from the result of :meth:`features`."""
        each = [enlarged(self.conv4(feature_map), like=features[0]) for feature_map in features]
        return self.conv5(torch.cat(each, dim=1))


class Decoder(nn.Module):
    """Joins the context with the fine map of stride 4, and classifies every position a first time."""

    def __init__(
        self, context_channels: int, fine_channels: int, channels: int, reduced_channels: int, num_classes: int
    ) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(convolution(context_channels, channels), LeakyBatchNorm2d(channels))
        self.conv2 = nn.Sequential(convolution(fine_channels, reduced_channels), LeakyBatchNorm2d(reduced_channels))
        self.conv3 = nn.Sequential(
            convolution(channels + reduced_channels, channels),
            LeakyBatchNorm2d(channels),
            convolution(channels, channels),
            LeakyBatchNorm2d(channels),
        )
        self.conv4 = nn.Conv2d(channels, num_classes, kernel_size=1)

    def features(self, context: Tensor, fine: Tensor) -> Tensor:
        """The parsing feature [N, channels, h, w], of the size of ``fine``."""
        return self.conv3(torch.cat([enlarged(self.conv1(context), like=fine), self.conv2(fine)], dim=1))


class AugmentedCE2P(nn.Module):
    """Classifies every position of an image as a body part, a garment or the background.

    "Self-Correction for Human Parsing", Li, Xu, Wei, Yang, 2020, section 3, whose network is that of "Devil in the
    Details: Towards Accurate Single and Multiple Human Parsing", Ruan et al., 2019, with a fusion of the parsing and the
    edge branch. The names of the attributes, ``fushion`` included, are those of the released checkpoints, which
    :func:`~videossl.models.teachers.schp_checkpoint.load_schp` reads. The released network uses in-place activated batch
    norm; here are ordinary batch norms.

    Args:
        num_classes: number of classes: 20 for LIP, 18 for ATR, 7 for Pascal-Person-Part.
        layers: blocks in the four stages of the ResNet; the released one is a ResNet-101.
        width: factor on every number of channels but the classes', for small nets in tests.

    Shape: images [N, 3, H, W], BGR, normalised, to logits [N, num_classes, h, w] with h = ceil(H / 4), w = ceil(W / 4); 119
    for 473. Their corners lie on the image's corners.
    """

    layer1: nn.Module
    layer2: nn.Module
    layer3: nn.Module
    layer4: nn.Module

    def __init__(self, num_classes: int = 20, layers: Sequence[int] = (3, 4, 23, 3), width: float = 1.0) -> None:
        super().__init__()
        if num_classes < 2 or len(layers) != 4 or min(layers) < 1 or width <= 0:
            raise ValueError(
                'AugmentedCE2P needs num_classes of at least 2, layers of 4 numbers of at least 1, and a '
                f'positive width, got num_classes={num_classes}, layers={layers}, width={width}'
            )

        def scaled(channels: int) -> int:
            return max(1, round(channels * width))

        self.num_classes = num_classes
        self.conv1 = convolution(3, scaled(64), 3, stride=2)
        self.bn1 = nn.BatchNorm2d(scaled(64))
        self.conv2 = convolution(scaled(64), scaled(64), 3)
        self.bn2 = nn.BatchNorm2d(scaled(64))
        self.conv3 = convolution(scaled(64), scaled(128), 3)
        self.bn3 = nn.BatchNorm2d(scaled(128))

        stage_channels = [4 * scaled(channels) for channels in (64, 128, 256, 512)]
        in_channels = [scaled(128), *stage_channels[:-1]]
        for stage, (stride, dilation) in enumerate(((1, 1), (2, 1), (2, 1), (1, 2))):
            channels = stage_channels[stage]
            blocks = [Bottleneck(in_channels[stage], channels // 4, stride, dilation, project=True)]
            blocks += [Bottleneck(channels, channels // 4, dilation=dilation) for _ in range(layers[stage] - 1)]
            self.add_module(f'layer{stage + 1}', nn.Sequential(*blocks))

        self.context_encoding = PyramidContext(stage_channels[3], scaled(512))
        self.edge = EdgeBranch(stage_channels[:3], scaled(256))
        self.decoder = Decoder(scaled(512), stage_channels[0], scaled(256), scaled(48), num_classes)
        self.fushion = nn.Sequential(
            convolution(4 * scaled(256), scaled(256)),
            LeakyBatchNorm2d(scaled(256)),
            nn.Dropout2d(0.1),
            nn.Conv2d(scaled(256), num_classes, kernel_size=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """The fusion map, SCHP's result. Layers of the two side outputs alone are not computed."""
        return self._fusion(*self._features(images))

    def all_outputs(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """All that the network is trained on: parsing [N, num_classes, h, w], fusion alike, edges [N, 2, h, w]."""
        parsing, edges = self._features(images)
        return self.decoder.conv4(parsing), self._fusion(parsing, edges), self.edge.edges(edges)

    def _features(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        stem = F.relu(self.bn1(self.conv1(images)))
        stem = F.relu(self.bn2(self.conv2(stem)))
        stem = F.relu(self.bn3(self.conv3(stem)))
        stride4 = self.layer1(F.max_pool2d(stem, kernel_size=3, stride=2, padding=1))
        stride8 = self.layer2(stride4)
        stride16 = self.layer3(stride8)
        context = self.context_encoding(self.layer4(stride16))
        return self.decoder.features(context, stride4), self.edge.features(stride4, stride8, stride16)

    def _fusion(self, parsing: Tensor, edges: Sequence[Tensor]) -> Tensor:
        return self.fushion(
            torch.cat([parsing, *(enlarged(feature_map, like=parsing) for feature_map in edges)], dim=1)
        )
