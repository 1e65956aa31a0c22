"""Config files and overrides, read with an eye on misspelt keys."""

import difflib
import inspect
import os
import os.path as osp
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from videossl.errors import ConfigError

RUNNER_KEYS = set(inspect.signature(Runner.__init__).parameters) - {'self'} | {
    'custom_imports',
    'env_cfg',
    'log_level',
    'launcher',
    'compile',
    'activation_checkpointing',
    'runner_type',
    'efficient_conv_bn_eval',
    'model_wrapper_cfg',
    'sync_bn',
    'find_unused_parameters',
    'resource_limit',
}


def load_config(path: str, options: dict | None = None) -> Config:
    """Read a config file, apply overrides, and look for misspelt keys.

    Raises:
        ConfigError: no such file, or a key that is probably or certainly misspelt.
    """
    if osp.isdir(path):
        raise ConfigError(f'{path} is a folder; name a config in it')
    if not osp.isfile(path):
        folder = osp.dirname(path) or '.'
        near = difflib.get_close_matches(osp.basename(path), os.listdir(folder) if osp.isdir(folder) else [], n=1)
        hint = f'; did you mean {osp.join(folder, near[0])}?' if near else ''
        raise ConfigError(f'there is no config {path}{hint}')
    if not path.endswith(('.py', '.yml', '.yaml', '.json')):
        raise ConfigError(f'{path} is no config: those end in .py (or .yml, .yaml, .json)')
    config = Config.fromfile(path)
    for key in config:
        near = difflib.get_close_matches(key, RUNNER_KEYS, n=1, cutoff=0.78)
        if key not in RUNNER_KEYS and near:
            raise ConfigError(f'{path}: there is no key "{key}"; did you mean "{near[0]}"?')
    for key in options or {}:
        check_option(config, key)
    config.merge_from_dict(options or {})
    return config


def check_option(config: Config, key: str) -> None:
    """Refuse an override whose place in the config does not exist.

    The last part of the key may be new where its parent is built from a registry: whoever is built refuses what it does
    not know.
    """
    parts = key.split('.')
    place = config._cfg_dict
    if parts[0] not in RUNNER_KEYS and isinstance(place.get(parts[0]), (dict, list)):
        copies = [path for path in equal_places(place, place[parts[0]]) if path != parts[0]]
        if copies:
            raise ConfigError(
                f'--cfg-options {key} would change nothing: when the config was read, "{parts[0]}" was copied to '
                f'where it is used; set {" ".join(".".join([path, *parts[1:]]) + "=..." for path in copies)}'
            )
    for depth, part in enumerate(parts):
        if isinstance(place, (list, tuple)):
            if not part.isdigit() or int(part) >= len(place):
                raise ConfigError(
                    f'--cfg-options {key}: "{".".join(parts[:depth])}" is a list of {len(place)} '
                    f'entries, counted from 0; "{part}" is none of them'
                )
            place = place[int(part)]
            continue
        if not isinstance(place, dict):
            raise ConfigError(f'--cfg-options {key}: "{".".join(parts[:depth])}" is {place!r}, which has no keys')
        known = set(place)
        if depth == 0:
            known |= RUNNER_KEYS
        last = depth == len(parts) - 1
        if part not in known and not (last and depth > 0):
            near = difflib.get_close_matches(part, known, n=1)
            where = f'in "{".".join(parts[:depth])}"' if depth else 'in the config'
            raise ConfigError(
                f'--cfg-options {key}: there is no key "{part}" {where}'
                + (f'; did you mean "{near[0]}"?' if near else f', which has {sorted(known)}')
            )
        if last and part not in known:
            near = difflib.get_close_matches(part, known, n=1, cutoff=0.8)
            if near:
                raise ConfigError(
                    f'--cfg-options {key}: there is no key "{part}" in "{".".join(parts[:depth])}"; '
                    f'did you mean "{near[0]}"?'
                )
        place = place.get(part, {})


def equal_places(place: Any, value: Any, path: str = '') -> list[str]:
    """The keys, with dots, below which a config has this value."""
    if path and place == value:
        return [path]
    items = place.items() if isinstance(place, dict) else enumerate(place) if isinstance(place, (list, tuple)) else ()
    return [found for key, entry in items for found in equal_places(entry, value, f'{path}.{key}'.lstrip('.'))]
