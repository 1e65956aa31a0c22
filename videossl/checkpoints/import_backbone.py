"""From the authors' checkpoints to ours."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from videossl.errors import CheckpointError
from videossl.registry import MODELS

from .families import FAMILIES, evident_family
from .layouts import LAYOUTS, Layout, stem_width
from .reading import read_checkpoint, split_weights
from .report import KeyReport, differing, few
from .writing import versions, weights_sha256

ENCODERS = dict(query='encoder_q', key='encoder_k')
COUNTER = 'num_batches_tracked'
SLOWFAST = ('s1.pathway0_stem.', 'patch_embed.proj.', 's1.pathway1_stem.')  # of its ResNets, X3D, MViT
HEADS = dict(fc1='appearance', fc2='motion')  # of RSPNet; ours: configs/_base_/models/rspnet.py

# Vision transformers by heads, width of a head, and blocks; the names do not tell the sizes of patches.
VIT_DEFAULTS = dict(num_heads=3, base_channels=64, depth=12)
VIT_NAMES = {
    (3, 64, 12): 'vit-ti',
    (6, 64, 12): 'vit-s',
    (12, 64, 12): 'vit-b',
    (16, 64, 24): 'vit-l',
    (16, 80, 32): 'vit-h',
}


@dataclass
class ImportedWeights:
    """What was read from somebody else's file.

    Attributes:
        tensors: ``backbone.NAME`` and, with ``heads``, ``necks.NAME``: names as in our pretrainers.
        meta: the backbone's config, family, pixels, licence, versions; plain types.
        report: which names were taken, dropped and missing.
    """

    tensors: dict[str, Tensor]
    meta: dict
    report: KeyReport


def import_backbone(
    source: str | Path,
    family: str = 'auto',
    backbone: str = 'auto',
    encoder: str = 'query',
    prefix: str | None = None,
    heads: bool = False,
) -> ImportedWeights:
    """Read a backbone from a file of the authors' own format.

    Every tensor of our backbone must be in the file in the same shape, so that the features are those of their net.

    Args:
        source: path of the file; see :func:`~videossl.checkpoints.read_checkpoint`.
        family: whose file it is, one of ``FAMILIES``, or ``'auto'``: recognised by the names in it.
        backbone: the expected net, such as ``'r3d-10'``, ``'c3d'``, ``'s3dg'``; ``'auto'``: any.
        encoder: where the file has two, ``'query'`` (``encoder_q``, which gradients trained) or ``'key'``
            (``encoder_k``, its average).
        prefix: what the backbone's names begin with; None: it is searched for.
        heads: also take RSPNet's ``fc1`` and ``fc2``, as the necks ``appearance`` and ``motion``.

    Raises:
        CheckpointError: the file is unreadable, ambiguous, of another architecture or incomplete.
    """
    if family != 'auto' and family not in FAMILIES:
        raise CheckpointError(f'there is no family {family}; there are auto, {", ".join(FAMILIES)}')
    if encoder not in ENCODERS:
        raise CheckpointError(f'encoder must be one of {", ".join(ENCODERS)}, got {encoder!r}')
    weights, _ = split_weights(read_checkpoint(source), source)
    layout, prefix = _find_net(weights, encoder, prefix, source)
    family = _find_family(family, layout, prefix, weights, source)

    config = backbone_config(layout, prefix, weights, source)
    if backbone not in ('auto', backbone_name(config)):
        raise CheckpointError(f'{source} holds {backbone_name(config)}, not {backbone}')
    net = MODELS.build(config)
    report = KeyReport()
    tensors, used = _take(net, layout, prefix, weights, report, source)
    tensors = {f'backbone.{name}': value for name, value in tensors.items()}
    meta = dict(
        backbone=config,
        family=family,
        source=Path(source).name,
        data_preprocessor=dict(FAMILIES[family].data_preprocessor),
        licence=FAMILIES[family].licence,
        versions=versions(),
    )
    if any(name in prefix for name in ENCODERS.values()):
        meta['encoder'] = encoder
    if heads:
        necks, meta['necks'], used_by_heads = _take_heads(family, prefix, weights, source)
        tensors.update(necks)
        used |= used_by_heads
    meta['weights_sha256'] = weights_sha256(tensors)
    report.taken = list(tensors)
    report.dropped = [name for name in weights if name not in used]
    report.notes += [f'{backbone_name(config)} of {family}: names begin with "{prefix}"', f'licence: {meta["licence"]}']
    return ImportedWeights(tensors, meta, report)


def backbone_name(config: dict) -> str:
    """A backbone's name with its depth, as in the names of configs.

    Example:
        >>> backbone_name(dict(type='videossl.R3D', depth=18))
        'r3d-18'
        >>> backbone_name(dict(type='videossl.ViT', depth=12, num_heads=6))
        'vit-s'
    """
    name = config['type'].split('.')[-1]
    if name == 'ViT':
        net = tuple(config.get(key, default) for key, default in VIT_DEFAULTS.items())
        return VIT_NAMES.get(net) or 'vit-{}x{}-{}'.format(*net)
    name = name.lower().replace('torchvision', 'torchvision-')
    return f'{name}-{config["depth"]}' if 'depth' in config else name


def backbone_config(layout: Layout, prefix: str, weights: dict[str, Tensor], source: str | Path) -> dict:
    """The config that builds the net in a file: its depth from the number of blocks, its width from the stem."""
    config = dict(type=f'videossl.{layout.backbone}', **layout.settings)
    if layout.depths:
        blocks = 0
        while prefix + layout.rename(f'stage1.{blocks}.bn1.weight') in weights:
            blocks += 1
        if blocks not in layout.depths:
            raise CheckpointError(
                f'{source}: {blocks} blocks in the first stage; {layout.backbone} has '
                f'{", ".join(map(str, layout.depths))}'
            )
        config['depth'] = layout.depths[blocks]
    if layout.read_settings is None:
        return {**config, **stem_width(weights[prefix + layout.signature[0]])}
    return {**config, **layout.read_settings(prefix, weights)}


def _find_net(weights: dict[str, Tensor], encoder: str, prefix: str | None, source: str | Path) -> tuple[Layout, str]:
    """The net's layout and what its names begin with."""
    found = [(layout, place) for layout in LAYOUTS.values() for place in layout.find_prefixes(weights)]
    if prefix is not None:
        if prefix and not prefix.endswith('.'):
            prefix += '.'
        chosen = [(layout, place) for layout, place in found if place == prefix]
    else:
        other = ENCODERS['query' if encoder == 'key' else 'key']
        chosen = [(layout, place) for layout, place in found if other not in place]
        if encoder == 'key':
            chosen = [(layout, place) for layout, place in chosen if ENCODERS['key'] in place]
    if len(chosen) == 1:
        return chosen[0]
    there = ', '.join(f'{layout.name} under "{place}"' for layout, place in found)
    if chosen:
        raise CheckpointError(f'{source} holds several nets: {there}. Say which with --prefix')
    if found:
        raise CheckpointError(
            f'{source} holds {there}, but none '
            + (f'under "{prefix}"' if prefix is not None else f'that is a {encoder} encoder')
            + '; see --encoder and --prefix'
        )
    if any(name.startswith(SLOWFAST) for name in weights):
        raise CheckpointError(
            f'{source} is a file of SlowFast (PySlowFast), whose nets are not among ours: their layers differ, so no '
            'weights can be carried over. Use the net itself, for instance through mmaction2, which has SlowFast, Slow, C2D, '
            'X3D and MViT'
        )
    raise CheckpointError(
        f'{source} holds no net of a known layout ({", ".join(LAYOUTS)}); its names begin with '
        f'{", ".join(sorted({name.split(".")[0] for name in weights})[:8])}'
    )


