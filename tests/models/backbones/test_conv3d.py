"""The faster forms of 3-D convolutions in fp32 against torch's own."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import videossl.models.backbones.conv3d as conv3d
from videossl.models import C3D, R3D, R2Plus1D, ResNet3D
from videossl.models.backbones.conv3d import (
    Conv3d,
    suits_products,
    suits_two_frames,
    two_frames_at_once,
    weight_gradient,
    weight_gradient_of_two_frames,
)

LAST = torch.channels_last_3d


def random(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    tensor = torch.randn(shape, dtype=dtype)
    return tensor.contiguous(memory_format=LAST) if tensor.ndim == 5 else tensor


def gradients(x, weight, stride, padding):
    """Output of torch's convolution, a gradient for it, and those of input and weights."""
    x, weight = x.detach().requires_grad_(), weight.detach().requires_grad_()
    outputs = F.conv3d(x, weight, None, stride, padding)
    above = random(*outputs.shape, dtype=x.dtype)
    return outputs.detach(), above, *torch.autograd.grad(outputs, (x, weight), above)


@pytest.mark.parametrize('frames, height, width', [(2, 3, 3), (4, 5, 6), (6, 1, 4)])
def test_two_frames_at_once_are_the_convolution_and_its_gradients(frames, height, width):
    torch.manual_seed(0)
    x, weight, bias = random(3, 5, frames, height, width), random(4, 5, 3, 3, 3), random(4)
    outputs, above, of_x, of_weight = gradients(x, weight, 1, 1)
    found = two_frames_at_once(x, weight, bias)
    torch.testing.assert_close(found, outputs + bias[:, None, None, None])
    assert found.is_contiguous(memory_format=LAST)
    torch.testing.assert_close(two_frames_at_once(above, weight.flip(2, 3, 4).transpose(0, 1)), of_x)
    torch.testing.assert_close(weight_gradient_of_two_frames(x, above), of_weight)


def test_two_frames_of_one_pixel_are_what_the_equations_say():
    """Beyond clip and picture there are zeros, so that of the kernel only its middle column over space counts."""
    weight = torch.zeros(1, 1, 3, 3, 3, dtype=torch.float64)
    weight[0, 0, :, 1, 1] = torch.tensor([2.0, 3.0, 5.0])
    x = torch.tensor([7.0, 11.0, 13.0, 17.0], dtype=torch.float64).view(1, 1, 4, 1, 1)
    expected = [3 * 7 + 5 * 11, 2 * 7 + 3 * 11 + 5 * 13, 2 * 11 + 3 * 13 + 5 * 17, 2 * 13 + 3 * 17]
    assert two_frames_at_once(x, weight).flatten().tolist() == expected


