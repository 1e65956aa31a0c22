"""The stem's convolution, by blocks of 2 x 2 pixels."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from videossl.models import R3D, ResNet3D
from videossl.models.backbones.stem_conv import StemConv3d, blocks_to_channels, far_padding


@pytest.mark.parametrize('height, width', [(12, 12), (13, 12), (7, 9), (16, 5)])
@pytest.mark.parametrize(
    'kernel, padding, stride',
    [
        ((3, 7, 7), (1, 3, 3), (1, 2, 2)),
        ((1, 7, 7), (0, 3, 3), (1, 2, 2)),
        ((3, 3, 5), (1, 1, 2), (2, 2, 2)),
        ((3, 4, 4), (1, 1, 1), (1, 2, 2)),
        ((3, 3, 3), (0, 0, 0), (1, 2, 2)),
    ],
)
@pytest.mark.parametrize('bias', [False, True])
def test_bf16_gives_what_fp32_gives_and_so_do_its_gradients(height, width, kernel, padding, stride, bias):
    torch.manual_seed(0)
    conv = StemConv3d(3, 8, kernel, stride, padding, bias=bias)
    with torch.no_grad():  # of numbers that bf16 holds exactly
        for parameter in conv.parameters():
            parameter.copy_(torch.randint(-4, 5, parameter.shape) / 4)
    x = (torch.randint(-8, 9, (2, 3, 5, height, width)) / 8).requires_grad_()
    expected = F.conv3d(x, conv.weight, conv.bias, stride, padding)
    weights = torch.randint(-2, 3, expected.shape) / 2.0
    of_fp32 = torch.autograd.grad((expected * weights).sum(), [x, *conv.parameters()])

    with torch.autocast('cpu', torch.bfloat16):
        found = conv(x)
    of_bf16 = torch.autograd.grad((found.float() * weights).sum(), [x, *conv.parameters()])

    assert found.dtype == torch.bfloat16 and found.shape == expected.shape
    torch.testing.assert_close(found.float(), expected, rtol=2**-8, atol=1e-6)  # rounded once, at the end
    for ours, theirs in zip(of_bf16, of_fp32):
        torch.testing.assert_close(ours, theirs, rtol=2**-7, atol=1e-5)


def test_fp32_is_torchs_own_convolution_bit_by_bit():
    conv = StemConv3d(3, 4, (3, 7, 7), (1, 2, 2), (1, 3, 3))
    x = torch.randn(1, 3, 4, 11, 12)
    assert torch.equal(conv(x), F.conv3d(x, conv.weight, conv.bias, (1, 2, 2), (1, 3, 3)))


def test_a_bf16_net_folds_without_autocast_too_and_keeps_its_type():
    conv = StemConv3d(3, 4, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False).bfloat16()
    x = torch.randn(1, 3, 2, 10, 10).bfloat16()
    own = nn.Conv3d.forward(conv, x)
    torch.testing.assert_close(conv(x), own, rtol=2**-6, atol=2**-8)
    assert conv(x).dtype == torch.bfloat16


@pytest.mark.parametrize('options', [dict(dilation=2), dict(groups=3), dict(padding_mode='replicate')])
def test_what_cannot_be_folded_is_torchs_own_convolution(options):
    conv = StemConv3d(3, 6, (3, 3, 3), (1, 2, 2), (1, 2, 2), bias=False, **options).bfloat16()
    x = torch.randn(1, 3, 4, 9, 9).bfloat16()
    assert torch.equal(conv(x), nn.Conv3d.forward(conv, x))


def test_blocks_become_channels_row_by_row():
    pixels = torch.arange(16.0).reshape(1, 1, 1, 4, 4)
    blocks = blocks_to_channels(pixels)
    assert blocks[0, :, 0, 0, 1].tolist() == [2, 3, 6, 7]
    assert blocks_to_channels(torch.randn(1, 3, 2, 4, 6)).is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize('size, kernel, padding', [(112, 7, 3), (111, 7, 3), (64, 3, 1), (9, 4, 1), (8, 3, 0)])
def test_padding_leaves_as_many_steps_as_before(size, kernel, padding):
    near, far = far_padding(size, kernel, padding)
    even = kernel + kernel % 2
    assert near == padding and far >= 0 and (near + size + far) % 2 == 0
    assert (near + size + far - even) // 2 + 1 == (size + 2 * padding - kernel) // 2 + 1


@pytest.mark.parametrize('net', [R3D, ResNet3D])
def test_the_stem_is_of_this_kind_and_no_other_convolution_is(net):
    assert [path for path, module in net().named_modules() if isinstance(module, StemConv3d)] == ['stem.conv']


def test_a_net_learns_in_bf16_as_with_torchs_convolution():
    torch.manual_seed(0)
    net = R3D(base_channels=4)
    plain = copy.deepcopy(net)
    plain.stem.conv.__class__ = nn.Conv3d
    x = torch.randn(2, 3, 8, 32, 32)
    found = []
    for model in (net, plain):
        with torch.autocast('cpu', torch.bfloat16):
            features = model(x)
        features.float().square().mean().backward()
        found.append(model.stem.conv.weight.grad)
    assert F.cosine_similarity(found[0].flatten(), found[1].flatten(), dim=0) > 0.99
