"""Hand-off: a stage starts from the weights of the stage before it, and says what it took."""

import os
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.logging import print_log
from torch import nn

from videossl.errors import UserError


class HandOffError(UserError, RuntimeError):
    """A checkpoint cannot be read, or has nothing that the model can take."""


@dataclass
class HandOffReport:
    """What a hand-off did, as parameter and buffer names.

    Attributes:
        taken: names in the model that were filled from the checkpoint.
        left_random: names in the model that the checkpoint has nothing for.
        dropped: names in the checkpoint that found no place.
        mismatched: names in the model whose shape in the checkpoint differs, with both shapes.
    """

    taken: list[str] = field(default_factory=list)
    left_random: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f'{len(self.taken)} tensors taken, {len(self.dropped)} dropped, {len(self.left_random)} left as '
            f'initialised, {len(self.mismatched)} of another shape'
        ]
        for title, names in (
            ('taken', by_module(self.taken)),
            ('dropped', by_module(self.dropped)),
            ('left as initialised', by_module(self.left_random)),
            ('of another shape', self.mismatched),
        ):
            if names:
                lines.append(f'  {title}: ' + ', '.join(names))
        return '\n'.join(lines)


def by_module(names: Sequence[str], depth: int = 2) -> list[str]:
    """Shorten a list of parameter names to their modules with counts."""
    counts: dict[str, int] = {}
    for name in names:
        module = '.'.join(name.split('.')[:-1][:depth]) or name
        counts[module] = counts.get(module, 0) + 1
    return [f'{module} ({count})' for module, count in counts.items()]


def read_plain(checkpoint: str | os.PathLike, map_location: Any = 'cpu') -> Any:
    """The content of a checkpoint file, read as tensors and plain types only (``weights_only``).

    PyTorch does not compare a file with the checksums in it, so that a damaged one could pass for a good one with other
    numbers. Here they are compared first.

    Args:
        checkpoint: path of a file of PyTorch's format or safetensors'. Of the latter, ``dict(state_dict=..., meta=...)``.
        map_location: where to put the tensors, as for ``torch.load``.

    Raises:
        HandOffError: the file is missing, damaged, or holds anything but plain types.
    """
    checkpoint = os.path.expanduser(checkpoint)
    if not os.path.exists(checkpoint):
        raise HandOffError(f'there is no checkpoint {checkpoint}')
    reason = damage(checkpoint)
    if reason is not None:
        raise HandOffError(f'{checkpoint} could not be read: {reason}. Take another copy of it, or another checkpoint')
    if checkpoint.endswith('.safetensors'):
        from .weight_files import ConversionError, read_safetensors  # these stand on this module

        try:
            return read_safetensors(checkpoint, 'cpu' if map_location is None else str(map_location))
        except ConversionError as error:
            raise HandOffError(f'{checkpoint} could not be read: {error}') from error
    try:
        return torch.load(checkpoint, map_location=map_location, weights_only=True)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        # torch's message goes on to recommend switching the protection off.
        reason = next((line for line in str(error).splitlines() if 'GLOBAL' in line), str(error).partition('\n')[0])
        reason = re.split(r' In PyTorch 2\.6| Re-running| Please use', reason)[0].strip()
        raise HandOffError(
            f'{checkpoint} could not be read as a checkpoint of plain types, and nothing else is read, since '
            'a pickle can run any code. If you trust the file, save its "state_dict" alone to another file '
            "with torch.save. (mmengine's own CheckpointHook writes its log into checkpoints as objects; "
            f'PlainCheckpointHook does not.) The reason: {reason}'
        ) from error


def damage(checkpoint: str | os.PathLike) -> str | None:
    """What is wrong with a checkpoint file as a file: it is empty, cut off, or its checksums do not fit.

    Returns:
        The reason, or None where no damage is found: as in a file of a format without checksums.
    """
    try:
        with open(checkpoint, 'rb') as file:
            head = file.read(4)
            if not head:
                return 'the file is empty'
            if not any(head):
                return 'the file is damaged (it begins with zeros, as what a power cut leaves)'
            if head != b'PK\3\4':  # PyTorch's format since 1.6 is a zip archive
                return None
            with zipfile.ZipFile(file) as archive:
                if not any(entry.CRC for entry in archive.infolist()):  # written without
                    return None
                broken = archive.testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, RuntimeError) as error:
        return f'the file is damaged or cut off ({error})'
    except OSError as error:
        return error.strerror or str(error)
    return None if broken is None else f'the file is damaged (the checksum of {broken} in it does not fit)'


def read_state_dict(checkpoint: str | os.PathLike) -> dict[str, torch.Tensor]:
    """The weights in a checkpoint file, read as plain tensors only; see :func:`read_plain`.

    Raises:
        HandOffError: the file is missing, unreadable, or has no weights in it.
    """
    return state_dict_in(read_plain(checkpoint), checkpoint)


