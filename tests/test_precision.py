"""Which precision a device gets, and where bf16 is left."""

import copy
import math
from multiprocessing import get_context

import pytest
import torch
from torch import Tensor, nn

import videossl.precision as precision_module
from videossl.engine.hooks.precision_hook import use_precision
from videossl.models.backbones.stem_conv import StemConv3d
from videossl.precision import compute_short_convolutions_in_fp32, has_wrong_bf16_gradients, is_short, resolve_precision


def machine(monkeypatch, cpu: bool = False, cuda: bool = False) -> None:
    """Pretend that CPU and GPU have bf16, or have not."""
    monkeypatch.setattr(precision_module, 'cpu_has_bf16', lambda: cpu)
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda including_emulation=True: cuda or including_emulation)


@pytest.mark.parametrize('has_bf16', [True, False])
@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_auto_is_bf16_where_the_hardware_has_it_and_fp32_elsewhere(monkeypatch, device, has_bf16):
    machine(monkeypatch, **{device: has_bf16})
    assert resolve_precision('auto', device) == ('bf16' if has_bf16 else 'fp32')


@pytest.mark.parametrize('device', ['mps', 'npu', 'xpu'])
def test_auto_is_fp32_on_other_devices(monkeypatch, device):
    machine(monkeypatch, cpu=True, cuda=True)
    assert resolve_precision('auto', device) == 'fp32'


@pytest.mark.parametrize('precision', ['fp32', 'bf16', 'fp16'])
@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_a_precision_that_was_asked_for_is_taken(monkeypatch, precision, device):
    machine(monkeypatch, cpu=precision == 'fp32', cuda=precision == 'fp32')
    assert resolve_precision(precision, device) == precision


# ----------------------------------------------------------------------------------------------------- short convolutions
SHORT = (((3, 3, 3), (2, 4, 4)), ((3, 1, 1), (2, 3, 3)), ((5, 3, 3), (4, 4, 4)), ((1, 7, 7), (2, 2, 2)))


