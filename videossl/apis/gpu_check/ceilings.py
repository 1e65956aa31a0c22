"""Upper bounds of a device: a plain matrix product in each precision, a plain copy."""

import contextlib
from collections.abc import Iterator

import torch

from .timing import milliseconds

DTYPES = dict(fp32=torch.float32, tf32=torch.float32, bf16=torch.bfloat16)


@contextlib.contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Let fp32 matrix products and convolutions round their operands to TF32 on a GPU, or forbid it. torch by itself
    allows it for convolutions alone."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def ceilings(device: str, seconds: float = 1.0, quick: bool = False) -> dict[str, float]:
    """Measure the ceilings on random numbers.

    Returns:
        GMAC/s of a square matrix product as ``fp32``, ``tf32`` (on a GPU) and ``bf16``; GB/s within the device's
        memory as ``copy``, bytes read and written together; on a GPU GB/s of uint8 from the host as ``pinned`` and ``pageable``.
    """
    size = (256 if quick else 1024) if device == 'cpu' else (2048 if quick else 8192)
    found = {}
    for name, dtype in DTYPES.items():
        if name == 'tf32' and device == 'cpu':
            continue
        left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
        out = torch.empty_like(left)
        with tf32(name == 'tf32'):
            time = milliseconds(lambda: torch.mm(left, right, out=out), device, seconds)['median']
        found[name] = size**3 / time / 1e6
    count = 2 ** (22 if quick or device == 'cpu' else 30)
    source = torch.randint(0, 256, (count,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    found['copy'] = 2 * count / milliseconds(lambda: target.copy_(source), device, seconds)['median'] / 1e6
    if device == 'cuda':
        count = min(count, 2**28)
        for name in ('pinned', 'pageable'):
            host = torch.randint(0, 256, (count,), dtype=torch.uint8)
            host = host.pin_memory() if name == 'pinned' else host
            time = milliseconds(lambda: target[:count].copy_(host, non_blocking=True), device, seconds)['median']
            found[name] = count / time / 1e6
    return found
