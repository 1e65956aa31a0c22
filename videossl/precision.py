"""The names of precisions, and which of them a device computes fast."""

import torch

PRECISIONS = ('auto', 'fp32', 'bf16', 'fp16')


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware (AMX or AVX512-BF16). Other CPUs emulate bf16 slowly."""
    checks = (getattr(torch.cpu, name, None) for name in ('_is_amx_tile_supported', '_is_avx512_bf16_supported'))
    return any(check() for check in checks if check is not None)


def resolve_precision(precision: str, device_type: str) -> str:
    """Replace ``'auto'`` by bf16 where the device has it in hardware, and by fp32 elsewhere."""
    if precision != 'auto':
        return precision
    if device_type == 'cpu':
        return 'bf16' if cpu_has_bf16() else 'fp32'
    if device_type == 'cuda':
        return 'bf16' if torch.cuda.is_bf16_supported(including_emulation=False) else 'fp32'
    return 'fp32'
