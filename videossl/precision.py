"""The names of precisions, which of them a device computes fast, and where bf16 would be wrong."""

import types
from typing import Any

import torch
from torch import Tensor, nn

PRECISIONS = ('auto', 'fp32', 'bf16', 'fp16')


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware (AMX or AVX512-BF16). Other CPUs emulate bf16 slowly."""
    return _cpu_has('amx_tile') or _cpu_has('avx512_bf16')


def _cpu_has(unit: str) -> bool:
    return getattr(torch.cpu, f'_is_{unit}_supported', lambda: False)()


def resolve_precision(precision: str, device_type: str) -> str:
    """Replace ``'auto'`` by bf16 where the device has it in hardware, and by fp32 elsewhere."""
    if precision != 'auto':
        return precision
    if device_type == 'cpu':
        return 'bf16' if cpu_has_bf16() else 'fp32'
    if device_type == 'cuda':
        return 'bf16' if torch.cuda.is_bf16_supported(including_emulation=False) else 'fp32'
    return 'fp32'


def has_wrong_bf16_gradients() -> bool:
    """Whether this CPU has AVX-512 and no AMX, as AMD's Zen 4 and 5 have.

    There oneDNN 3.12 (in torch 2.13) computes wrong gradients of a convolution's weights in bf16 where the input is shorter
    than the kernel: it adds what it finds in memory that nothing has written, NaN at times, and with other shapes it also
    writes where it must not. The last stage of R3D-10 on 16 frames, two frames long, is such a case.
    """
    return torch.backends.cpu.get_cpu_capability() == 'AVX512' and not _cpu_has('amx_tile')


def compute_short_convolutions_in_fp32(model: nn.Module) -> None:
    """Let the convolutions of a model leave bf16 where their input is too short for it, as :func:`has_wrong_bf16_gradients` says.

    Not needed once ``test_bf16_gradients_of_short_inputs_are_wrong_in_torch`` fails on such a CPU. Transposed convolutions are
    left as they are; of those that :mod:`videossl` has, none has the fault.
    """
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d)) and 'forward' not in vars(module):
            # A bound method, which a copy of the module binds to itself.
            module.forward = types.MethodType(_forward, module)  # type: ignore[method-assign]


def _forward(self: nn.Module, x: Tensor) -> Tensor:
    """The convolution under autocast to bf16, in fp32 where its input is short; the result is in bf16 either way."""
    forward = type(self).forward
    in_bf16 = torch.is_autocast_enabled('cpu') and torch.get_autocast_dtype('cpu') == torch.bfloat16
    if not in_bf16 or x.dtype == torch.float64 or not torch.is_grad_enabled() or not is_short(self, x):
        return forward(self, x)
    with torch.autocast('cpu', enabled=False):
        return forward(self, x.float()).to(torch.bfloat16)


def is_short(convolution: Any, x: Tensor) -> bool:
    """Whether along some axis an input is shorter than the kernel and the step to its next place. Where it is not, no gradient
    was found to be wrong; the limit is a pixel or two higher than needed."""
    axes = zip(
        x.shape[-len(convolution.kernel_size) :], convolution.kernel_size, convolution.stride, convolution.dilation
    )
    return any(kernel > 1 and size < dilation * (kernel - 1) + stride for size, kernel, stride, dilation in axes)
