"""The memory bank of anchor embeddings."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videossl.checks import check_integer
from videossl.registry import MODELS


@MODELS.register_module()
class MemoryBank(nn.Module):
    """A ring of L2-normalised embeddings, first in, first out.

    It is saved with the model: rows and pointer are buffers. Rows stay fp32 whatever precision the model runs in, and
    any number of keys can be enqueued at a time, also one that does not divide the size or exceeds it. Several
    processes must enqueue the same keys in the same order; :class:`videossl.engine.MemoryBankHook` gathers them.

    The rows start as random unit vectors. (The released code of auxSKD normalises its noise over the rows instead of
    over the dimensions, so that its rows start with a norm of about 0.09 until the bank has been filled once.)

    Args:
        size: number of rows. Paper: 16384; released code: 15360.
        dim: dimension of an embedding.
    """

    rows: Tensor
    pointer: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        check_integer('MemoryBank: size', size)
        check_integer('MemoryBank: dim', dim)
        self.register_buffer('rows', F.normalize(torch.randn(size, dim), dim=1))
        self.register_buffer('pointer', torch.zeros((), dtype=torch.long))

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.rows.shape[0]

    def ages(self) -> Tensor:
        """How many keys ago each row was written, int64 [size]: 1 for the newest, ``size`` for the oldest.

        It follows from the pointer alone. Random rows that no key has replaced yet count as keys of a full bank, with the ages
        of their places.
        """
        return (self.pointer - 1 - torch.arange(self.size, device=self.rows.device)) % self.size + 1

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> 'MemoryBank':
        # `model.half()` or `model.bfloat16()` must not touch the rows: a similarity of 0.05 at a temperature of 0.02
        # needs more than eight bits.
        rows = self.rows
        super()._apply(fn, recurse)
        if self.rows.dtype != torch.float32:
            self.rows = rows.to(self.rows.device)
        return self

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """Write embeddings over the oldest rows.

        Args:
            keys: [N, dim], L2-normalised, any N.
        """
        if keys.ndim != 2 or keys.shape[1] != self.rows.shape[1]:
            raise ValueError(f'MemoryBank of dim {self.rows.shape[1]} cannot take keys of shape {tuple(keys.shape)}')
        skipped = max(0, keys.shape[0] - self.size)
        kept = keys[skipped:].to(self.rows)
        # The pointer stays on the device: reading it here would make the host wait for the device in every step.
        indices = (self.pointer + skipped + torch.arange(kept.shape[0], device=self.rows.device)) % self.size
        self.rows.index_copy_(0, indices, kept)
        self.pointer.copy_((self.pointer + keys.shape[0]) % self.size)
