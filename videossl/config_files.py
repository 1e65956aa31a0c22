"""Config files and overrides, read with an eye on misspelt keys."""

import ast
import copy
import difflib
import inspect
import os
import os.path as osp
import re
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.utils import import_modules_from_strings

from videossl.compat import config_directory
from videossl.errors import ConfigError

RUNNER_KEYS = set(inspect.signature(Runner.__init__).parameters) - {'self'} | {
    *('custom_imports', 'env_cfg', 'log_level', 'launcher', 'compile', 'activation_checkpointing', 'runner_type'),
    *('efficient_conv_bn_eval', 'model_wrapper_cfg', 'sync_bn', 'find_unused_parameters', 'resource_limit'),
}

BEGINNINGS = ('videossl::', 'configs/')  # of a name that means a config which is installed with videossl

ENDINGS = ('.py', '.yml', '.yaml', '.json')


def find_config(name: str, folder: str | os.PathLike = '') -> str:
    """The file that a name of a config, a recipe or a study means.

    A name that begins with ``videossl::`` or ``configs/`` means one that is installed with videossl, from any folder; a file that
    exists under the name itself comes first.

    Args:
        name: path, or ``videossl::laptop/NAME.py``, or ``configs/laptop/NAME.py``.
        folder: folder that a relative path starts from.

    Returns:
        The path; ``folder`` and ``name`` joined, unless a config of videossl is meant.
    """
    path = osp.join(folder, name)
    for beginning in BEGINNINGS:
        if name.startswith(beginning) and not osp.exists(path):
            return osp.join(config_directory(), name.removeprefix(beginning))
    return path


def load_config(path: str, options: dict | None = None) -> Config:
    """Read a config file (:func:`find_config`), apply overrides, and refuse misspelt keys.

    Args:
        path: see :func:`find_config`.
        options: values by key, ``{'model.backbone.depth': 18}``.

    Raises:
        ConfigError: the file does not exist or cannot be read, or a key is unknown.
    """
    name, path = path, find_config(path)
    if osp.isdir(path):
        inside = min((osp.join(name, file) for file in os.listdir(path) if file.endswith('.py')), default=None)
        raise ConfigError(f'{path} is a folder; name a config in it' + (f', such as {inside}' if inside else ''))
    if not osp.isfile(path):
        near = near_configs(name, path)
        hint = f'; did you mean {" or ".join(near)}?' if near else ''
        raise ConfigError(f'there is no config {path}{hint}')
    if not path.endswith(ENDINGS):
        raise ConfigError(f'{path} is no config: those end in .py (or .yml, .yaml, .json)')
    config = read_config(path)
    for key in config:
        near = [] if key in RUNNER_KEYS else difflib.get_close_matches(key, RUNNER_KEYS, n=1, cutoff=0.78)
        if near:
            raise ConfigError(f'{path}: there is no key "{key}"; did you mean "{near[0]}"?')
    for key in options or {}:
        check_option(config, key)
    config.merge_from_dict(options or {})
    return config


def near_configs(name: str, path: str) -> list[str]:
    """Up to three configs that may be meant by the name of one that is not there, in the form of the name.

    Args:
        name: as :func:`find_config` takes it.
        path: that it means.
    """
    folder = osp.dirname(path)
    beginning = next((beginning for beginning in BEGINNINGS if name.startswith(beginning) and name != path), '')
    here = _near_files(path, os.listdir(folder or '.') if osp.isdir(folder or '.') else [])
    if here:
        shown = osp.dirname(name.removeprefix(beginning))
        return [beginning + osp.join(shown, file) for file in here]
    ours = Path(config_directory())
    files = [file.relative_to(ours).as_posix() for file in ours.glob('*/*.py') if file.parent.name != '_base_']
    near = _near_files(name.removeprefix(beginning), files)
    return [(beginning or BEGINNINGS[0]) + file for file in near]


