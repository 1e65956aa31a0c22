"""From a checkpoint of a training run to a file of the backbone alone."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch import Tensor

from videossl.errors import CheckpointError

from .embedded_config import PRETRAINERS, build_part, check_parts, read_config_text, scope_of
from .hand_off import backbone_prefix
from .publish import notes_on_paths, without_local_paths
from .reading import meta_of, read_checkpoint, split_weights
from .report import KeyReport
from .writing import check_format, versions, weights_sha256, write_weights

LICENCE = (
    'Made with videossl (MIT licence). The data that these weights were trained on may have terms of its own; '
    'the authors of the weights say which.'
)
# How a backbone is trained, not what it is.
NOT_ARCHITECTURE = ('init_cfg', 'pretrained', 'frozen_stages', 'norm_eval', 'out_indices', 'drop_path')
# Entries of an imported or exported file that its copies keep.
KEPT = tuple('family encoder config cfg method model epoch iter part data_preprocessor'.split())


def export_backbone(
    checkpoint: str | Path,
    out: str | Path,
    branch: str | None = None,
    teacher: bool = False,
    prefix: str = '',
    config: str | None = None,
    licence: str | None = None,
) -> KeyReport:
    """Write a backbone's weights, with all that is needed to build it, to a file of their own.

    Args:
        checkpoint: of a run of videossl or mmaction2; or an imported or exported file, to give it another format or
            prefix.
        out: the new file: ``.pth``, ``.pt`` or ``.safetensors``.
        branch: of a :class:`~videossl.models.BranchedBackbone`: this branch with what is shared, as the plain net. None:
            the whole.
        teacher: the averaged teacher's backbone instead of the student's.
        prefix: what the names in the new file begin with. Nothing suits ``load_state_dict`` and
            ``init_cfg=dict(type='Pretrained')``; ``tools/train.py --init-from`` takes any.
        config: the config's file, where the checkpoint does not hold it. It is run, as any config.
        licence: the note on the weights' terms; None: a general one, or that of the imported file.

    Raises:
        CheckpointError: there is no such backbone in the file, no config to build it, or the two do not agree.
    """
    check_format(out)
    weights, beside = split_weights(read_checkpoint(checkpoint), checkpoint)
    if Path(out).exists() and Path(out).samefile(checkpoint):
        raise CheckpointError(f'--out {out} is the checkpoint itself')
    meta = meta_of(beside)
    described = isinstance(meta.get('backbone'), dict) and config is None  # imported, or exported before
    root = 'teacher.backbone.' if teacher else backbone_prefix(beside, weights)
    if not root and not described:
        root = 'backbone.'  # what a training writes; the message below names it
    tensors = {name[len(root) :]: value for name, value in weights.items() if name.startswith(root)}
    if not tensors:
        raise CheckpointError(
            f'{checkpoint} has no names that begin with {root}'
            + (
                '; only methods with an averaged teacher (auxSKD, RSPNet, the human prior) have one, and published files '
                'do not keep it'
                if teacher
                else f'; it has {", ".join(sorted({name.split(".")[0] for name in weights})[:8])}'
            )
        )
    read = dict(model=dict(backbone=meta['backbone'])) if described else _config_of(meta, config, checkpoint)
    model, scope = read['model'], scope_of(read, read['model']['backbone'])
    check_parts(model['backbone'], f'the backbone of {checkpoint}', scope)
    architecture = _architecture(model['backbone'], scope)
    architecture, tensors, left = _choose_branch(architecture, tensors, branch, checkpoint)
    _check(architecture, tensors, checkpoint)

    if prefix and not prefix.endswith('.'):
        prefix += '.'
    notes: list[str] = []
    tensors = {f'{prefix}{name}': value for name, value in tensors.items()}
    new_meta: dict[str, Any] = dict(
        backbone=architecture,
        prefix=prefix,
        source=meta.get('source', Path(checkpoint).name) if described else Path(checkpoint).name,
        licence=licence or meta.get('licence') or LICENCE,
        versions=versions(),
        weights_sha256=weights_sha256(tensors),
    )
    if described:
        new_meta.update({key: meta[key] for key in KEPT if key in meta})
    else:
        name, kind = _config_name(meta, config), str(model.get('type', 'unknown'))
        new_meta.update(
            config=name or Path(checkpoint).stem,
            method=name.partition('_')[0] if name else kind,
            model=kind,
            part='teacher' if teacher else 'student',
        )
        text = Config.fromfile(config).pretty_text if config is not None else meta['cfg']
        new_meta['cfg'] = without_local_paths(text)
        notes += notes_on_paths(new_meta['cfg'])
        new_meta.update({key: meta[key] for key in ('epoch', 'iter') if isinstance(meta.get(key), int)})
        pixels = model.get('data_preprocessor')
        if pixels is None and kind.split('.')[-1] in PRETRAINERS:
            pixels = dict(type='videossl.ClipDataPreprocessor')  # theirs where the config is silent
        if pixels is not None:
            check_parts(pixels, f'the data preprocessor of {checkpoint}', scope)
            new_meta['data_preprocessor'] = _scoped(pixels, scope)
    if branch is not None:
        new_meta['branch'] = branch
    digest = write_weights(out, tensors, new_meta)
    kept = {root + name for name in left}
    return KeyReport(
        taken=list(tensors),
        dropped=[name for name in weights if not name.startswith(root) or name in kept],
        notes=[f'backbone: {architecture}', f'licence: {new_meta["licence"]}', *notes, f'{out}: SHA-256 {digest}'],
    )


def _config_of(meta: dict, config: str | None, checkpoint: str | Path) -> dict:
    """The training config: the user's file, which is run, or the checkpoint's text, which is only read."""
    if config is not None:
        read = Config.fromfile(config).to_dict()
    elif isinstance(meta.get('cfg'), str):
        read = read_config_text(meta['cfg'], 'model', 'default_scope', origin=f'the config in {checkpoint}')
    else:
        raise CheckpointError(
            f'{checkpoint} does not hold the config that it was trained with; give its file with --config'
        )
    if not isinstance(read.get('model'), dict) or not isinstance(read['model'].get('backbone'), dict):
        raise CheckpointError(f'the config of {checkpoint} has no model.backbone')
    return read


def _architecture(backbone: dict, scope: str) -> dict:
    """A backbone's config without training settings, and with its scope, so that it builds anywhere."""
    config = {key: value for key, value in deepcopy(backbone).items() if key not in NOT_ARCHITECTURE}
    if config['type'].split('.')[-1] == 'BranchedBackbone':
        config.pop('output', None)  # 'concat', the default, is what everything but the method itself reads
    if isinstance(config.get('backbone'), dict):
        config['backbone'] = _architecture(config['backbone'], 'videossl')
    return _scoped(config, scope)


