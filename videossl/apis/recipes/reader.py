"""Reads a recipe file and command-line arguments into stages, with their lists of videos and overrides."""

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from videossl.config_files import check_option, find_config, load_config
from videossl.errors import ConfigError

from .stage import Stage

STAGE_KEYS = {'config', 'ann_file', 'test_ann_file', 'init_from', 'init_epoch', 'options'}
RECIPE_KEYS = {'stages', 'table', 'ann_files', 'options', 'nets'}


def read_recipe(args: argparse.Namespace, options: Mapping[str, Any] | None = None) -> tuple[list[Stage], Config, Path]:
    """Read a recipe.

    Args:
        args: of the command line.
        options: further overrides, by ``STAGE.KEY`` or ``all.KEY``. Those of the command line override them.

    Returns:
        The stages in the order of the recipe, the recipe, and its work folder.

    Raises:
        ConfigError: a key, stage, list or config is unknown.
    """
    path = Path(find_config(args.recipe))
    recipe = load_config(args.recipe)
    unknown = {key for key in recipe if not key.startswith('_')} - RECIPE_KEYS
    if unknown or 'stages' not in recipe:
        raise ConfigError(
            f'{path}: a recipe has the keys {sorted(RECIPE_KEYS)}, stages being required; unknown: {sorted(unknown)}'
        )
    net = choose_net(recipe, args.net, path)
    work_dir = Path(args.work_dir or Path('work_dirs') / (path.stem if net is None else f'{path.stem}_{net}'))
    lists = dict(recipe.get('ann_files', {}))
    given = dict(_split(text, '--ann-file', 'NAME=LIST') for text in args.ann_file)
    for name in given:
        if name not in lists and name.removesuffix('.test') not in recipe.stages:
            raise ConfigError(
                f'--ann-file {name}=...: {path} has no list and no stage of this name; its lists are '
                f'{sorted(lists)}, its stages {list(recipe.stages)}'
            )
    lists.update(given)
    given_options = {}
    for text in args.cfg_options:
        key, value = _split(text, '--cfg-options', 'STAGE.KEY=VALUE')
        given_options[key] = _parse(text, value)
    overrides = [_by_stage(layer, recipe, path) for layer in (options or {}, given_options)]
    data_root = args.data_root and os.path.normpath(args.data_root)
    if data_root is not None and not Path(data_root).is_dir():
        raise ConfigError(f'--data-root {args.data_root}: there is no such folder')
    # A folder without the recipe's lists is scanned.
    scan = data_root is not None and not given and not any((Path(data_root) / name).exists() for name in lists.values())
    stages: dict[str, Stage] = {}
    for name, entry in recipe.stages.items():
        if set(entry) - STAGE_KEYS or 'config' not in entry:
            raise ConfigError(
                f'{path}: stage {name}: a stage has the keys {sorted(STAGE_KEYS)}, config being '
                f'required; unknown: {sorted(set(entry) - STAGE_KEYS)}'
            )
        if '.' in name:
            raise ConfigError(f'{path}: stage {name}: a name of a stage has no dot')
        source = entry.get('init_from')
        if source is not None and source not in stages:
            raise ConfigError(f'{path}: stage {name} starts from "{source}", which is no stage before it')

        def find_list(key: str) -> str | None:
            label = entry.get(key)
            if label is None or scan:
                return None
            if label not in lists:
                raise ConfigError(f'{path}: stage {name}: {key}="{label}" is none of the lists {sorted(lists)}')
            return lists[label]

        config = os.path.normpath(find_config(entry.config, path.parent))
        stages[name] = Stage(
            name=name,
            config=config,
            folder=work_dir / name,
            data_root=data_root,
            ann_file=given.get(name, find_list('ann_file')),
            test_ann_file=given.get(f'{name}.test', find_list('test_ann_file')),
            init_from=stages.get(source),
            init_epoch=entry.get('init_epoch'),
            options={
                **_applicable(recipe.get('options', {}), config),
                **entry.get('options', {}),
                **{
                    key: value
                    for layer in overrides
                    for part in (_applicable(layer.get('all', {}), config), layer.get(name, {}))
                    for key, value in part.items()
                },
            },
        )
    for key in [key for layer in overrides for key in layer.get('all', {})]:
        if not any(key in stage.options for stage in stages.values()):
            raise ConfigError(
                f'--cfg-options all.{key}: no stage has a place for it. '
                + '; '.join(dict.fromkeys(_why_not(stage.config, key) for stage in stages.values()))
            )
    return _select(stages, args.stage, path), recipe, work_dir