def state_dict_in(content: Any, checkpoint: str | os.PathLike) -> dict[str, torch.Tensor]:
    """The weights in what :func:`read_plain` read from a file.

    Raises:
        HandOffError: there are none.
    """
    weights = content.get('state_dict', content.get('model', content)) if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not any(isinstance(value, torch.Tensor) for value in weights.values()):
        raise HandOffError(f'{checkpoint} has no weights in it')
    return {
        name.removeprefix('module.'): value
        for name, value in weights.items()
        if isinstance(name, str) and isinstance(value, torch.Tensor)
    }


def load_mapped(
    model: nn.Module,
    checkpoint: str,
    mapping: dict[str, str | Sequence[str]],
    weights: dict[str, torch.Tensor] | None = None,
) -> HandOffReport:
    """Fill parts of a model from parts of a checkpoint.

    Args:
        model: the model to fill, in place.
        checkpoint: path of a checkpoint of plain types: videossl's, a published one of mmaction2, a bare state dict, a
            safetensors file.
        mapping: from a prefix of names in the checkpoint to the prefix, or prefixes, of names in the model that it
            feeds; ``{'backbone.': 'backbone.'}`` takes the backbone alone.
        weights: what :func:`read_state_dict` gave, where the file has been read already.

    Raises:
        HandOffError: for some entry of the mapping nothing matched by name and shape.
    """
    source = read_state_dict(checkpoint) if weights is None else weights
    target = model.state_dict()
    report = HandOffReport()
    used: set[str] = set()
    for source_prefix, target_prefixes in mapping.items():
        target_prefixes = [target_prefixes] if isinstance(target_prefixes, str) else list(target_prefixes)
        for target_prefix in target_prefixes:
            # A batch norm of 64 channels fits many nets; what shows that the nets agree is a weight of 2 or more dimensions.
            needed = 2 if any(value.ndim > 1 for name, value in target.items() if name.startswith(target_prefix)) else 1
            count = 0
            for name, value in source.items():
                if not name.startswith(source_prefix):
                    continue
                place = target_prefix + name[len(source_prefix) :]
                if place not in target:
                    continue
                used.add(name)
                if target[place].shape != value.shape:
                    report.mismatched.append(f'{place} {tuple(value.shape)} for {tuple(target[place].shape)}')
                    continue
                with torch.no_grad():
                    target[place].copy_(value)
                report.taken.append(place)
                count += value.ndim >= needed
            if count == 0:
                found = sorted({name.split('.')[0] for name in source})
                raise HandOffError(
                    f'nothing in {checkpoint} matches: no parameter under "{source_prefix}" of the checkpoint has the '
                    f'name and shape of one under "{target_prefix}" of the model. The checkpoint has {found}; is it of '
                    'another backbone, depth or width?'
                    + (f' Differing shapes: {report.mismatched[:3]}' if report.mismatched else '')
                )
    taken = set(report.taken)
    report.left_random = [name for name in target if name not in taken]
    report.dropped = [name for name in source if name not in used]
    print_log(f'hand-off from {checkpoint}: {report}', logger='current')
    return report


def load_backbone(
    backbone: nn.Module, checkpoint: str, prefix: str | None = None, weights: dict[str, torch.Tensor] | None = None
) -> HandOffReport:
    """Fill a bare backbone from a checkpoint.

    Args:
        backbone: the backbone to fill, in place. A :class:`~videossl.models.BranchedBackbone` is filled from one divided
            like it, or from a plain net, whose last stages go to every branch.
        checkpoint: path of the checkpoint.
        prefix: what the backbone's parameters begin with in the checkpoint. None: ``'backbone.'`` where the checkpoint
            has such names, else nothing.
        weights: what :func:`read_state_dict` gave, where the file has been read already.

    Raises:
        HandOffError: no parameter matched.
    """
    names = read_state_dict(checkpoint) if weights is None else weights
    if prefix is None:
        prefix = 'backbone.' if any(name.startswith('backbone.') for name in names) else ''
    elif prefix and not prefix.endswith('.'):
        prefix += '.'
    return load_mapped(backbone, checkpoint, backbone_mapping(backbone, names, '', prefix), names)


def backbone_mapping(
    backbone: nn.Module, names: Iterable[str], prefix: str, source_prefix: str
) -> dict[str, str | Sequence[str]]:
    """What :func:`load_mapped` needs to fill a model's backbone.

    Args:
        backbone: the backbone. One with branches is filled from one divided like it, or from a plain net.
        names: names in the checkpoint.
        prefix: what the backbone's parameters begin with in the model.
        source_prefix: the same for the checkpoint.
    """
    if not hasattr(backbone, 'hand_off_mapping'):  # not a BranchedBackbone
        return {source_prefix: prefix}
    is_branched = any(name.startswith((f'{source_prefix}shared.', f'{source_prefix}branches.')) for name in names)
    return backbone.hand_off_mapping(prefix, source_prefix, from_plain=not is_branched)