@pytest.mark.parametrize(
    'kernel, stride',
    [
        ((3, 3, 3), (1, 1, 1)),
        ((3, 3, 3), (2, 2, 2)),
        ((1, 3, 3), (1, 2, 2)),
        ((3, 1, 1), (2, 1, 1)),
        ((1, 1, 1), (2, 2, 2)),
        ((5, 3, 7), (3, 1, 2)),
    ],
)
@pytest.mark.parametrize('size', [(4, 7, 8), (5, 9, 7), (1, 12, 11)])
@pytest.mark.parametrize('rows', [1, 2**16])
def test_products_are_the_gradient_of_the_weights(monkeypatch, kernel, stride, size, rows):
    monkeypatch.setattr(conv3d, 'ROWS', rows)  # 1: a clip at a time
    torch.manual_seed(0)
    padding = tuple(length // 2 for length in kernel)
    x, weight = random(3, 3, *size), random(4, 3, *kernel)
    _, above, _, of_weight = gradients(x, weight, stride, padding)
    found = weight_gradient(x, above, kernel, stride, padding)
    torch.testing.assert_close(found, of_weight)
    assert found.is_contiguous(memory_format=LAST)


@pytest.fixture
def taken(monkeypatch) -> list[str]:
    """Names of the forms, as they are taken; the CPU is said to have AVX2."""
    names: list[str] = []
    for name in ('two_frames_at_once', 'weight_gradient', 'weight_gradient_of_two_frames', '_torchs_gradients'):
        monkeypatch.setattr(
            conv3d, name, lambda *args, name=name, function=getattr(conv3d, name): names.append(name) or function(*args)
        )
    monkeypatch.setattr(torch.backends.cpu, 'get_cpu_capability', lambda: 'AVX2')
    return names


def both_ways(conv: Conv3d, x: torch.Tensor) -> None:
    """Compare output and gradients in fp32 with those of torch's convolution in float64."""
    exact = copy.deepcopy(conv).double()
    found, expected = conv(x), nn.Conv3d.forward(exact, x.double())
    torch.testing.assert_close(found, expected.float(), rtol=1e-5, atol=1e-5)
    above = random(*found.shape)
    for one, other in zip(
        torch.autograd.grad(found, [x, *conv.parameters()], above.float()),
        torch.autograd.grad(expected, [x, *exact.parameters()], above),
    ):
        assert one.shape == other.shape
        assert (one - other).norm() < 1e-5 * other.norm()


@pytest.mark.parametrize('bias', [True, False])
def test_a_net_in_fp32_takes_both_forms_with_the_same_gradients(taken, bias):
    torch.manual_seed(0)
    both_ways(Conv3d(64, 72, 3, padding=1, bias=bias), random(1, 64, 6, 28, 28, dtype=torch.float32).requires_grad_())
    assert taken[:3] == ['two_frames_at_once', 'two_frames_at_once', 'weight_gradient_of_two_frames']
    assert '_torchs_gradients' not in taken


def test_with_avx512_the_weights_of_large_maps_have_torchs_own_gradient(taken, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, 'get_cpu_capability', lambda: 'AVX512')
    torch.manual_seed(0)
    both_ways(Conv3d(64, 64, 3, padding=1), random(1, 64, 6, 28, 28, dtype=torch.float32).requires_grad_())
    assert taken == ['two_frames_at_once', 'two_frames_at_once', '_torchs_gradients']
    taken.clear()
    both_ways(Conv3d(64, 96, 3, 2, padding=1), random(2, 64, 4, 7, 7, dtype=torch.float32).requires_grad_())
    assert taken == ['weight_gradient', '_torchs_gradients']  # few positions; the second is of the input


def test_what_follows_may_write_into_the_output(taken):
    conv, x = Conv3d(64, 64, 3, padding=1), random(1, 64, 6, 28, 28, dtype=torch.float32)
    F.relu(conv(x), inplace=True).sum().backward()
    assert taken and conv.weight.grad.isfinite().all()


def test_no_gradient_is_computed_that_nobody_wants(taken):
    conv, x = Conv3d(64, 64, 3, padding=1), random(1, 64, 6, 28, 28, dtype=torch.float32)
    conv(x).sum().backward()
    assert taken[:2] == ['two_frames_at_once', 'weight_gradient_of_two_frames'] and conv.weight.grad is not None
    taken.clear()
    conv.weight.requires_grad_(False)
    conv(x.requires_grad_()).sum().backward()
    assert taken == ['two_frames_at_once', 'two_frames_at_once'] and x.grad is not None


@pytest.mark.parametrize(
    'options', [{}, dict(groups=2), dict(dilation=2), dict(padding_mode='replicate'), dict(padding='same')]
)
def test_elsewhere_it_is_torchs_own_convolution_bit_by_bit(taken, options):
    conv, x = (
        Conv3d(64, 64, 3, **{'padding': 1, **options}, bias=False),
        random(1, 64, 6, 28, 28, dtype=torch.float32),
    )
    x = x if options else x.contiguous()  # in torch's own layout
    assert torch.equal(conv(x), nn.Conv3d.forward(conv, x)) and not taken


def test_in_bf16_and_in_float64_it_is_torchs_own_convolution(taken):
    conv, x = Conv3d(64, 64, 3, padding=1), random(1, 64, 6, 28, 28, dtype=torch.float32)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(conv(x), nn.Conv3d.forward(conv, x))
    conv.double()(x.double())
    assert not taken


def test_forms_are_taken_where_they_pay(taken, monkeypatch):
    size, three, one = torch.Size, (3, 3, 3), (1, 1, 1)
    assert suits_two_frames(size((1, 64, 16, 56, 56)), size((64, 64, *three)), one, one)
    assert not suits_two_frames(size((1, 64, 15, 56, 56)), size((64, 64, *three)), one, one)  # an odd number of frames
    assert not suits_two_frames(size((8, 512, 2, 7, 7)), size((512, 512, *three)), one, one)
    assert not suits_two_frames(size((1, 64, 16, 56, 56)), size((64, 64, *three)), (2, 2, 2), one)
    maps = {'large': size((8, 64, 16, 56, 56)), 'few positions': size((8, 512, 2, 7, 7))}
    weights = {'large': size((64, 64, *three)), 'few positions': size((512, 512, *three))}
    assert all(suits_products(maps[kind], weights[kind], one) for kind in maps)
    assert not suits_products(maps['large'], weights['large'], (0, 0, 0))
    monkeypatch.setattr(torch.backends.cpu, 'get_cpu_capability', lambda: 'AVX512')
    assert [kind for kind in maps if suits_products(maps[kind], weights[kind], one)] == ['few positions']


@pytest.mark.parametrize('net', [R3D, R2Plus1D, ResNet3D, C3D])
def test_every_wide_convolution_of_the_nets_is_of_this_kind(net):
    with torch.device('meta'):
        convolutions = [module for module in net().modules() if isinstance(module, nn.Conv3d)]
    wide = [conv for conv in convolutions if min(conv.in_channels, conv.out_channels) >= conv3d.CHANNELS]
    assert wide and all(isinstance(conv, Conv3d) for conv in wide)
