"""A small teacher; and checkpoints as SCHP's authors write them, made from a table of names and shapes of our own."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from small_teachers import SmallNet
from torch import Tensor, nn

from videossl.models import ModuleTeacher


def table_of_shapes(num_classes: int, layers=(3, 4, 23, 3), width: float = 1.0) -> dict[str, tuple[int, ...]]:
    """Every tensor of a released checkpoint, by name, in-place activated batch norms flat, without ``module.``."""
    shapes = {}

    def conv(name: str, *shape: int, bias: bool = False) -> None:
        out, into, size = shape
        shapes[f'{name}.weight'] = (out, into, size, size)
        if bias:
            shapes[f'{name}.bias'] = (out,)

    def norm(name: str, channels: int) -> None:
        for part in ('weight', 'bias', 'running_mean', 'running_var'):
            shapes[f'{name}.{part}'] = (channels,)

    w = {channels: int(channels * width) for channels in (48, 64, 128, 256, 512, 1024, 2048)}
    for index, (into, out) in enumerate([(3, w[64]), (w[64], w[64]), (w[64], w[128])], 1):
        conv(f'conv{index}', out, into, 3)
        norm(f'bn{index}', out)
    into = w[128]
    for stage, (inner, outer, blocks) in enumerate(
        zip((w[64], w[128], w[256], w[512]), (w[256], w[512], w[1024], w[2048]), layers), 1
    ):
        for block in range(blocks):
            name = f'layer{stage}.{block}'
            for index, shape in enumerate([(inner, into, 1), (inner, inner, 3), (outer, inner, 1)], 1):
                conv(f'{name}.conv{index}', *shape)
                norm(f'{name}.bn{index}', shape[0])
            if block == 0:
                conv(f'{name}.downsample.0', outer, into, 1)
                norm(f'{name}.downsample.1', outer)
            into = outer
    for index in range(4):
        conv(f'context_encoding.stages.{index}.1', w[512], w[2048], 1)
        norm(f'context_encoding.stages.{index}.2', w[512])
    conv('context_encoding.bottleneck.0', w[512], 4 * w[512] + w[2048], 3)
    norm('context_encoding.bottleneck.1', w[512])
    for index, into in enumerate((w[256], w[512], w[1024]), 1):
        conv(f'edge.conv{index}.0', w[256], into, 1)
        norm(f'edge.conv{index}.1', w[256])
    conv('edge.conv4', 2, w[256], 3, bias=True)
    conv('edge.conv5', 2, 6, 1, bias=True)
    for name, out, into in (('conv1.', w[256], w[512]), ('conv2.', w[48], w[256]), ('conv3.', w[256], w[256] + w[48])):
        conv(f'decoder.{name}0', out, into, 1)
        norm(f'decoder.{name}1', out)
    conv('decoder.conv3.2', w[256], w[256], 1)
    norm('decoder.conv3.3', w[256])
    conv('decoder.conv4', num_classes, w[256], 1, bias=True)
    conv('fushion.0', w[256], 4 * w[256], 1)
    norm('fushion.1', w[256])
    conv('fushion.3', num_classes, w[256], 1, bias=True)
    return shapes


def is_norm(name: str, weights: dict[str, Tensor]) -> bool:
    return name.rpartition('.')[0] + '.running_var' in weights


@pytest.fixture
def released_shapes() -> Callable[..., dict[str, tuple[int, ...]]]:
    """A function from the number of classes to the names and shapes in a released checkpoint."""
    return table_of_shapes


@pytest.fixture
def released_weights() -> Callable[..., dict[str, Tensor]]:
    """A function that draws a released checkpoint's weights for a small network; half the norms' weights are negative."""

    def draw(num_classes: int = 20, layers=(1, 2, 1, 1), width: float = 1 / 16) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(7)
        weights = {}
        for name, shape in table_of_shapes(num_classes, layers, width).items():
            noise = torch.randn(shape, generator=generator)
            if name.endswith('running_var'):
                noise = noise.abs() + 0.5
            elif len(shape) == 4:
                noise = noise * (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
            weights[name] = noise
        return weights

    return draw


@pytest.fixture
def save_released(tmp_path) -> Callable[..., str]:
    """A function that writes weights as one of the two generations does, and gives the file's path."""

    def save(weights: dict[str, Tensor], generation: str = 'current') -> str:
        path = Path(tmp_path, f'{generation}.pth')
        if generation == 'current':
            torch.save(
                dict(schp_iteration=5, state_dict={f'module.{name}': value for name, value in weights.items()}), path
            )
            return str(path)
        nested = {}
        for name, value in weights.items():
            owner, _, part = name.rpartition('.')
            behind_resnet = not name.startswith(('bn', 'layer'))
            middle = '.bn.' if behind_resnet and is_norm(name, weights) else '.'
            nested[f'module.{owner}{middle}{part}'] = value
        torch.save(nested, path)
        return str(path)

    return save


@pytest.fixture
def teacher():
    network = SmallNet()
    nn.init.normal_(network.norm.running_mean)
    return ModuleTeacher(network, num_classes=4)


@pytest.fixture
def frames():
    return torch.randint(256, (2, 3, 16, 20), dtype=torch.uint8)
