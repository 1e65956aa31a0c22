"""Comparison of the tensors of a checkpoint with those of a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

SHOWN_NAMES = 3


@dataclass
class KeyReport:
    """What a hand-off or a conversion did, as names of tensors.

    Attributes:
        taken: names in the target that the source has in the same shape.
        dropped: names in the source that the target does not have.
        missing: names in the target that the source does not have.
        mismatched: names in the target whose shape in the source differs, with both shapes.
        notes: further facts, a sentence each.
    """

    taken: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def compare(cls, source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> 'KeyReport':
        """Compare names and shapes; nothing is copied."""
        return cls(
            taken=[name for name, value in target.items() if name in source and source[name].shape == value.shape],
            dropped=[name for name in source if name not in target],
            missing=[name for name in target if name not in source],
            mismatched=[
                differing(name, source[name], value)
                for name, value in target.items()
                if name in source and source[name].shape != value.shape
            ],
        )

    def faults(self) -> list[str]:
        """What keeps two nets from being the same, a phrase each; empty where nothing does."""
        return [
            f'{len(names)} {fault}: {few(names)}'
            for fault, names in (
                ('missing', self.missing),
                ('unexpected', self.dropped),
                ('of another shape', self.mismatched),
            )
            if names
        ]

    def __str__(self) -> str:
        groups = (
            ('taken', self.taken),
            ('dropped', self.dropped),
            ('missing', self.missing),
            ('of another shape', self.mismatched),
        )
        lines = [', '.join(f'{len(names)} {title}' for title, names in groups).replace(' taken', ' tensors taken')]
        for title, names in groups:
            if names:
                lines.append(f'  {title}: ' + ', '.join(names if names is self.mismatched else by_module(names)))
        return '\n'.join(lines + [f'  {note}' for note in self.notes])


def differing(name: str, there: Tensor, here: Tensor) -> str:
    """A name with its shape in the checkpoint and in the model."""
    return f'{name} {tuple(there.shape)} for {tuple(here.shape)}'


def by_module(names: Sequence[str], depth: int = 2) -> list[str]:
    """Shorten a list of parameter names to their modules with counts."""
    counts: dict[str, int] = {}
    for name in names:
        module = '.'.join(name.split('.')[:-1][:depth]) or name
        counts[module] = counts.get(module, 0) + 1
    return [f'{module} ({count})' for module, count in counts.items()]


def few(names: Sequence[str]) -> str:
    """The first names, and how many follow."""
    rest = len(names) - SHOWN_NAMES
    return ', '.join(names[:SHOWN_NAMES]) + (f' and {rest} more' if rest > 0 else '')
