"""From the authors' checkpoints to ours."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from videossl.models.backbones import C3D, R3D, S3DG, R2Plus1D, ResNet3D

from .families import FAMILIES, evident_family
from .layouts import LAYOUTS, Layout
from .weight_files import ConversionError, KeyReport, read_checkpoint, versions, weights_sha256

BACKBONES = dict(R3D=R3D, R2Plus1D=R2Plus1D, C3D=C3D, ResNet3D=ResNet3D, S3DG=S3DG)
ENCODERS = dict(query='encoder_q', key='encoder_k')
COUNTER = 'num_batches_tracked'
HEADS = dict(fc1='appearance', fc2='motion')  # of RSPNet; ours: configs/_base_/models/rspnet.py


@dataclass
class ImportedWeights:
    """What came out of somebody else's file.

    Attributes:
        tensors: ``backbone.NAME`` and, where heads were asked for, ``necks.NAME``: names as in our pretrainers.
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

    Every tensor of our backbone has to be there in its shape, so that the features are those of their net.

    Args:
        source: path of the file; see :func:`~videossl.checkpoints.weight_files.read_checkpoint`.
        family: whose file it is, one of ``FAMILIES``, or ``'auto'``: told by the names in it.
        backbone: the net that is expected, such as ``'r3d-10'``, ``'c3d'``, ``'s3dg'``; ``'auto'``: whatever is there.
        encoder: where the file has two, ``'query'`` (``encoder_q``, which gradients trained) or ``'key'``
            (``encoder_k``, its average).
        prefix: what the backbone's names begin with; None: found, whatever wrapped the net.
        heads: also take RSPNet's ``fc1`` and ``fc2``, as the necks ``appearance`` and ``motion``.

    Raises:
        ConversionError: the file is unreadable, ambiguous, of another architecture or incomplete.
    """
    if family != 'auto' and family not in FAMILIES:
        raise ConversionError(f'there is no family {family}; there are auto, {", ".join(FAMILIES)}')
    if encoder not in ENCODERS:
        raise ConversionError(f'encoder must be one of {", ".join(ENCODERS)}, got {encoder!r}')
    weights, _ = read_checkpoint(source)
    layout, prefix = _find_net(weights, encoder, prefix, source)
    family = _find_family(family, layout, prefix, weights, source)
    if layout.refusal is not None:
        raise ConversionError(f'{source}: {layout.refusal}')

    config = backbone_config(layout, prefix, weights, source)
    if backbone not in ('auto', backbone_name(config)):
        raise ConversionError(f'{source} holds {backbone_name(config)}, not {backbone}')
    net = BACKBONES[layout.backbone](**{key: value for key, value in config.items() if key != 'type'})
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
    """
    name = config['type'].split('.')[-1].lower()
    return f'{name}-{config["depth"]}' if 'depth' in config else name


def backbone_config(layout: Layout, prefix: str, weights: dict[str, Tensor], source: str | Path) -> dict:
    """What builds the net in a file: its depth told by its blocks, its width by its stem."""
    config = dict(type=f'videossl.{layout.backbone}', **layout.settings)
    if layout.depths:
        blocks = 0
        while prefix + layout.rename(f'stage1.{blocks}.bn1.weight') in weights:
            blocks += 1
        if blocks not in layout.depths:
            raise ConversionError(
                f'{source}: {blocks} blocks in the first stage; {layout.backbone} has '
                f'{", ".join(map(str, layout.depths))}'
            )
        config['depth'] = layout.depths[blocks]
    width = weights[prefix + layout.signature[0]].shape[0]
    if width != 64:
        config['base_channels'] = width
    return config


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
        raise ConversionError(f'{source} holds several nets: {there}. Say which with --prefix')
    if found:
        raise ConversionError(
            f'{source} holds {there}, but none '
            + (f'under "{prefix}"' if prefix is not None else f'that is a {encoder} encoder')
            + '; see --encoder and --prefix'
        )
    raise ConversionError(
        f'{source} holds no net of a known layout ({", ".join(LAYOUTS)}); its names begin with '
        f'{", ".join(sorted({name.split(".")[0] for name in weights})[:8])}'
    )


def _find_family(family: str, layout: Layout, prefix: str, weights: dict[str, Tensor], source: str | Path) -> str:
    evidence = evident_family(layout.name, prefix, weights)
    possible = [name for name, entry in FAMILIES.items() if layout.name in entry.layouts]
    if family != 'auto':
        if family not in possible:
            raise ConversionError(
                f'{source} holds {layout.name}, which no file of {family} has; it may be one of {", ".join(possible)}'
            )
        if evidence is not None and evidence[0] != family:
            raise ConversionError(f'{source} is a file of {evidence[0]}, not of {family}: {evidence[1]} show it')
        return family
    if evidence is not None:
        return evidence[0]
    if layout.decisive:
        # VSPP's folder has VideoPace's S3D-G too, but trains and publishes R(2+1)D.
        return 'video-pace' if layout.name == 'pace-s3dg' else possible[0]
    raise ConversionError(
        f'{source} holds {layout.name} without anything to tell whose it is: {", ".join(possible)} '
        'have files like it, and they differ in the pixels they expect. Say which with --family'
    )


def _take(
    net: nn.Module, layout: Layout, prefix: str, weights: dict[str, Tensor], report: KeyReport, source: str | Path
) -> tuple[dict[str, Tensor], set[str]]:
    """Our backbone's tensors, and the names in the file that they came from."""
    tensors, used, missing, misshaped = {}, set(), [], []
    for name, value in net.state_dict().items():
        theirs = prefix + layout.rename(name)
        if theirs in weights:
            used.add(theirs)
            tensors[name] = weights[theirs]
            if weights[theirs].shape != value.shape:
                misshaped.append(f'{theirs} {tuple(weights[theirs].shape)}, ours {tuple(value.shape)}')
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
            raise ConversionError(
                f'{source} is not {layout.name} as {layout.backbone} has it; {len(names)} {fault}: '
                + ', '.join(names[:3])
                + (', ...' if len(names) > 3 else '')
            )
    # A net of more blocks than ours would pass for ours, its last blocks dropped.
    inside = {name[len(prefix) :].split('.')[0] for name in used if name[len(prefix) :].count('.') >= 2}
    beyond = [
        name
        for name in weights
        if name.startswith(prefix) and name[len(prefix) :].split('.')[0] in inside and name not in used
    ]
    if beyond:
        raise ConversionError(
            f'{source} has layers inside the backbone that {layout.backbone} has not: '
            f'{", ".join(beyond[:3])}' + (', ...' if len(beyond) > 3 else '')
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
    """RSPNet's two projections as our necks: tensors, configs, and the names they came from."""
    if family != 'rspnet' or not prefix.endswith('encoder.'):
        raise ConversionError(f'{source}: heads can be taken from a file of RSPNet that has encoder, fc1 and fc2 only')
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
            raise ConversionError(
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
