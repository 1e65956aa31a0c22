"""Values on an accelerator, which the host reads without waiting for what it has queued there."""

from collections.abc import Sequence

import torch
from torch import Tensor


def reading_waits(value: object) -> bool:
    """Whether the host would wait for an accelerator to read a value."""
    return isinstance(value, Tensor) and value.device.type != 'cpu'


class LateValue:
    """One number on its way from the device to the host. On a CUDA device the copy is queued now, and the host goes on.

    Args:
        value: a tensor of one element.
    """

    def __init__(self, value: Tensor) -> None:
        self.value, self.arrived = value, None
        if value.is_cuda:
            self.value = torch.empty_like(value, device='cpu', pin_memory=True).copy_(value, non_blocking=True)
            self.arrived = torch.cuda.Event()
            self.arrived.record()

    def read(self) -> float:
        """The number; the host waits until the device has come to it, not for what is queued behind it."""
        if self.arrived is not None:
            self.arrived.synchronize()
        return float(self.value)


@torch.no_grad()
def restore_where(flag: Tensor, tensors: Sequence[Tensor], kept: Sequence[Tensor]) -> None:
    """Give tensors the values that were kept of them, if a flag on their device is True. The host need not know it.

    Args:
        flag: bool, of one element.
        tensors: are written in place; bit for bit the same where the flag is False, also with NaN in them.
        kept: of the same shapes.
    """
    for tensor, before in zip(tensors, kept):
        torch.where(flag, before, tensor, out=tensor)
