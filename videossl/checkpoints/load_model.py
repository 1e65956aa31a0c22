"""From a config or a checkpoint to a model that is ready to use."""

import copy
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import MMLogger, print_log
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from videossl.errors import CheckpointError, ConfigError
from videossl.registry import MODELS

from . import hand_off
from .embedded_config import build_part, read_embedded, scope_of, with_model, without_initialisation
from .reading import read_checkpoint, split_weights, without_module
from .report import KeyReport, few


def init_model(
    config: str | os.PathLike | Config,
    checkpoint: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
) -> nn.Module:
    """Build a model, load its weights, and put it on the device in eval mode.

    The checkpoint must hold the whole backbone. Heads, necks and the like are filled where they fit; the log says which
    were. Frozen parsing networks, which only pretraining needs, are left out.

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
        CheckpointError: the checkpoint cannot be read, or its backbone is not this one.
    """
    config = _read_config(config)
    if not isinstance(config.get('model'), dict) or 'backbone' not in config.model:
        raise ConfigError(f'{config.filename or "the config"} has no model with a backbone')
    model_config = copy.deepcopy(config.model)
    if isinstance(model_config.backbone, dict) and 'pretrained' in model_config.backbone:
        model_config.backbone['pretrained'] = None  # mmaction2's nets would fetch it from the network
    for head in (model_config.get('heads') or {}).values():
        if isinstance(head, dict) and head.get('teacher') is not None:
            head['teacher'] = None
    with DefaultScope.overwrite_default_scope(config.get('default_scope') or 'videossl'):
        model = MODELS.build(model_config)
        if checkpoint is None:
            print_log('no checkpoint: the weights are as the config initialises them', logger='current')
            with warnings_only():
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

    Checkpoints of our tools, and of mmaction2 1.x, hold their config as text; imported and exported files describe the
    backbone and its pixels in ``meta`` (or safetensors' metadata). Both are read as data and built by
    :func:`~videossl.checkpoints.embedded_config.build_part`, so a checkpoint from a stranger runs no code.

    Args:
        checkpoint: path of a checkpoint of plain types, or of a safetensors file.
        backbone: where the checkpoint has no config, its backbone: ``dict(type='R3D', depth=10)``, or a module, which
            is filled in place.
        device: where to put it.
        data_preprocessor: how pixels are normalised for it, in place of what the checkpoint says:
            ``dict(mean=[0, 0, 0], std=[255, 255, 255], to_bgr=True)``, of a
            :class:`~videossl.models.ClipDataPreprocessor` unless ``type`` names another.

    Returns:
        The backbone, with the config as ``backbone.cfg`` (None without a config), whose ``model.data_preprocessor`` says
        which pixels :func:`~videossl.apis.extract_features` gives it, and the path as ``backbone.checkpoint``.

    Raises:
        ConfigError: ``data_preprocessor`` cannot be built.
        CheckpointError: the checkpoint cannot be read; it has no config and ``backbone`` is None; its config names a type
            that is not registered; or the backbone in it is another one.
    """
    checkpoint = os.fspath(checkpoint)
    content = read_checkpoint(checkpoint)
    weights = without_module(split_weights(content, checkpoint)[0])
    config = read_embedded(content, checkpoint)
    if data_preprocessor is not None:
        data_preprocessor = dict(dict(type='videossl.ClipDataPreprocessor'), **data_preprocessor)
        _try_preprocessor(data_preprocessor)
        config = with_model(config, data_preprocessor=data_preprocessor)
    net: Any = backbone
    if backbone is None:
        net = _embedded_backbone(config, checkpoint)
    elif isinstance(backbone, dict):  # the caller's own words
        with DefaultScope.overwrite_default_scope('videossl'):
            net = MODELS.build(without_initialisation(backbone))
    source_prefix = hand_off.backbone_prefix(content, weights)
    report = hand_off.fill_backbone(net, checkpoint, source_prefix, weights)
    _check_whole(report, net, checkpoint, '', source_prefix, weights)
    net.cfg = config
    net.checkpoint = checkpoint
    return net.to(device).eval()


def _embedded_backbone(config: Config | None, checkpoint: str) -> nn.Module:
    model = (config or {}).get('model')
    backbone = model.get('backbone') if isinstance(model, dict) else None
    if config is None or not isinstance(backbone, dict):
        raise CheckpointError(
            f'{checkpoint} does not say what backbone it is of: it holds no config that can be read. '
            "Name it: load_backbone(checkpoint, backbone=dict(type='R3D', depth=10))"
        )
    return build_part(backbone, f'the config in {checkpoint}', scope_of(config, backbone))


@contextmanager
def warnings_only() -> Iterator[None]:
    """Log no more than warnings: not how every single parameter was initialised, and which were handed off."""
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
    from videossl.config_files import load_config

    return load_config(os.fspath(config))


def _fill_model(model: Any, checkpoint: str) -> None:
    weights, source_prefix = hand_off.read_backbone(checkpoint)
    target = model.state_dict()
    mapping = hand_off.backbone_mapping(model.backbone, weights, 'backbone.', source_prefix)
    fitting = {
        name.partition('.')[0]
        for name, value in weights.items()
        if value.ndim > 1 and name in target and target[name].shape == value.shape
    }
    mapping.update({f'{part}.': f'{part}.' for part, _ in model.named_children() if part in fitting - {'backbone'}})
    report = hand_off.load_mapped(model, checkpoint, mapping, weights)
    _check_whole(report, model.backbone, checkpoint, 'backbone.', source_prefix, weights)


def _check_whole(
    report: KeyReport, backbone: nn.Module, checkpoint: str, prefix: str, source_prefix: str, weights: dict[str, Tensor]
) -> None:
    """Refuse a backbone that was filled in part only, or of which the checkpoint has more."""
    surplus = [name for name in report.dropped if name.startswith(source_prefix)]
    if not source_prefix:  # a bare backbone, perhaps with a classifier beside it
        modules = {name for name, _ in backbone.named_children()}
        modules |= {key.partition('.')[0] for key in hand_off.backbone_mapping(backbone, weights, '', '')}
        surplus = [name for name in surplus if name.partition('.')[0] in modules]
    reasons = [
        f'{title} {few(names)}'
        for title, names in (
            # Old checkpoints have no counters of batches, and no result depends on them.
            (
                'the checkpoint lacks',
                [
                    name
                    for name in report.missing
                    if name.startswith(prefix) and not name.endswith('num_batches_tracked')
                ],
            ),
            ('of another shape (there, here) are', [name for name in report.mismatched if name.startswith(prefix)]),
            ('the checkpoint has besides', surplus),
        )
        if names
    ]
    if reasons:
        raise CheckpointError(
            f'{checkpoint} is not of this backbone, {type(backbone).__name__}: '
            + '; '.join(reasons)
            + '. Its features would mean nothing. Take the config that the checkpoint was trained '
            'with; depth, width and branches have to agree'
        )


def _try_preprocessor(config: dict) -> None:
    try:
        build_part(config, 'it')
    except CheckpointError as error:
        raise ConfigError(f'data_preprocessor={config}: {error}') from error
