"""torchvision's R(2+1)D against its published layout: counts and widths in closed form, and plain function calls."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from videossl.models.backbones import FactorizedConv3d, TorchvisionR2Plus1D


def middle_by_hand(inputs: int, outputs: int) -> int:
    """As many weights in 1x3x3 and 3x1x1 together as in 3x3x3."""
    return 27 * inputs * outputs // (9 * inputs + 3 * outputs)


def parameters_by_hand(blocks: int, shared: bool) -> int:
    """Convolutions without bias and norms of two vectors, of 64, 128, 256 and 512 channels."""
    total, inputs = 45 * 3 * 49 + 2 * 45 + 64 * 45 * 3 + 2 * 64, 64
    for outputs in (64, 128, 256, 512):
        for _ in range(blocks):
            first = middle_by_hand(inputs, outputs)
            second = first if shared else middle_by_hand(outputs, outputs)
            for source, middle in ((inputs, first), (outputs, second)):
                total += source * middle * 9 + 2 * middle + middle * outputs * 3 + 2 * outputs
            total += 0 if inputs == outputs else inputs * outputs + 2 * outputs
            inputs = outputs
    return total


@pytest.mark.parametrize('depth', [10, 18])
@pytest.mark.parametrize('middle', ['block', 'convolution'])
def test_the_number_of_parameters_follows_from_the_widths(depth, middle):
    with torch.device('meta'):
        net = TorchvisionR2Plus1D(depth, middle=middle)
    expected = parameters_by_hand(depth // 8, middle == 'block')
    assert sum(parameter.numel() for parameter in net.parameters()) == expected
    if depth == 18:
        assert expected == {'block': 31_300_125, 'convolution': 33_165_639}[middle]


def test_both_convolutions_of_a_block_have_the_middle_width_of_the_first():
    with torch.device('meta'):
        net = TorchvisionR2Plus1D()
    widths = {
        name: module.spatial.out_channels
        for name, module in net.named_modules()
        if isinstance(module, FactorizedConv3d)
    }
    stages = {1: (144, 144), 2: (230, 288), 3: (460, 576), 4: (921, 1152)}
    expected = {f'stage{stage}.{b}.conv{c}': stages[stage][b] for stage in stages for b in (0, 1) for c in (1, 2)}
    assert widths == {'stem.conv': 45, **expected}
    shortcuts = [net.get_submodule(f'stage{stage}.0.shortcut.conv') for stage in (2, 3, 4)]
    assert all(isinstance(conv, nn.Conv3d) and conv.kernel_size == (1, 1, 1) for conv in shortcuts)


def test_a_block_computes_what_torchvisions_does():
    net = TorchvisionR2Plus1D(10, base_channels=4).eval()
    block = net.stage2[0]
    x = torch.randn(2, 4, 4, 6, 6)

    def factorised(conv, x, stride):
        x = F.conv3d(x, conv.spatial.weight, stride=(1, stride, stride), padding=(0, 1, 1))
        return F.conv3d(norm(conv.bn, x).relu(), conv.temporal.weight, stride=(stride, 1, 1), padding=(1, 0, 0))

    def norm(bn, x):
        return F.batch_norm(x, bn.running_mean, bn.running_var, bn.weight, bn.bias)

    with torch.no_grad():
        out = norm(block.bn1, factorised(block.conv1, x, 2)).relu()
        out = norm(block.bn2, factorised(block.conv2, out, 1))
        shortcut = norm(block.shortcut.bn, F.conv3d(x, block.shortcut.conv.weight, stride=2))
        torch.testing.assert_close(block(x), (out + shortcut).relu())


def test_convolutions_are_drawn_as_torchvisions():
    torch.manual_seed(0)
    conv = TorchvisionR2Plus1D(10).stage3[0].conv1.temporal  # 460 to 256 channels, 3x1x1
    assert conv.weight.std().item() == pytest.approx((2 / (256 * 3)) ** 0.5, rel=0.02)


def test_an_unknown_rule_is_refused_by_name():
    with pytest.raises(ValueError, match="TorchvisionR2Plus1D: middle must be one of 'block', 'convolution'"):
        TorchvisionR2Plus1D(middle='stage')