def _find_family(family: str, layout: Layout, prefix: str, weights: dict[str, Tensor], source: str | Path) -> str:
    evidence = evident_family(layout.name, prefix, weights)
    possible = [name for name, entry in FAMILIES.items() if layout.name in entry.layouts]
    if family != 'auto':
        if family not in possible:
            raise CheckpointError(
                f'{source} holds {layout.name}, which no file of {family} has; it may be one of {", ".join(possible)}'
            )
        # torchvision's net is many people's: what its names begin with is a hint, which the user overrules.
        if evidence is not None and evidence[0] != family and not layout.name.startswith('torchvision'):
            raise CheckpointError(f'{source} is a file of {evidence[0]}, not of {family}: {evidence[1]} show it')
        return family
    if evidence is not None:
        return evidence[0]
    if layout.decisive:
        # VSPP's folder has VideoPace's S3D-G too, but trains and publishes R(2+1)D.
        return 'video-pace' if layout.name == 'pace-s3dg' else possible[0]
    raise CheckpointError(
        f'{source} holds {layout.name} without anything to tell whose it is: {", ".join(possible)} '
        'have files like it, and they differ in the pixels they expect. Say which with --family'
    )


def _take(
    net: nn.Module, layout: Layout, prefix: str, weights: dict[str, Tensor], report: KeyReport, source: str | Path
) -> tuple[dict[str, Tensor], set[str]]:
    """Our backbone's tensors, and the names in the file that they were read from."""
    tensors, used, missing, misshaped = {}, set(), [], []
    for name, value in net.state_dict().items():
        theirs = prefix + layout.rename(name)
        if theirs in weights:
            used.add(theirs)
            tensors[name] = weights[theirs]
            if weights[theirs].shape != value.shape:
                misshaped.append(differing(theirs, weights[theirs], value))
            elif name.endswith('running_var') and layout.bn_eps is not None:
                own = next(module.eps for module in net.modules() if isinstance(module, nn.BatchNorm3d))
                tensors[name] = weights[theirs] + (layout.bn_eps - own)
        elif name.endswith(COUNTER):  # older than PyTorch 0.4.1
            tensors[name] = torch.zeros_like(value)
            report.missing.append(name)
        else:
            missing.append(theirs)
    for fault, names in (('missing', missing), ('of another shape', misshaped)):
        if names:
            raise CheckpointError(
                f'{source} is not {layout.name} as {layout.backbone} has it; {len(names)} {fault}: {few(names)}'
            )
    # A net of more blocks than ours would pass for ours, its last blocks dropped.
    inside = {name[len(prefix) :].split('.')[0] for name in used if name[len(prefix) :].count('.') >= 2}
    beyond = [
        name
        for name in weights
        if name.startswith(prefix) and name[len(prefix) :].split('.')[0] in inside and name not in used
    ]
    if beyond:
        raise CheckpointError(
            f'{source} has layers inside the backbone that {layout.backbone} does not have: {few(beyond)}'
        )
    if report.missing:
        report.notes.append('the counters of batches, which this file does not have, are 0')
    if layout.bn_eps is not None:
        report.notes.append(
            f'its batch norms add {layout.bn_eps:g} to the variance where ours add 1e-05; the difference was added to the '
            'running variances, so that features are the same in evaluation. In training ours differ by it'
        )
    return tensors, used