def choose_net(recipe: Config, net: str | None, path: str | Path) -> str | None:
    """Fill a network into a recipe that names several in ``nets``: ``{net}`` stands for its name in the configs of stages,
    and for its words in the names of rows; ``cited`` and ``cited_elsewhere`` (another source's figure) are then dicts by
    network.

    Args:
        recipe: changed in place.
        net: None: the first of ``nets``.
        path: of the recipe, for messages.

    Returns:
        The network's name; None for a recipe without ``nets``.

    Raises:
        ConfigError: the recipe does not have this network.
    """
    nets = recipe.get('nets', {})
    if net is not None and net not in nets:
        raise ConfigError(f'--net {net}: {path} has ' + (f'the networks {list(nets)}' if nets else 'one network only'))
    net = net or next(iter(nets), None)
    if net is None:
        return None
    for entry in recipe.stages.values():
        if 'config' in entry:
            entry.config = entry.config.replace('{net}', net)
    for row in recipe.get('table', {}).get('rows', []):
        row.name = row.name.replace('{net}', nets[net])
        for key in ('cited', 'cited_elsewhere'):
            if isinstance(row.get(key), dict):
                row[key] = row[key].get(net)
    return net


def _select(stages: dict[str, Stage], names: list[str] | None, path: Path) -> list[Stage]:
    if not names:
        return list(stages.values())
    wanted: set[str] = set()
    for name in names:
        if name not in stages:
            raise ConfigError(f'--stage {name}: {path} has no such stage; it has {list(stages)}')
        stage: Stage | None = stages[name]
        while stage is not None:
            wanted.add(stage.name)
            stage = stage.init_from
    return [stage for stage in stages.values() if stage.name in wanted]


def _split(text: str, argument: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition('=')
    if not equals:
        raise ConfigError(f'{argument} {text}: expected {form}')
    return name, value


def _by_stage(options: Mapping[str, Any], recipe: Config, path: Path) -> dict[str, dict[str, Any]]:
    """Overrides by stage or ``'all'``, of each by its key."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in options.items():
        stage, _, key = name.partition('.')
        if stage != 'all' and stage not in recipe.stages:
            raise ConfigError(
                f'--cfg-options {name}: {path} has no stage "{stage}"; use "all" or one of {list(recipe.stages)}'
            )
        found.setdefault(stage, {})[key] = value
    return found


def _parse(text: str, value: str):
    """Parse a value as JSON, whose strings may hold anything, or as ``tools/train.py --cfg-options`` does."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        pass
    if ',' not in value and not value.startswith(('[', '(')):
        return DictAction._parse_int_float_bool(value)
    try:
        return DictAction._parse_iterable(value)
    except AssertionError as error:
        raise ConfigError(f'--cfg-options {text}: {error}') from None


def _why_not(config_path: str, key: str) -> str:
    """The reason why a config does not have the key of an override."""
    try:
        check_option(load_config(config_path), key)
    except ConfigError as error:
        return str(error)
    return f'there is no {key.partition(".")[0]}'


def _applicable(options: dict, config_path: str) -> dict:
    """The overrides whose keys a config has."""
    if not options:
        return {}
    config = load_config(config_path)
    applicable = {}
    for key, value in options.items():
        try:
            check_option(config, key)
        except ConfigError:
            continue
        first, dot, _ = key.partition('.')
        if not dot or config.get(first) is not None:  # a pretraining config has no test_dataloader, for example
            applicable[key] = value
    return applicable
