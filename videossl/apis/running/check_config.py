"""Checks of a config before anything is built: unknown types and arguments, missing arguments, values of a wrong kind."""

import difflib
import inspect
import os
import os.path as osp
import types
import typing
from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry
from torch import nn
from torch.utils.data import DataLoader

from videossl import registry
from videossl.errors import ConfigError

from .config_parts import find_type, name_of, names_in, nearest, parameters_of

# Integers of parts without a type, or whose own check comes late, and the least that they may be.
LEAST = {
    '{}_dataloader.batch_size': 1,
    '{}_dataloader.num_workers': 0,
    'train_cfg.max_epochs': 1,
    'train_cfg.max_iters': 1,
    'train_cfg.val_interval': 1,
    'randomness.seed': 0,
    'optim_wrapper.accumulative_counts': 1,
}
DICTS = (
    *('model', 'train_dataloader', 'val_dataloader', 'test_dataloader', 'train_cfg', 'val_cfg', 'test_cfg'),
    *('optim_wrapper', 'default_hooks', 'randomness'),
)
COUNTS = ('clip_len', 'frame_interval', 'num_clips')  # of mmaction2's samplers, which do not check them
LOG_LEVELS = ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')
MMENGINE_HOOKS = {'runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint'}
# The registries of parts, by their key at the top of a config, and by a key inside other parts.
TOP_KINDS: dict[str, Registry | None] = {
    'train_dataloader': None,
    'val_dataloader': None,
    'test_dataloader': None,
    'model': registry.MODELS,
    'custom_hooks': registry.HOOKS,
    'default_hooks': registry.HOOKS,
    'optim_wrapper': registry.OPTIM_WRAPPERS,
    'param_scheduler': registry.PARAM_SCHEDULERS,
    'train_cfg': registry.LOOPS,
    'val_cfg': registry.LOOPS,
    'test_cfg': registry.LOOPS,
    'val_evaluator': registry.METRICS,
    'test_evaluator': registry.METRICS,
    'log_processor': registry.LOG_PROCESSORS,
    'visualizer': registry.VISUALIZERS,
}
INNER_KINDS = {
    'dataset': registry.DATASETS,
    'datasets': registry.DATASETS,
    'pipeline': registry.TRANSFORMS,
    'transforms': registry.TRANSFORMS,
    'sampler': registry.DATA_SAMPLERS,
    'batch_sampler': registry.DATA_SAMPLERS,
    'optimizer': registry.OPTIMIZERS,
    'vis_backends': registry.VISBACKENDS,
}
PARTS_OF_RECOGNIZERS = ('backbone', 'neck', 'cls_head', 'data_preprocessor')
# Keys that builders remove from a part's settings, and arguments that they add to them.
TAKEN_OUT = {
    registry.HOOKS: {'priority'},
    registry.TRANSFORMS: {'_after_'},
    registry.OPTIM_WRAPPERS: {'constructor', 'paramwise_cfg'},
    registry.PARAM_SCHEDULERS: {'convert_to_iter_based'},
    registry.LOOPS: {'by_epoch'},
}
ADDED = {
    registry.OPTIM_WRAPPERS: {'optimizer'},
    registry.OPTIMIZERS: {'params'},
    registry.PARAM_SCHEDULERS: {'optimizer'},
    registry.LOOPS: {'runner', 'dataloader', 'evaluator'},
    registry.DATA_SAMPLERS: {'dataset', 'sampler', 'batch_size'},
    registry.VISBACKENDS: {'save_dir'},
}


def check_config(config: Config) -> None:
    """Refuse a config of which some part cannot be built.

    Raises:
        ConfigError: a type or an argument is unknown, an argument is missing or of a wrong kind, or keys contradict each other.
            The message names the key.
    """
    settings = config.to_dict()
    for key in DICTS:
        if settings.get(key) is not None and not isinstance(settings[key], dict):
            raise ConfigError(f'{key} must be a dict of settings, but is {settings[key]!r}')
    check_hooks(settings)
    check_files(settings)
    level = settings.get('log_level', 'INFO')
    if type(level) is not int and level not in LOG_LEVELS:
        raise ConfigError(f'log_level must be one of {", ".join(LOG_LEVELS)}, but is {level!r}')
    for pattern, least in LEAST.items():
        for name in ('train', 'val', 'test') if '{}' in pattern else ('',):
            section, key = pattern.format(name).split('.')
            value = (settings.get(section) or {}).get(key)
            if value is not None and (type(value) is not int or value < least):
                raise ConfigError(f'{section}.{key} must be a whole number of at least {least}, but is {value!r}')
    in_scope = settings.get('default_scope', 'videossl') == 'videossl'
    for key, kind in TOP_KINDS.items():
        check_parts(settings.get(key), key, kind, in_scope)