def half(kernel):
    return tuple(length // 2 for length in kernel)


def error_of_weight_gradient(convolution: nn.Module, clips: Tensor) -> float:
    """Largest deviation of the gradient of the weights in bf16 from that in float64, as a share of the largest; infinite where
    there is NaN. Freed memory is filled with NaN before."""
    random = torch.Generator().manual_seed(1)
    exact = copy.deepcopy(convolution).double()
    outputs = exact(clips.double())
    gradient = torch.randn(outputs.shape, generator=random)
    (expected,) = torch.autograd.grad(outputs, exact.weight, gradient.double())
    worst = 0.0
    for _ in range(3):
        filled = [torch.full((size,), torch.nan) for size in (1000, 3000, 10_000, 30_000, 100_000, 300_000)]
        del filled
        with torch.autocast('cpu', torch.bfloat16):
            outputs = convolution(clips)
        assert outputs.dtype == torch.bfloat16
        (found,) = torch.autograd.grad(outputs, convolution.weight, gradient.bfloat16())
        error = ((found.double() - expected).abs().max() / expected.abs().max()).item()
        worst = max(worst, error if math.isfinite(error) else math.inf)
    return worst


def convolution_and_clips(kernel, size):
    torch.manual_seed(0)
    return nn.Conv3d(32, 32, kernel, padding=half(kernel)), torch.randn(2, 32, *size)


@pytest.mark.parametrize(('kernel', 'size'), SHORT)
def test_bf16_gradients_of_short_inputs_are_right(kernel, size):
    convolution, clips = convolution_and_clips(kernel, size)
    use_precision(nn.Sequential(convolution), 'bf16', 'cpu', channels_last=True)
    assert error_of_weight_gradient(convolution, clips) < 0.02


def test_bf16_gradients_of_a_stem_are_right_on_few_frames():
    torch.manual_seed(0)
    stem = StemConv3d(3, 16, (3, 7, 7), (1, 2, 2), (1, 3, 3))
    use_precision(nn.Sequential(stem), 'bf16', 'cpu', channels_last=True)
    assert error_of_weight_gradient(stem, torch.randn(2, 3, 2, 32, 32)) < 0.02


def end_well_if_wrong(kernel, size) -> None:
    error = error_of_weight_gradient(*convolution_and_clips(kernel, size))
    assert error > 0.02, error


@pytest.mark.skipif(not has_wrong_bf16_gradients(), reason='this CPU is none of those that have the fault')
@pytest.mark.parametrize(('kernel', 'size'), SHORT)
def test_bf16_gradients_of_short_inputs_are_wrong_in_torch(kernel, size):
    # In a process of its own: such a convolution may write where it must not.
    child = get_context('fork').Process(target=end_well_if_wrong, args=(kernel, size))
    child.start()
    child.join()
    assert child.exitcode != 1, 'they are right: short convolutions need not leave bf16 any more'


@pytest.mark.parametrize(
    ('amx', 'capability', 'wrong'), [(False, 'AVX512', True), (True, 'AVX512', False), (False, 'AVX2', False)]
)
@pytest.mark.parametrize(('precision', 'device'), [('bf16', 'cpu'), ('fp32', 'cpu'), ('bf16', 'cuda')])
def test_convolutions_are_changed_where_bf16_is_wrong_and_used(monkeypatch, amx, capability, wrong, precision, device):
    monkeypatch.setattr(torch.cpu, '_is_amx_tile_supported', lambda: amx, raising=False)
    monkeypatch.setattr(torch.backends.cpu, 'get_cpu_capability', lambda: capability)
    assert has_wrong_bf16_gradients() is wrong
    model = nn.Sequential(nn.Conv3d(1, 1, 3), nn.Conv2d(1, 1, 3), nn.Linear(1, 1))
    use_precision(model, precision, device, channels_last=False)
    changed = ['forward' in vars(module) for module in model]
    assert changed == [wrong and (precision, device) == ('bf16', 'cpu')] * 2 + [False]


@pytest.mark.parametrize(
    ('kernel', 'stride', 'dilation', 'size', 'short'),
    [
        (3, 1, 1, (3, 3, 3), False),
        (3, 1, 1, (2, 3, 3), True),
        (3, 1, 1, (3, 2, 3), True),
        (3, (2, 1, 1), 1, (3, 3, 3), True),
        (3, (2, 1, 1), 1, (4, 3, 3), False),
        (3, 1, (2, 1, 1), (4, 3, 3), True),
        (3, 1, (2, 1, 1), (5, 3, 3), False),
        ((1, 3, 3), (2, 1, 1), 1, (1, 3, 3), False),
        (1, 1, 1, (1, 1, 1), False),
    ],
)
def test_an_input_is_short_where_kernel_and_step_do_not_fit_into_it(kernel, stride, dilation, size, short):
    convolution = nn.Conv3d(4, 4, kernel, stride, dilation=dilation)
    assert is_short(convolution, torch.empty(1, 4, *size)) is short
    assert is_short(convolution, torch.empty(4, *size)) is short, 'one clip without a batch'


def test_nothing_but_short_convolutions_under_autocast_with_gradients_leaves_bf16(monkeypatch):
    seen = []

    class Watched(nn.Conv3d):
        def forward(self, x):
            seen.append((x.dtype, torch.is_autocast_enabled('cpu')))
            return super().forward(x)

    convolution = Watched(2, 2, 3, padding=1)
    compute_short_convolutions_in_fp32(convolution)
    short, long = torch.rand(1, 2, 2, 4, 4), torch.rand(1, 2, 3, 4, 4)
    with torch.autocast('cpu', torch.bfloat16):
        assert convolution(short).dtype == convolution(short.bfloat16()).dtype == torch.bfloat16
        assert seen == [(torch.float32, False)] * 2
        del seen[:]
        assert convolution(long).dtype == torch.bfloat16
        with torch.no_grad():
            assert convolution(short).dtype == torch.bfloat16
        assert seen == [(torch.float32, True)] * 2
    del seen[:]
    assert convolution(short).dtype == torch.float32
    assert convolution.double()(short.double()).dtype == torch.float64
    assert seen == [(torch.float32, False), (torch.float64, False)]


def test_a_copy_of_a_changed_convolution_has_its_own_weights():
    convolution = nn.Conv3d(1, 1, 1, bias=False)
    compute_short_convolutions_in_fp32(convolution)
    other = copy.deepcopy(convolution)
    nn.init.constant_(convolution.weight, 2.0)
    nn.init.constant_(other.weight, 3.0)
    clips = torch.ones(1, 1, 1, 1, 1)
    assert (convolution(clips).item(), other(clips).item()) == (2.0, 3.0)