def _take_heads(
    family: str, prefix: str, weights: dict[str, Tensor], source: str | Path
) -> tuple[dict[str, Tensor], dict, set[str]]:
    """RSPNet's two projections as our necks: tensors, configs, and the names that they were read from."""
    if family != 'rspnet' or not prefix.endswith('encoder.'):
        raise CheckpointError(f'{source}: heads can be taken from a file of RSPNet that has encoder, fc1 and fc2 only')
    tensors, configs, used = {}, {}, set()
    for head, neck in HEADS.items():
        place = f'{prefix.removesuffix("encoder.")}{head}.'
        # Pooling and flattening are 0 and 1; "linear" is 2, "mlp" is 2 and 4, with a ReLU between.
        layers = [number for number in (2, 4) if f'{place}{number}.weight' in weights]
        other = [
            name
            for name in weights
            if name.startswith(place)
            and name not in {f'{place}{number}.{part}' for number in layers for part in ('weight', 'bias')}
        ]
        if not layers or other:
            raise CheckpointError(
                f'{source}: {place[:-1]} is neither RSPNet\'s "linear" head nor its "mlp" head, which are '
                f'all that ProjectionNeck can be; it has {", ".join(other[:3]) or "no weights"}'
            )
        for number in layers:
            for part in ('weight', 'bias'):
                name = f'{place}{number}.{part}'
                tensors[f'necks.{neck}.layers.{number - 2}.{part}'] = weights[name]
                used.add(name)
        configs[neck] = dict(
            type='videossl.ProjectionNeck',
            in_channels=weights[f'{place}{layers[0]}.weight'].shape[1],
            out_channels=weights[f'{place}{layers[-1]}.weight'].shape[0],
            num_layers=len(layers),
        )
    return tensors, configs, used
