"""The memory bank of anchor embeddings."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videossl.checks import check_integer
from videossl.errors import ConfigError
from videossl.registry import MODELS

# A label in a row that no key has replaced yet.
NOT_WRITTEN = -1


@MODELS.register_module()
class MemoryBank(nn.Module):
    """A ring of L2-normalised embeddings, first in, first out.

    It is saved with the model: rows and pointer are buffers. Rows stay fp32 whatever precision the model runs in, and
    any number of keys can be enqueued at a time, also one that does not divide the size or exceeds it. Several
    processes must enqueue the same keys in the same order; :class:`videossl.engine.MemoryBankHook` gathers them.

    The rows start as random unit vectors. (The released code of auxSKD normalises its noise over the rows instead of
    over the dimensions, so that its rows start with a norm of about 0.09 until the bank has been filled once.)

    A bank may keep more of a key than its embedding, in columns of the same ring. They are buffers, too.

    Args:
        size: number of rows. Paper: 16384; released code: 15360.
        dim: dimension of an embedding.
        embeddings: columns for further embeddings of the clip: the name of each, and its dimension. They begin as random unit
            vectors, too.
        labels: columns for integers of the sample, by the names that its data sample has for them: ``gt_*``, or
            ``sample_idx``, the number of the video in its list. They are -1 in rows that no key has replaced yet.

    Examples:
        >>> bank = MemoryBank(size=3, dim=2, labels=('sample_idx',))
        >>> bank.enqueue(torch.eye(2), sample_idx=torch.tensor([7, 8]))
        >>> bank.column('sample_idx').tolist()
        [7, 8, -1]
        >>> bank.rows[:2].tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    rows: Tensor
    pointer: Tensor

    def __init__(
        self, size: int, dim: int, embeddings: Mapping[str, int] | None = None, labels: Sequence[str] = ()
    ) -> None:
        super().__init__()
        check_integer('MemoryBank: size', size)
        check_integer('MemoryBank: dim', dim)
        self.register_buffer('rows', F.normalize(torch.randn(size, dim), dim=1))
        self.register_buffer('pointer', torch.zeros((), dtype=torch.long))
        if not isinstance(embeddings or {}, Mapping) or isinstance(labels, str):
            raise ConfigError(
                'MemoryBank: embeddings must be a dict of names and dimensions, and labels a list of names, got '
                f'{embeddings!r} and {labels!r}'
            )
        self.embeddings = dict(embeddings or {})
        self.labels = tuple(labels)
        if len(set(self.columns)) < len(self.columns):
            raise ConfigError(f'MemoryBank: embeddings and labels name a column twice: {self.columns}')
        for name, width in self.embeddings.items():
            check_integer(f'MemoryBank: embeddings.{name}', width)
            self.register_buffer(f'column_{name}', F.normalize(torch.randn(size, width), dim=1))
        for name in self.labels:
            self.register_buffer(f'column_{name}', torch.full((size,), NOT_WRITTEN))

    @property
    def columns(self) -> list[str]:
        """Names of the columns beside the rows."""
        return [*self.embeddings, *self.labels]

    def column(self, name: str) -> Tensor:
        """A column beside the rows: fp32 [size, D] of an embedding, int64 [size] of a label."""
        return self.get_buffer(f'column_{name}')

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
        before = dict(self.named_buffers())
        super()._apply(fn, recurse)
        for name, buffer in self.named_buffers():
            if buffer.is_floating_point() and buffer.dtype != torch.float32:
                setattr(self, name, before[name].to(buffer.device))
        return self

    @torch.no_grad()
    def enqueue(self, keys: Tensor, **columns: Tensor) -> None:
        """Write embeddings over the oldest rows.

        Args:
            keys: [N, dim], L2-normalised, any N.
            columns: one for each of :attr:`columns`: [N, D], L2-normalised, or int64 [N].
        """
        if keys.ndim != 2 or keys.shape[1] != self.rows.shape[1]:
            raise ValueError(f'MemoryBank of dim {self.rows.shape[1]} cannot take keys of shape {tuple(keys.shape)}')
        if columns.keys() != set(self.columns):
            raise ValueError(f'MemoryBank with the columns {self.columns} cannot take the columns {list(columns)}')
        for name, values in columns.items():
            expected = (len(keys), *self.column(name).shape[1:])
            if values.shape != expected:
                raise ValueError(
                    f'MemoryBank: the column "{name}" takes {expected}, but gets {tuple(values.shape)}; see '
                    'model.memory_bank.embeddings'
                )
        skipped = max(0, keys.shape[0] - self.size)
        # The pointer stays on the device: reading it here would make the host wait for the device in every step.
        numbers = torch.arange(keys.shape[0] - skipped, device=self.rows.device)
        indices = (self.pointer + skipped + numbers) % self.size
        self.rows.index_copy_(0, indices, keys[skipped:].to(self.rows))
        for name, values in columns.items():
            column = self.column(name)
            column.index_copy_(0, indices, values[skipped:].to(column))
        self.pointer.copy_((self.pointer + keys.shape[0]) % self.size)