def check_parts(place: Any, path: str, kind: Registry | None, in_scope: bool) -> None:
    """Check every part below a place in a config.

    Models of other packages may have settings with types of their own, so of their parts only those of mmaction2's
    recognizers are checked. The settings in ``norm_cfg`` and the like are not checked, since builders change them.

    Args:
        place: a part, or a dict or list of parts.
        path: of the place in the config.
        kind: the registry of the part; None: it is a loader, or has no type.
        in_scope: whether a type without a prefix is looked up among videossl's, too, or among mmaction2's alone.
    """
    if isinstance(place, (list, tuple)):
        for number, entry in enumerate(place):
            check_parts(entry, f'{path}.{number}', kind, in_scope)
    if not isinstance(place, dict):
        return
    keys = set(place)
    if kind is None and path in TOP_KINDS:
        check_arguments(path, place, DataLoader, None)
    elif kind is not None and 'type' in place:
        own = kind if place.get('_scope_', 'videossl' if in_scope else '') == 'videossl' else kind.parent
        found = find_type(place['type'], own)
        name = name_of(place['type'])
        # An evaluator of several metrics is of another registry, and recognizers know more names, such as timm.NAME.
        elsewhere = 'metrics' in place or '.' in name and not name.startswith('videossl.')
        if found is None and not elsewhere:
            raise ConfigError(unknown_type(path, name, own))
        if found is not None:
            check_arguments(path, place, found, kind)
        if kind is registry.MODELS:
            check_init_cfg(path, place.get('init_cfg'))
        in_scope = in_scope or is_ours(found)
        if kind is registry.MODELS and not is_ours(found):
            keys &= set(PARTS_OF_RECOGNIZERS) if path == 'model' else set()
    for key in keys:
        if not str(key).endswith('_cfg'):
            check_parts(place[key], f'{path}.{key}', INNER_KINDS.get(key, kind), in_scope)


def check_init_cfg(path: str, init_cfg: Any) -> None:
    """Refuse an initialisation without a type, for which mmengine has a bare assertion."""
    entries = init_cfg if isinstance(init_cfg, (list, tuple)) else [] if init_cfg is None else [init_cfg]
    if not all(isinstance(entry, dict) and 'type' in entry for entry in entries):
        raise ConfigError(
            f"{path}.init_cfg must be None, an initialiser such as dict(type='Kaiming', layer='Conv3d') or a list of them, "
            f'but is {init_cfg!r}'
        )


def is_ours(found: Callable | None) -> bool:
    """Whether a class or function belongs to this package."""
    return getattr(found, '__module__', '').split('.')[0] == 'videossl'


def check_arguments(path: str, part: dict, found: Callable, kind: Registry | None) -> None:
    """Refuse settings with which a part cannot be built.

    Args:
        path: of the part in the config.
        part: its settings.
        found: its class or function.
        kind: its registry; None: it is a loader.
    """
    parameters, takes_any = parameters_of(found)
    extra = {'num_batch_per_epoch'} if kind is None else {'type', '_scope_'} | TAKEN_OUT.get(kind, set())
    for key, value in part.items():
        if key in parameters:
            wanted = wanted_instead(parameters[key], value, is_ours(found))
            if wanted is not None:
                raise ConfigError(
                    f'{path}.{key}: {name_of(part.get("type", found))} needs {wanted}, but it is {value!r}'
                )
            is_count = kind is registry.TRANSFORMS and key in COUNTS and not is_ours(found)
            is_width = key.endswith('_channels') and isinstance(value, (int, float))
            if (is_count or is_width) and (type(value) is not int or value < 1):
                raise ConfigError(f'{path}.{key} must be a whole number of at least 1, but is {value!r}')
        elif not takes_any and key not in extra:
            hint = nearest(key, parameters)
            raise ConfigError(
                f'{path}: {found.__name__} has no argument "{key}"'
                + (f'; did you mean "{hint}"?' if hint else f'; it has {", ".join(sorted(parameters))}')
            )
    if kind is None or kind is registry.MODELS and not is_ours(found):  # whose builders may add arguments
        return
    missing = [
        key
        for key, parameter in inspect.signature(found).parameters.items()
        if key in parameters
        and parameter.default is parameter.empty
        and key not in part
        and key not in ADDED.get(kind, ())
    ]
    if missing:
        raise ConfigError(f'{path}: {name_of(part["type"])} needs {", ".join(missing)}')