def _scoped(config: dict, scope: str) -> dict:
    config = dict(config)
    if '.' not in config['type']:
        config['type'] = f'{scope}.{config["type"]}'
    return config


def _choose_branch(
    config: dict, tensors: dict[str, Tensor], branch: str | None, checkpoint: str | Path
) -> tuple[dict, dict[str, Tensor], list[str]]:
    """Config and tensors of the whole backbone or of one branch, and the names that are left out."""
    if not config['type'].endswith('BranchedBackbone'):
        if branch is not None:
            raise CheckpointError(f'--branch {branch}: the backbone of {checkpoint}, {config["type"]}, has no branches')
        return config, tensors, []
    present = list(dict.fromkeys(name.split('.')[1] for name in tensors if name.startswith('branches.')))
    if branch is None:
        # The teacher has only the branches that the averaged embeddings need.
        return {**config, 'branches': present}, tensors, []
    if branch not in present:
        raise CheckpointError(f'--branch {branch}: {checkpoint} has the branches {", ".join(present)}')
    chosen = {}
    for place in ('shared.', f'branches.{branch}.'):
        chosen.update({name[len(place) :]: value for name, value in tensors.items() if name.startswith(place)})
    left = [name for name in tensors if not name.startswith(('shared.', f'branches.{branch}.'))]
    return config['backbone'], chosen, left


def _check(config: dict, tensors: dict[str, Tensor], checkpoint: str | Path) -> None:
    net = build_part(config, f'the backbone of {checkpoint}')
    faults = KeyReport.compare(tensors, net.state_dict()).faults()
    if faults:
        raise CheckpointError(f'the weights of {checkpoint} are not those of its config {config}; ' + '; '.join(faults))


def _config_name(meta: dict, config: str | None) -> str | None:
    """The name of the config that a checkpoint was trained with. Its first word is the method. None: unknown."""
    if config is not None:
        return Path(config).stem
    name = meta.get('experiment_name')
    name = re.sub(r'_\d{8}_\d{6}$', '', name) if isinstance(name, str) else None
    return None if name == 'default' else name  # mmengine's name for a config that is not a file
