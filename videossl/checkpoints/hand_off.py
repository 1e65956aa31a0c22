"""Hand-off: a stage starts from the weights of the stage before it, and reports what it took."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from videossl.errors import CheckpointError
from videossl.wrappers import unwrap

from .reading import meta_of, read_checkpoint, read_weights, split_weights, without_module
from .report import KeyReport, differing


def load_mapped(
    model: nn.Module, checkpoint: str, mapping: dict[str, str | Sequence[str]], weights: dict[str, Tensor] | None = None
) -> KeyReport:
    """Fill parts of a model from parts of a checkpoint.

    Args:
        model: the model to fill, in place.
        checkpoint: path of a checkpoint of plain types: videossl's, a published one of mmaction2, a bare state dict, a
            safetensors file.
        mapping: from a prefix of names in the checkpoint to the prefix, or prefixes, of names in the model that it
            feeds; ``{'backbone.': 'backbone.'}`` takes the backbone alone.
        weights: what :func:`~videossl.checkpoints.read_weights` gave, where the file has been read already.

    Returns:
        Which names of the model were filled, are missing in the checkpoint or have another shape there, and which names
        of the checkpoint were dropped. It is logged.

    Raises:
        CheckpointError: for some entry of the mapping nothing matched by name and shape.
    """
    source = read_weights(checkpoint) if weights is None else weights
    target = model.state_dict()
    report = KeyReport()
    used: set[str] = set()
    for source_prefix, target_prefixes in mapping.items():
        for target_prefix in [target_prefixes] if isinstance(target_prefixes, str) else target_prefixes:
            # A batch norm of 64 channels fits many nets; what shows that the nets agree is a weight of 2 or more dimensions.
            needed = 2 if any(value.ndim > 1 for name, value in target.items() if name.startswith(target_prefix)) else 1
            count = 0
            for name, value in source.items():
                place = target_prefix + name[len(source_prefix) :]
                if not name.startswith(source_prefix) or place not in target:
                    continue
                used.add(name)
                if target[place].shape != value.shape:
                    report.mismatched.append(differing(place, value, target[place]))
                    continue
                with torch.no_grad():
                    target[place].copy_(value)
                report.taken.append(place)
                count += value.ndim >= needed
            if count == 0:
                raise CheckpointError(
                    f'nothing in {checkpoint} matches: '
                    + _why_nothing(source, source_prefix, target_prefix, report.mismatched)
                )
    found_names = {*report.taken, *(entry.partition(' ')[0] for entry in report.mismatched)}
    report.missing = [name for name in target if name not in found_names]
    report.dropped = [name for name in source if name not in used]
    print_log(f'hand-off from {checkpoint}: {report}', logger='current')
    return report


def _why_nothing(source: Iterable[str], source_prefix: str, target_prefix: str, mismatched: list[str]) -> str:
    """Why an entry of a mapping found nothing to fill."""
    found = sorted({name.split('.')[0] for name in source})
    if not any(name.startswith(source_prefix) for name in source):
        return (
            f'no parameter of the checkpoint has a name that begins with "{source_prefix}". The checkpoint has {found}'
        )
    where = [f'under "{prefix}" of' if prefix else 'of' for prefix in (source_prefix, target_prefix)]
    return (
        f'no parameter {where[0]} the checkpoint has the name and shape of one {where[1]} the model. The checkpoint has '
        f'{found}; is it of another backbone, depth or width?'
        + (f' Differing shapes: {mismatched[:3]}' if mismatched else '')
    )


def fill_backbone(
    backbone: nn.Module, checkpoint: str, prefix: str | None = None, weights: dict[str, Tensor] | None = None
) -> KeyReport:
    """Fill a bare backbone from a checkpoint.

    Args:
        backbone: the backbone to fill, in place. A :class:`~videossl.models.BranchedBackbone` is filled from one divided
            like it, or from a plain net, whose last stages go to every branch.
        checkpoint: path of the checkpoint.
        prefix: what the backbone's parameters begin with in the checkpoint. None: :func:`backbone_prefix`.
        weights: what :func:`~videossl.checkpoints.read_weights` gave, where the file has been read already.

    Raises:
        CheckpointError: no parameter matched.
    """
    if weights is None:
        weights, found = read_backbone(checkpoint)
    else:
        found = backbone_prefix(None, weights)
    if prefix is None:
        prefix = found
    elif prefix and not prefix.endswith('.'):
        prefix += '.'
    return load_mapped(backbone, checkpoint, backbone_mapping(backbone, weights, '', prefix), weights)


def backbone_prefix(content: Any, names: Collection[str]) -> str:
    """What a backbone's names begin with in a checkpoint: what an exported or imported file says; else ``backbone.``, or
    nothing where the backbone is saved bare.

    Args:
        content: of the checkpoint, for its ``meta``.
        names: of its weights.
    """
    meta = meta_of(content)
    for prefix in (meta.get('prefix') if isinstance(meta.get('backbone'), dict) else None, 'backbone.'):
        if isinstance(prefix, str) and any(name.startswith(prefix) for name in names):
            return prefix
    return ''


def read_backbone(checkpoint: str) -> tuple[dict[str, Tensor], str]:
    """The weights in a checkpoint, and what the names of its backbone begin with.

    Raises:
        CheckpointError: the file cannot be read, or has no weights in it.
    """
    content = read_checkpoint(checkpoint)
    weights = without_module(split_weights(content, checkpoint)[0])
    return weights, backbone_prefix(content, weights)


def backbone_mapping(
    backbone: nn.Module, names: Iterable[str], prefix: str, source_prefix: str
) -> dict[str, str | Sequence[str]]:
    """What :func:`load_mapped` needs to fill a model's backbone.

    Args:
        backbone: the backbone. One with branches is filled from one divided like it, or from a plain net; so are layers
            that name their ``copies`` of a plain layer (:class:`~videossl.models.backbones.TemporalGroupNorm`).
        names: names in the checkpoint.
        prefix: what the backbone's parameters begin with in the model.
        source_prefix: the same for the checkpoint.
    """
    branched_mapping: Any = getattr(backbone, 'hand_off_mapping', None)  # of a BranchedBackbone
    if branched_mapping is None:
        found = set(names)
        mapping: dict[str, str | Sequence[str]] = {source_prefix: prefix}
        for name, module in backbone.named_modules():
            if hasattr(module, 'copies') and f'{source_prefix}{name}.weight' in found:
                mapping[f'{source_prefix}{name}.'] = [f'{prefix}{name}.{copy}.' for copy in module.copies]
        return mapping
    is_branched = any(name.startswith((f'{source_prefix}shared.', f'{source_prefix}branches.')) for name in names)
    return branched_mapping(prefix, source_prefix, from_plain=not is_branched)


def check_fills(model: nn.Module, checkpoint: dict, fault: str, remedy: str) -> None:
    """Refuse a checkpoint that does not fill the whole model; mmengine would only log what does not fit.

    Args:
        model: bare or wrapped.
        checkpoint: its content.
        fault: how the message begins.
        remedy: how it ends.

    Raises:
        CheckpointError: the model has parameters or buffers that the checkpoint lacks, or has in another shape.
    """
    weights = without_module(split_weights(checkpoint, 'the checkpoint')[0])
    report = KeyReport.compare(weights, unwrap(model).state_dict())
    faults = [*(f'{name} missing' for name in report.missing), *report.mismatched]
    if faults:
        raise CheckpointError(
            f'{fault}: {len(faults)} of its tensors are missing or of another shape, e.g. {"; ".join(faults[:3])}. '
            f'{remedy}'
        )
