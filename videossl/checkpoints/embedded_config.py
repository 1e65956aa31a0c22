"""Configs out of checkpoints: read as data, and built from registered parts only.

A checkpoint may come from a stranger. mmengine reads a config's text by running it, imports the modules that
``custom_imports`` and scopes name, and takes a type that no registry has for the path of a function, which it calls.
Whatever builds a part from a checkpoint's own words therefore goes through :func:`build_part`.
"""

import ast
import copy
import inspect
from typing import Any

from mmengine.config import Config
from mmengine.config.config import RESERVED_KEYS
from mmengine.logging import print_log
from mmengine.registry import DefaultScope
from torch import nn

from videossl.errors import CheckpointError
from videossl.registry import MODELS, SCOPES, registered

from .reading import meta_of

# Those of ours whose data preprocessor is ClipDataPreprocessor where the config is silent.
PRETRAINERS = ('Pretrainer', 'MaskedPretrainer', 'MomentumPretrainer')
# Of the packages whose parts come without the user's doing: backbones, preprocessors and layers. Not what reads other
# files when it is built, as teachers and recognisers do.
PACKAGES = ('videossl', 'mmaction', 'mmcv', 'mmengine', 'torch')
PARTS = (
    *('videossl.models.backbones', 'videossl.models.data_preprocessor', 'mmaction.models.backbones'),
    *('mmaction.models.common', 'mmaction.models.data_preprocessors', 'mmcv.cnn', 'mmcv.ops', 'torch.nn.modules'),
    *('mmengine.model.base_model.data_preprocessor', 'mmaction.models.utils.blending_utils'),
    'mmengine.utils.dl_utils.parrots_wrapper',  # batch norm
)


def read_config_text(text: str, *wanted: str, origin: str = 'the config in the checkpoint') -> dict[str, Any]:
    """The variables of a config, out of the text that mmengine keeps in a checkpoint; nothing is run.

    Values are constants, lists, tuples, sets, dicts, ``dict(...)`` and ``float('inf')``. Variables with other values are
    left out.

    Args:
        text: of a config with its bases merged, as ``Config.pretty_text`` gives it.
        wanted: variables that must not be left out.
        origin: whose text it is, for messages.

    Raises:
        CheckpointError: the text is not Python, or a wanted variable has another value.

    Example:
        >>> read_config_text("model = dict(type='R3D', depth=10)\\nhook = print('x')")
        {'model': {'type': 'R3D', 'depth': 10}}
    """
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CheckpointError(f'{origin} cannot be parsed ({error}); give its file with --config') from None
    values = {}
    for statement in statements:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target = statement.targets[0]
        if not isinstance(target, ast.Name) or target.id in RESERVED_KEYS:
            continue
        try:
            values[target.id] = _literal(statement.value)
        except (ValueError, TypeError, RecursionError, MemoryError):
            if target.id in wanted:
                raise CheckpointError(
                    f'{origin} holds more than plain values in "{target.id}", which is not run; '
                    "give the config's file with --config"
                ) from None
    return values


def _literal(node: ast.expr) -> Any:
    """The value of an expression of literals. Raises ValueError or TypeError where it is something else."""
    if isinstance(node, ast.List):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_literal(item) for item in node.elts)
    if isinstance(node, ast.Set):
        return {_literal(item) for item in node.elts}
    if isinstance(node, ast.Dict) and None not in node.keys:
        return {_literal(key): _literal(item) for key, item in zip(node.keys, node.values) if key is not None}
    if isinstance(node, ast.Name) and node.id in ('inf', 'nan'):
        return float(node.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) <= 1:
        arguments = [_literal(item) for item in node.args]
        named = {item.arg: _literal(item.value) for item in node.keywords if item.arg is not None}
        if node.func.id == 'dict' and len(named) == len(node.keywords):
            return dict(*arguments, **named)
        if node.func.id == 'float' and arguments and not node.keywords:
            return float(arguments[0])
    return ast.literal_eval(node)