def unknown_type(path: str, name: str, kind: Registry) -> str:
    """The message for a type that its registry does not know."""
    hint = nearest(name.rpartition('.')[2], names_in(kind))
    return f'{path}: there is no {kind.name} "{name}"' + (
        f'; did you mean "{hint}"?' if hint else '; if it is your own, import its module with custom_imports'
    )


def check_hooks(settings: dict) -> None:
    """Refuse hooks that are not given as settings, and names in ``default_hooks`` that are probably misspelt: with such
    a name a hook would be there twice."""
    hooks = settings.get('custom_hooks') or []
    if not isinstance(hooks, (list, tuple)) or not all(isinstance(hook, dict) for hook in hooks):
        raise ConfigError(
            f"custom_hooks must be a list of settings such as [dict(type='MemoryBankHook')], but is {hooks!r}"
        )
    names = set(settings.get('default_hooks') or {}) | MMENGINE_HOOKS
    for name in sorted(names - MMENGINE_HOOKS):
        near = difflib.get_close_matches(name, names - {name}, n=1, cutoff=0.8)
        if near:
            raise ConfigError(
                f'default_hooks: there is no hook "{name}"; did you mean "{near[0]}"? A hook of your own gets '
                'another name'
            )
    best = ((settings.get('default_hooks') or {}).get('checkpoint') or {}).get('save_best')
    if best is not None and settings.get('train_dataloader') is not None and settings.get('val_dataloader') is None:
        raise ConfigError(
            f'default_hooks.checkpoint.save_best={best!r} chooses by validation, but there is no val_dataloader; add one '
            'with val_cfg and val_evaluator, or set default_hooks.checkpoint.save_best=None'
        )


def check_files(settings: dict) -> None:
    """Refuse a checkpoint to start from that does not exist."""
    path = settings.get('load_from')
    if isinstance(path, str) and '://' not in path and not osp.isfile(path):
        raise ConfigError(f'load_from: there is no checkpoint {path}')


def wanted_instead(parameter: inspect.Parameter, value: Any, exactly: bool) -> str | None:
    """What an argument needs where it is given something else, in words; None: the value may do.

    Args:
        parameter: the argument.
        value: what the config gives it.
        exactly: whether the annotations of the part are as they should be. Otherwise only text is refused.
    """
    kinds = alternatives(parameter.annotation)
    if value is None and (parameter.default is None or kinds & {'None', 'NoneType'} or not exactly):
        return None
    if wants_number(parameter):
        return 'a number' if isinstance(value, str) or exactly and not isinstance(value, Number) else None
    if kinds == {'bool'}:
        return 'True or False' if isinstance(value, str) or exactly and value is None else None
    kinds -= {'None', 'NoneType'}
    if not exactly or not kinds:
        return None
    if kinds == {'str'} and not isinstance(value, (str, os.PathLike)):
        return 'a text'
    if kinds <= {'dict', 'Module'} and not isinstance(value, (dict, nn.Module)):
        return 'a dict of settings'
    if kinds <= {'Sequence', 'list', 'tuple'} and (isinstance(value, str) or not isinstance(value, Sequence)):
        return 'a list'
    return None


def wants_number(parameter: inspect.Parameter) -> bool:
    """Whether an argument is annotated to be a number and nothing else."""
    if isinstance(parameter.default, str):
        return False
    kinds = alternatives(parameter.annotation) - {'None', 'NoneType', 'Tensor'}
    return bool(kinds) and kinds <= {'int', 'float'}


def alternatives(annotation: Any) -> set[str]:
    """The names of the types that an annotation allows."""
    if isinstance(annotation, str):
        return {name.strip() for name in annotation.split('|')}
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return {name for part in typing.get_args(annotation) for name in alternatives(part)}
    return {getattr(annotation, '__name__', str(annotation))}