def _near_files(path: str, files: Iterable[str]) -> list[str]:
    """The configs whose names go on where that of a path ends, else the nearest one, else those of the nearest method."""
    stem = osp.splitext(osp.basename(path))[0]
    stems: dict[str, list[str]] = {}
    for file in files:
        if file.endswith(ENDINGS):
            stems.setdefault(osp.splitext(osp.basename(file))[0], []).append(file)
    found = [other for other in stems if re.match(rf'{re.escape(stem)}([_.-]|$)', other)]
    found = found or difflib.get_close_matches(stem, stems, n=1)
    if not found:
        method = difflib.get_close_matches(stem, {other.partition('_')[0] for other in stems}, n=1)
        found = [other for other in stems if [other.partition('_')[0]] == method]
    near = [file for other in found for file in stems[other]]
    return sorted(near, key=lambda file: difflib.SequenceMatcher(None, path, file).ratio(), reverse=True)[:3]


def check_option(config: Config, key: str) -> None:
    """Refuse an override of a key that the config does not have.

    The last part of the key may be new, since a part may have arguments that the config does not set;
    :func:`~videossl.apis.running.check_config.check_config` refuses unknown arguments.
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
    """The paths in a config that have this value."""
    if path and place == value:
        return [path]
    items = place.items() if isinstance(place, dict) else enumerate(place) if isinstance(place, (list, tuple)) else ()
    return [found for key, entry in items for found in equal_places(entry, value, f'{path}.{key}'.lstrip('.'))]


# Configs that this process has read, each with its files as they were then: the stages of a study read few files often.
_configs: dict[str, tuple[dict[str, tuple[int, ...]], Config]] = {}


def read_config(path: str) -> Config:
    """mmengine's ``Config.fromfile``. A config whose files have not changed since is not read again.

    Raises:
        ConfigError: the config, one that it inherits, or a module of its ``custom_imports`` cannot be read.
    """
    name = osp.abspath(path)
    if name not in _configs or any(stamp != _stamp(file) for file, stamp in _configs[name][0].items()):
        files = {osp.abspath(file): _stamp(file) for file in check_syntax(path)}
        _configs[name] = files, _read_config(path)
    return copy.deepcopy(_configs[name][1])


def _stamp(file: str) -> tuple[int, ...]:
    try:
        status = os.stat(file)
    except FileNotFoundError:
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read_config(path: str) -> Config:
    try:
        config = Config.fromfile(path, import_custom_modules=False)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f'{last.filename}, line {last.lineno}' if last.filename.endswith('.py') else path
        raise ConfigError(f'{place}: {type(error).__name__}: {error}') from error
    if config.get('custom_imports'):
        try:
            import_modules_from_strings(**config.custom_imports)
        except ImportError as error:
            cause: BaseException = error
            while cause.__cause__ or cause.__context__:
                cause = cause.__cause__ or cause.__context__ or cause
            raise ConfigError(
                f'{path}: custom_imports: {cause}; the folder of a module of your own has to be in PYTHONPATH'
            ) from error
    return config


def check_syntax(path: str) -> list[str]:
    """Refuse a Python config that is no Python, or that inherits a file which is not there, at any depth.

    Returns:
        The config and the files that it inherits, except those of packages.
    """
    if not osp.isfile(path):
        raise ConfigError(f'{path}: there is no such config; the _base_ of another names it')
    files = [path]
    if not path.endswith('.py'):
        return files
    with open(path, encoding='utf-8') as file:
        text = file.read()
    try:
        lines = ast.parse(text, path).body
    except SyntaxError as error:
        raise ConfigError(f'{path}, line {error.lineno}: {error.msg}: {(error.text or "").strip()}') from error
    for line in lines:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and line.targets[0].id == '_base_':
            try:
                names = ast.literal_eval(line.value)
            except ValueError:  # an expression, for mmengine to evaluate
                continue
            for name in [names] if isinstance(names, str) else names:
                if '::' not in name:  # PACKAGE::NAME is in a package
                    files += check_syntax(osp.normpath(osp.join(osp.dirname(path), name)))
    return files
