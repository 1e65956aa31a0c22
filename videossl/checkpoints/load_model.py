"""From a config or a checkpoint to a model that is ready to use."""

import ast
import copy
import logging
import math
import os
import os.path as osp
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.config import Config
from mmengine.config.config import RESERVED_KEYS
from mmengine.device import get_device
from mmengine.logging import MMLogger, print_log
from mmengine.registry import DefaultScope
from torch import nn

from videossl.apis.running.launch import load_config
from videossl.checkpoints import hand_off
from videossl.checkpoints.hand_off import (
    HandOffError,
    HandOffReport,
    backbone_mapping,
    load_mapped,
    read_plain,
    read_state_dict,
    state_dict_in,
)
from videossl.compat import config_directory
from videossl.errors import ConfigError
from videossl.models.pretrainers.pretrainer import build
from videossl.registry import MODELS

SHOWN_NAMES = 3


def init_model(
    config: str | os.PathLike | Config,
    checkpoint: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
) -> nn.Module:
    """Build a model, load its weights, and put it on the device in eval mode.

    The backbone has to be in the checkpoint whole. Heads, necks and the like are filled where they fit; the log says
    which parts were. Frozen parsing networks, which only pretraining asks, are left out.

    Args:
        config: path of a config of ours or of mmaction2 (``videossl::vspp/...`` for one that is installed with
            videossl), or the config. ``custom_imports`` in it are imported, as always.
        checkpoint: path of a checkpoint of plain types, of the model, or of its backbone alone. None: the weights are
            as the config initialises them.
        device: None: the accelerator, if there is one.

    Returns:
        The model, with the config as ``model.cfg`` and the checkpoint's path as ``model.checkpoint``.

    Raises:
        ConfigError: there is no such config, or it has no model with a backbone.
        videossl.checkpoints.hand_off.HandOffError: the checkpoint cannot be read, or its backbone is not this one.
    """
    config = _read_config(config)
    if not isinstance(config.get('model'), dict) or 'backbone' not in config.model:
        raise ConfigError(f'{config.filename or "the config"} has no model with a backbone')
    model_config = copy.deepcopy(config.model)
    if isinstance(model_config.backbone, dict) and 'pretrained' in model_config.backbone:
        model_config.backbone.pretrained = None  # mmaction2's nets would fetch it from the network
    for head in (model_config.get('heads') or {}).values():
        if isinstance(head, dict) and head.get('teacher') is not None:
            head.teacher = None
    with DefaultScope.overwrite_default_scope(config.get('default_scope') or 'videossl'):
        model = MODELS.build(model_config)
        if checkpoint is None:
            print_log('no checkpoint: the weights are as the config initialises them', logger='current')
            with _quiet():
                model.init_weights()
    if checkpoint is not None:
        _fill_model(model, os.fspath(checkpoint))
    model.cfg = config
    model.checkpoint = None if checkpoint is None else os.fspath(checkpoint)
    return model.to(device or get_device()).eval()


def load_backbone(
    checkpoint: str | os.PathLike,
    backbone: nn.Module | dict | None = None,
    device: str | torch.device = 'cpu',
    data_preprocessor: dict | None = None,
) -> nn.Module:
    """The backbone in a checkpoint, without a config file: a bare module, in eval mode, from clips [N, 3, T, H, W]
    (normalised as in its training) to its map [N, C, t, h, w].

    Checkpoints of our tools, and of mmaction2 1.x, hold their config as text; imported and exported files say in
    ``meta`` (or safetensors' metadata) what builds the backbone and which pixels it expects. All that is read as data:
    nothing in it is executed or imported, and only types that are registered are built. So a checkpoint from elsewhere
    runs no code.

    Args:
        checkpoint: path of a checkpoint of plain types, or of a safetensors file.
        backbone: where the checkpoint has no config, its backbone: ``dict(type='R3D', depth=10)``, or a module, which
            is filled in place.
        device: where to put it.
        data_preprocessor: how pixels are normalised for it, where the checkpoint does not say, or is to be contradicted:
            ``dict(mean=[0, 0, 0], std=[255, 255, 255], to_bgr=True)``, of a
            :class:`~videossl.models.ClipDataPreprocessor` unless ``type`` names another.

    Returns:
        The backbone, with the config as ``backbone.cfg`` (None if there is none), whose ``model.data_preprocessor`` says
        which pixels :func:`~videossl.apis.extract_features` gives it, and the path as ``backbone.checkpoint``.

    Raises:
        ConfigError: ``data_preprocessor`` cannot be built.
        videossl.checkpoints.hand_off.HandOffError: the checkpoint cannot be read, has no config and ``backbone`` is None,
            its config names a type that nobody has registered, or the backbone in it is another.
    """
    checkpoint = os.fspath(checkpoint)
    content = read_plain(checkpoint)
    names = state_dict_in(content, checkpoint)
    config = _config_in(content, checkpoint)
    if data_preprocessor is not None:
        data_preprocessor = dict(dict(type='videossl.ClipDataPreprocessor'), **data_preprocessor)
        _try_preprocessor(data_preprocessor)
        config = _with_model(config, data_preprocessor=data_preprocessor)
    scope = 'videossl'
    if backbone is None:
        backbone = (config or {}).get('model', {}).get('backbone')
        if not isinstance(backbone, dict):
            raise HandOffError(
                f'{checkpoint} does not say what backbone it is of: it holds no config that can be read. '
                "Name it: load_backbone(checkpoint, backbone=dict(type='R3D', depth=10))"
            )
        backbone = _without_initialisation(backbone)
        check_registered(backbone, checkpoint)
        scope = 'mmaction' if config.get('default_scope') == 'mmaction' else scope
    if isinstance(backbone, dict):
        with DefaultScope.overwrite_default_scope(scope):
            backbone = MODELS.build(_without_initialisation(backbone))
    source_prefix = _described_prefix(content, names) or _backbone_prefix(names)
    report = hand_off.load_backbone(backbone, checkpoint, source_prefix, names)
    _check_whole(report, backbone, checkpoint, '', source_prefix, names)
    backbone.cfg = config
    backbone.checkpoint = checkpoint
    return backbone.to(device).eval()


