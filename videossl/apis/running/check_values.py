"""Values of a config that cannot be what their part asks for, found before anything is built."""

import difflib
import inspect
import types
import typing
from typing import Any

from mmengine.config import Config

from videossl.apis.user_errors import find_part, name_of, parameters_of, typed_parts
from videossl.errors import ConfigError

from .launch import MMENGINE_HOOKS

# Keys of parts without a type, or whose own check comes late, and the least that they may be; all are whole numbers.
LEAST = {
    '{}_dataloader.batch_size': 1,
    '{}_dataloader.num_workers': 0,
    'train_cfg.max_epochs': 1,
    'train_cfg.max_iters': 1,
    'train_cfg.val_interval': 1,
    'randomness.seed': 0,
    'optim_wrapper.accumulative_counts': 1,
}
LOG_LEVELS = ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')


def check_values(config: Config) -> None:
    """Refuse values of another type than their part asks for, and hooks with misspelt names.

    Raises:
        ConfigError: so it is. The message names the key.
    """
    settings = config.to_dict()
    check_hooks(settings)
    level = settings.get('log_level', 'INFO')
    if type(level) is not int and level not in LOG_LEVELS:
        raise ConfigError(f'log_level must be one of {", ".join(LOG_LEVELS)}, but is {level!r}')
    for pattern, least in LEAST.items():
        for name in ('train', 'val', 'test') if '{}' in pattern else ('',):
            section, key = pattern.format(name).split('.')
            value = (settings.get(section) or {}).get(key)
            if value is not None and (type(value) is not int or value < least):
                raise ConfigError(f'{section}.{key} must be a whole number of at least {least}, but is {value!r}')
    for path, part in typed_parts(settings):
        found = find_part(part['type'])
        if found is None:
            continue  # building says so
        parameters = parameters_of(found)
        for key, value in part.items():
            if isinstance(value, str) and key in parameters and wants_number(parameters[key]):
                raise ConfigError(f'{path}.{key}: {name_of(part["type"])} needs a number, but it is {value!r}')


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