def read_embedded(content: Any, checkpoint: str) -> Config | None:
    """The config in a checkpoint, as far as it is data; None: no config.

    An imported or exported file describes its backbone and its pixels in ``meta``. These take the place of the training
    config's, which may have built more, such as several branches.
    """
    meta, config = meta_of(content), None
    if isinstance(meta.get('cfg'), str):
        try:
            entries = read_config_text(meta['cfg'], origin=f'the config in {checkpoint}')
            config = Config({key: value for key, value in entries.items() if key != 'model' or isinstance(value, dict)})
        except (CheckpointError, TypeError, KeyError) as error:
            print_log(str(error), logger='current')
    if isinstance(meta.get('backbone'), dict):
        parts = {key: meta[key] for key in ('backbone', 'data_preprocessor') if isinstance(meta.get(key), dict)}
        config = with_model(config, **parts)
    return config


def with_model(config: Config | None, **parts: dict) -> Config:
    """A config with other parts of its model."""
    entries = {} if config is None else config.to_dict()
    model = entries.get('model')
    return Config({**entries, 'model': {**(model if isinstance(model, dict) else {}), **copy.deepcopy(parts)}})


def build_part(config: dict, origin: str, scope: str = 'videossl') -> nn.Module:
    """Build a backbone or a data preprocessor that a checkpoint describes.

    Types must be registered, at every depth: backbones, data preprocessors and layers of videossl, mmaction2, mmcv and
    mmengine, and whatever else the user has registered. Scopes are those three alone. Nothing is imported, nothing
    downloaded and no other file read: ``init_cfg`` and ``pretrained`` are left out.

    Args:
        config: as the checkpoint has it.
        origin: whose config it is, for messages: ``'the config in epoch_1.pth'``.
        scope: where names without a scope are looked up.

    Raises:
        CheckpointError: the config asks for something else, or cannot be built.
    """
    check_parts(config, origin, scope)
    try:
        with DefaultScope.overwrite_default_scope(scope):
            return MODELS.build({'_scope_': scope, **without_initialisation(config)})
    except Exception as error:  # whatever a stranger's values lead to
        raise CheckpointError(f'{origin} cannot be built: {dict(config)}: {error}') from error


def scope_of(config: dict, part: dict) -> str:
    """The scope in which a part of a checkpoint's config names its types: the default scope, which only counts where it is
    one of ours or the type names none itself."""
    scope = config.get('default_scope') or SCOPES[0]
    return SCOPES[0] if scope not in SCOPES and '.' in str(part.get('type')) else scope


def check_parts(config: Any, origin: str, scope: str = 'videossl') -> None:
    """Refuse a config that asks for more than :func:`build_part` builds.

    Raises:
        CheckpointError: it does; the message says what.
    """
    if not isinstance(config, dict) or not isinstance(config.get('type'), str):
        raise CheckpointError(f'{origin} names no type')
    try:
        _check_parts({'_scope_': scope, 'part': without_initialisation(config)}, origin)
    except RecursionError:
        raise CheckpointError(f'{origin} is nested without end') from None


def _check_parts(config: Any, origin: str) -> None:
    if isinstance(config, dict):
        scope = config.get('_scope_', SCOPES[0])
        if scope not in SCOPES:
            raise CheckpointError(
                f'{origin} asks for scope {scope!r}, and the module of that name is not imported; '
                f'scopes are {", ".join(SCOPES)}'
            )
        if 'type' in config:
            _check_type(config['type'], origin)
    if isinstance(config, (dict, list, tuple, set)):
        for value in config.values() if isinstance(config, dict) else config:
            _check_parts(value, origin)


def _check_type(name: Any, origin: str) -> None:
    found = registered(MODELS, name)
    if not found:
        raise CheckpointError(
            f'{origin} asks for type {name!r}, which no registry has. If it is a part of yours, import '
            'the module that registers it first; a tool does so for the custom_imports of the file given with --config'
        )
    for part in found:
        module = f'{part.__module__}.'
        if not inspect.isclass(part) or (
            module.startswith(tuple(f'{package}.' for package in PACKAGES))
            and not module.startswith(tuple(f'{place}.' for place in PARTS))
        ):
            raise CheckpointError(
                f'{origin} asks for type {name!r}, which is not a backbone, a data preprocessor or a '
                'layer; nothing else is built from what a checkpoint says'
            )


def without_initialisation(config: Any) -> Any:
    """A copy without pretrained weights: the checkpoint's own are about to be loaded."""
    if isinstance(config, dict):
        return {
            key: without_initialisation(value) for key, value in config.items() if key not in ('init_cfg', 'pretrained')
        }
    if isinstance(config, (list, tuple)):
        return type(config)(without_initialisation(value) for value in config)
    return config