def read_config_text(text: str) -> Config:
    """A config from the text that mmengine makes of it, read as data: literals, and ``dict(...)`` of such.

    mmengine's ``Config.fromstring`` executes such a text and imports what it names, which a text out of a checkpoint
    had better not bring about. Entries that are no literals (a function, say) are left out.

    Raises:
        ValueError: it is no Python.
    """
    entries = {}
    try:
        statements = ast.parse(text).body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f'the config is no Python: {error}') from None
    for statement in statements:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if len(targets) == 1 and isinstance(targets[0], ast.Name):
            try:
                entries[targets[0].id] = _literal(statement.value)
            except (ValueError, TypeError, RecursionError):
                continue
    return Config({name: value for name, value in entries.items() if name not in RESERVED_KEYS})


def check_registered(config: Any, checkpoint: str) -> None:
    """Refuse a config in which some type is not registered.

    mmengine takes a type that no registry has for the path of any function that Python can import, and calls it.
    """
    if isinstance(config, dict):
        name = config.get('type')
        if name is not None and not _is_registered(name):
            raise HandOffError(
                f'the config in {checkpoint} asks for type {name!r}, which no registry has. If it is a '
                'part of yours, import the module that registers it first'
            )
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for value in config:
            check_registered(value, checkpoint)


def _is_registered(name: Any) -> bool:
    if not isinstance(name, str):
        return False
    scope, _, bare = name.rpartition('.')
    registry, found = MODELS, False
    while registry is not None:
        found |= bare in registry.module_dict and scope in ('', registry.scope)
        registry = registry.parent
    return found


@contextmanager
def _quiet():
    """Warnings only: mmengine logs how every single parameter was initialised."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _read_config(config: str | os.PathLike | Config) -> Config:
    if isinstance(config, Config):
        return config
    path = os.fspath(config)
    if path.startswith('videossl::'):
        path = osp.join(config_directory(), path.removeprefix('videossl::'))
    return load_config(path)


def _fill_model(model: nn.Module, checkpoint: str) -> None:
    names, target = read_state_dict(checkpoint), model.state_dict()
    source_prefix = _backbone_prefix(names)
    mapping = backbone_mapping(model.backbone, names, 'backbone.', source_prefix)
    fitting = {
        name.partition('.')[0]
        for name, value in names.items()
        if value.ndim > 1 and name in target and target[name].shape == value.shape
    }
    mapping.update({f'{part}.': f'{part}.' for part, _ in model.named_children() if part in fitting - {'backbone'}})
    report = load_mapped(model, checkpoint, mapping, names)
    _check_whole(report, model.backbone, checkpoint, 'backbone.', source_prefix, names)


def _backbone_prefix(names: dict[str, torch.Tensor]) -> str:
    return 'backbone.' if any(name.startswith('backbone.') for name in names) else ''


def _check_whole(
    report: HandOffReport,
    backbone: nn.Module,
    checkpoint: str,
    prefix: str,
    source_prefix: str,
    names: dict[str, torch.Tensor],
) -> None:
    """Refuse a backbone that was filled in part only, or of which the checkpoint has more."""
    mismatched = [entry for entry in report.mismatched if entry.startswith(prefix)]
    other_shape = {entry.partition(' ')[0] for entry in mismatched}
    missing = [
        name
        for name in report.left_random
        if name.startswith(prefix) and name not in other_shape and not name.endswith('num_batches_tracked')
    ]  # old checkpoints have none, and nothing depends on it
    surplus = [name for name in report.dropped if name.startswith(source_prefix)]
    if not source_prefix:  # a bare backbone, perhaps with a classifier beside it
        modules = {name for name, _ in backbone.named_children()}
        modules |= {key.partition('.')[0] for key in backbone_mapping(backbone, names, '', '')}
        surplus = [name for name in surplus if name.partition('.')[0] in modules]
    reasons = [
        f'{title} {_few(entries)}'
        for title, entries in (
            ('the checkpoint lacks', missing),
            ('of another shape (there, here) are', mismatched),
            ('the checkpoint has besides', surplus),
        )
        if entries
    ]
    if reasons:
        raise HandOffError(
            f'{checkpoint} is not of this backbone, {type(backbone).__name__}: '
            + '; '.join(reasons)
            + '. Its features would mean nothing. Take the config that the checkpoint was trained '
            'with; depth, width and branches have to agree'
        )


def _few(names: list[str]) -> str:
    rest = len(names) - SHOWN_NAMES
    return ', '.join(names[:SHOWN_NAMES]) + (f' and {rest} more' if rest > 0 else '')


def _config_in(content: Any, checkpoint: str) -> Config | None:
    meta = content.get('meta') if isinstance(content, dict) else None
    if not isinstance(meta, dict):
        return None
    config, text = None, meta.get('cfg')
    if isinstance(text, str):
        try:
            config = read_config_text(text)
        except ValueError as error:
            print_log(f'{checkpoint}: {error}', logger='current')
    if isinstance(meta.get('backbone'), dict):  # imported or exported: perhaps one branch of what the config builds
        described = {key: meta[key] for key in ('backbone', 'data_preprocessor') if isinstance(meta.get(key), dict)}
        config = _with_model(config, **described)
    return config


def _with_model(config: Config | None, **parts: dict) -> Config:
    """A config with other parts of its model."""
    entries = {} if config is None else config.to_dict()
    model = entries.get('model')
    return Config({**entries, 'model': {**(model if isinstance(model, dict) else {}), **copy.deepcopy(parts)}})


def _described_prefix(content: Any, names: dict[str, torch.Tensor]) -> str:
    """What the names of an exported backbone begin with, as its file says."""
    meta = content.get('meta') if isinstance(content, dict) else None
    prefix = meta.get('prefix') if isinstance(meta, dict) and isinstance(meta.get('backbone'), dict) else None
    return prefix if isinstance(prefix, str) and any(name.startswith(prefix) for name in names) else ''


def _try_preprocessor(config: dict) -> None:
    if not _is_registered(config['type']):
        raise ConfigError(f'data_preprocessor: there is no type {config["type"]!r}')
    try:
        build(config)
    except (TypeError, ValueError) as error:
        raise ConfigError(f'data_preprocessor={config}: {error}') from error


def _without_initialisation(config: Any) -> Any:
    """A copy without pretrained weights: a checkpoint is about to be loaded."""
    if isinstance(config, dict):
        return {
            key: _without_initialisation(value)
            for key, value in config.items()
            if key not in ('init_cfg', 'pretrained')
        }
    if isinstance(config, (list, tuple)):
        return type(config)(_without_initialisation(value) for value in config)
    return config


def _literal(node: ast.expr) -> Any:
    """The value of an expression of literals and ``dict(...)``.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name) or node.func.id != 'dict':
            raise ValueError('a call')
        is_mapping = all(isinstance(argument, ast.Dict) for argument in node.args)
        if not is_mapping or not all(word.arg for word in node.keywords):
            raise ValueError('a dict of something else')
        entries = [_literal(argument) for argument in node.args]
        entries += [{word.arg: _literal(word.value)} for word in node.keywords]
        return {key: value for entry in entries for key, value in entry.items()}
    if isinstance(node, ast.Dict):
        return {_literal(key): _literal(value) for key, value in zip(node.keys, node.values)}
    if isinstance(node, (ast.List, ast.Tuple)):
        return (list if isinstance(node, ast.List) else tuple)(_literal(element) for element in node.elts)
    if isinstance(node, ast.Name) and node.id in ('inf', 'nan'):
        return getattr(math, node.id)
    return ast.literal_eval(node)
