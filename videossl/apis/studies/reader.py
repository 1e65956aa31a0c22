"""From a study file and command-line arguments to rows, lists of videos, and runs: a recipe at each seed and grid point."""

import argparse
import fnmatch
import itertools
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

from mmengine.config import Config

from videossl.checks import check_choice
from videossl.config_files import find_config, load_config
from videossl.datasets.annotations import read_annotations
from videossl.errors import ConfigError

from ..recipes.command import parse_args
from ..recipes.reader import read_recipe
from ..recipes.stage import Stage
from .data import VideoCounts, check_groups, check_lists, find_lists, find_videos, hold_out, useful_counts
from .few_labels import write_few_labels

STUDY_KEYS = {
    'recipe', 'rows', 'columns', 'baseline', 'seeds', 'split', 'ann_files', 'options', 'grid', 'few_labels', 'views',
    'protocol', 'render', 'group', 'held_out', 'chosen', 'answer', 'notes', 'keep_finetuned',
    'column_titles'
}  # fmt: skip
ROW_KEYS = {'title', 'features', 'untrained', 'finetune', 'against', 'needs'}
COLUMNS = {'probe': 'linear probe', 'knn': 'kNN', 'R@1': 'R@1', 'R@5': 'R@5', 'finetune': 'fine-tuning'}
# Batch norm measures the videos, the weights stay as they are drawn.
UNTRAINED = {'optim_wrapper.optimizer.lr': 0.0, 'train_cfg.max_epochs': 1}
SPLITS = ('test', 'select')
ALL = 'all'  # in the place of a number of labels per class


@dataclass
class Row:
    """A row of the table.

    Attributes:
        name: its key in the study.
        title: its name in the table.
        features: the stage whose checkpoint gives the frozen features; None: none does.
        untrained: a stage whose net gives them as it is before training.
        finetune: the stage that is fine-tuned and tested; None: none is.
        against: rows that it is compared with, beside the baseline.
        needs: folder below the data root without which the row is left out.
    """

    name: str
    title: str
    features: str | None = None
    untrained: str | None = None
    finetune: str | None = None
    against: list[str] = field(default_factory=list)
    needs: str | None = None


@dataclass
class Run:
    """The recipe at one seed and one point of the grid.

    Attributes:
        seed: of training, and of the choice of few labels.
        point: the options of the grid point, by ``STAGE.KEY``.
        folder: where it works.
        stages: by name, in the order in which they run.
        features: by the name of a row, the stage whose checkpoint gives its features.
        finetuned: by (name of a row, labels per class or ``'all'``), the stage that tests it.
    """

    seed: int
    point: dict
    folder: Path
    stages: dict[str, Stage]
    features: dict[str, Stage]
    finetuned: dict[tuple[str, str], Stage]


@dataclass
class Study:
    """The runs and comparisons of a study."""

    name: str
    config: Config
    work_dir: Path
    data_root: str
    split: str
    lists: dict[str, Path]
    rows: dict[str, Row]
    columns: list[str]
    seeds: list[int]
    counts: list[int]
    points: list[dict]
    stages: list[dict[str, Stage]]  # of the recipe at each point, by name, for a seed to be set
    runs: list[Run]
    videos: VideoCounts
    pretext_chance: dict[str, float]
    notes: list[str]

    def baseline(self, column: str) -> str | None:
        """Name of the row that the others are compared with in a column."""
        baseline = self.config.get('baseline') or {}
        return baseline.get(column, baseline.get('features') if column != 'finetune' else None)


def study_folder(args: argparse.Namespace) -> Path:
    """The work folder of a study: ``--work-dir``, or one named after the study."""
    name = Path(find_config(args.study)).stem
    return Path(args.work_dir or Path('work_dirs') / (f'{name}_select' if args.split == 'select' else name))


def read_study(args: argparse.Namespace) -> Study:
    """The study with its lists written and its runs planned; nothing is trained.

    Raises:
        ConfigError: an unknown key, row, column, stage or list; or data that cannot be compared on.
    """
    path = Path(find_config(args.study))
    config = load_config(args.study)
    unknown = {key for key in config if not key.startswith('_')} - STUDY_KEYS
    if unknown or not {'recipe', 'rows', 'columns'} <= set(config):
        raise ConfigError(
            f'{path}: a study has the keys {sorted(STUDY_KEYS)}, recipe, rows and columns being required; unknown: '
            f'{sorted(unknown)}'
        )
    split = args.split or config.get('split', 'test')
    check_choice(f'{path}: split', split, SPLITS)
    work_dir = study_folder(args)
    recipe_path = find_config(config.recipe, path.parent)
    recipe = load_config(recipe_path)
    notes = list(config.get('notes', []))
    data_root = find_videos(config, args.data_root, work_dir, render=not args.dry_run)
    pattern = config.get('group') if args.group is None else args.group or None
    names = {**recipe.get('ann_files', {}), **config.get('ann_files', {})}
    lists = find_lists(names, args, data_root, pattern, work_dir, notes)
    if split == 'select':
        lists = hold_out(lists, data_root, pattern, config.get('held_out', 1 / 3), work_dir, notes)
    videos = check_lists(lists, data_root, notes)
    if pattern is not None:
        check_groups(lists, pattern, args.group is not None, notes)
    rows = rows_to_run(read_rows(config, args.rows), data_root, notes)
    columns = chosen('columns', None, list(config.columns), COLUMNS)
    columns = chosen('--columns', args.columns, columns, columns)
    few = config.get('few_labels') or {}
    seeds = list(dict.fromkeys(args.seeds or config.get('seeds', [0])))
    if any(not 0 <= seed < 2**32 for seed in seeds):
        raise ConfigError(f'seeds {seeds}: a seed is a number from 0 to 2**32 - 1')
    study = Study(
        name=path.stem,
        config=config,
        work_dir=work_dir,
        data_root=data_root,
        split=split,
        lists=lists,
        rows=rows,
        columns=columns,
        seeds=seeds,
        counts=useful_counts(few.get('counts', []), lists['train']),
        points=[
            dict(zip(config.get('grid', {}), values)) for values in itertools.product(*config.get('grid', {}).values())
        ],
        stages=[],
        runs=[],
        videos=videos,
        pretext_chance=dict((recipe.get('table') or {}).get('chance', {})),
        notes=notes,
    )
    study.stages = [read_stages(study, recipe_path, point, args.cfg_options) for point in study.points]
    study.runs = lay_out(study)
    if not any(run.stages for run in study.runs):
        raise ConfigError(f'nothing to run: the rows {list(rows)} have no value in the columns {columns}')
    return study


def with_earlier(study: Study, earlier: Sequence[dict]) -> Study:
    """The study with the rows, columns and seeds of other results besides.

    Args:
        study: what this call asks for.
        earlier: contents of ``results.json``, of its folder and of those that are joined to it; empty before the first call.
    """
    cells = [
        cell
        for results in earlier
        if (results.get('name'), results.get('split')) == (study.name, study.split)
        for cell in results.get('cells', [])
    ]
    if not cells:
        return study
    available = [name for name, entry in study.config.rows.items() if entry is not None]
    names = {cell['row'] for cell in cells}.intersection(available).union(study.rows)
    columns = {cell['column'] for cell in cells}.union(study.columns)
    seeds = {int(seed) for cell in cells for seed in cell['values']} - set(study.seeds)
    study = replace(
        study,
        rows=read_rows(study.config, names),  # what has values is shown without its folder, too
        columns=[name for name in study.config.columns if name in columns],
        seeds=sorted([*study.seeds, *seeds]) if seeds else study.seeds,
    )
    return replace(study, runs=lay_out(study))


def lay_out(study: Study) -> list[Run]:
    """The runs of a study. Points of the grid share the stages that they do not change."""
    known: dict[tuple, Stage] = {}
    return [
        lay_out_run(study, stages, point, seed, known)
        for point, stages in zip(study.points, study.stages)
        for seed in study.seeds
    ]


def chosen(option: str, names: Collection[str] | None, default: Sequence[str], known: Collection[str]) -> list[str]:
    """The selected names, in the order of the study.

    Raises:
        ConfigError: one of them is not known.
    """
    unknown = [name for name in names or default if name not in known]
    if unknown:
        raise ConfigError(f'{option}: there is no {unknown[0]}; there are {list(known)}')
    return [name for name in default if names is None or name in names]


def read_rows(config: Config, names: Collection[str] | None) -> dict[str, Row]:
    """The rows of a study; None: all of them."""
    rows = {}
    available = [name for name, entry in config.rows.items() if entry is not None]
    for name in chosen('--rows', names, available, available):
        entry = config.rows[name]
        if set(entry) - ROW_KEYS:
            raise ConfigError(
                f'row {name}: a row has the keys {sorted(ROW_KEYS)}; unknown: {sorted(set(entry) - ROW_KEYS)}'
            )
        rows[name] = Row(**{'name': name, 'title': name, **entry.to_dict()})
    return rows


def rows_to_run(rows: dict[str, Row], data_root: str, notes: list[str]) -> dict[str, Row]:
    """The rows whose folder is there; ``notes`` lists those that are left out, and why."""
    found = {}
    for name, row in rows.items():
        if row.needs is not None and not (Path(data_root) / row.needs).is_dir():
            notes.append(f'{row.title} was left out: there is no folder {Path(data_root) / row.needs}.')
        else:
            found[name] = row
    if not found:
        raise ConfigError('no row is left to run')
    return found


def read_stages(study: Study, recipe: str, point: dict, cfg_options: Sequence[str]) -> dict[str, Stage]:
    """The recipe's stages at a grid point, by name, for a seed to be set."""
    stages = load_config(recipe).stages
    settings = {'all.model.cls_head.num_classes': study.videos.classes, **study.config.get('options', {}), **point}
    options = {
        name: with_data_root(value, study.data_root)
        for key, value in settings.items()
        for name in each_stage(key, stages)
    }
    given = [option for text in cfg_options for option in each_stage(text, stages)]
    in_grid = {name for key in study.config.get('grid', {}) for name in each_stage(key, stages)}
    for option in given:
        stage, _, key = option.partition('=')[0].partition('.')
        compared = {other.partition('.')[0] for other in in_grid if other.partition('.')[2] == key}
        if compared & {stage, 'all'} or compared and stage == 'all':
            raise ConfigError(f'--cfg-options {option}: the study compares values of this setting; change its grid')
    arguments = [recipe, '--work-dir', str(study.work_dir), '--data-root', study.data_root, '--ann-file']
    arguments += [f'{name}={path.resolve()}' for name, path in study.lists.items()]
    args = parse_args(arguments)
    args.cfg_options = given
    return {stage.name: stage for stage in read_recipe(args, options)[0]}


def each_stage(option: str, stages: Sequence[str]) -> list[str]:
    """``finetune*.KEY`` or ``finetune*.KEY=VALUE`` as one for each stage whose name matches."""
    pattern, dot, rest = option.partition('.')
    if '*' not in pattern:
        return [option]
    names = fnmatch.filter(stages, pattern)
    if not names:
        raise ConfigError(f'{option}: no stage is called like that; there are {list(stages)}')
    return [f'{name}{dot}{rest}' for name in names]


def lay_out_run(
    study: Study, recipe_stages: dict[str, Stage], point: dict, seed: int, known: dict[tuple, Stage]
) -> Run:
    """The stages of one seed at one grid point. A stage that the point does not change is that of the first point."""
    folder = study.work_dir / point_name(point) / f'seed_{seed}'
    all_stages = {
        name: replace(stage, folder=folder / name, options={**stage.options, 'randomness.seed': seed})
        for name, stage in recipe_stages.items()
    }
    run = Run(seed, point, folder, {}, {}, {})

    def wanted(name: str, row: Row) -> Stage:
        if name not in all_stages:
            raise ConfigError(f'row {row.name}: the recipe has no stage {name}; it has {list(all_stages)}')
        stage = all_stages[name]
        if stage.init_from is not None:
            stage.init_from = wanted(stage.init_from.name, row)
        return add(stage)

    def add(stage: Stage) -> Stage:
        if stage.ann_file is None:
            raise ConfigError(
                f"the recipe's stage {stage.name} names no list by ann_file: it would train on all videos of the folder, the "
                'test videos among them'
            )
        same = known.setdefault((stage.name, stage.fingerprint), stage)
        return run.stages.setdefault(stage.name, same)

    frozen = any(column != 'finetune' for column in study.columns)
    for row in study.rows.values():
        if frozen and row.features is not None:
            run.features[row.name] = wanted(row.features, row)
        if frozen and row.untrained is not None:
            trained = all_stages.get(row.untrained)
            if trained is None:
                raise ConfigError(f'row {row.name}: the recipe has no stage {row.untrained}')
            name = f'untrained_{row.untrained}'
            options = {**trained.options, **UNTRAINED}
            run.features[row.name] = add(
                replace(trained, name=name, folder=folder / name, init_from=None, options=options)
            )
        if 'finetune' in study.columns and row.finetune is not None:
            stage = run.finetuned[row.name, ALL] = wanted(row.finetune, row)
            for few in few_label_stages(study, stage, run):
                run.finetuned[row.name, few.name.rpartition('_')[2]] = add(few)
    return run


def few_label_stages(study: Study, stage: Stage, run: Run) -> list[Stage]:
    """A fine-tuning stage with fewer labels, each with as many iterations as with all: the list is repeated more often."""
    few = study.config.get('few_labels') or {}
    counts = [count for count in study.counts if count in few.get('finetune', [])]
    if not counts:
        return []
    lists = write_few_labels(study.lists['train'], counts, run.seed, study.work_dir / 'lists')
    everything = len(read_annotations(str(study.lists['train'])))
    try:
        repeats = reduce(lambda place, key: place[key], few.get('repeats', '').split('.'), stage.resolved_config)
    except (KeyError, TypeError):
        raise ConfigError(
            f'few_labels.repeats="{few.get("repeats")}": stage {stage.name} has no such setting'
        ) from None
    stages = []
    for count, path in lists.items():
        times = math.ceil(repeats * everything / len(read_annotations(str(path))))
        name = f'{stage.name}_{count}'
        options = {**stage.options, few['repeats']: times}
        stages.append(
            replace(stage, name=name, folder=run.folder / name, ann_file=str(path.resolve()), options=options)
        )
    return stages


def point_name(point: dict) -> str:
    """Folder of a grid point: ``vspp.lr=0.01``; empty without a grid."""
    text = ','.join(f'{short(key)}={value}' for key, value in point.items())
    return re.sub(r'[^\w.,=+-]', '_', text)


def short(key: str) -> str:
    """First and last part of an option's key."""
    parts = key.split('.')
    return '.'.join(parts if len(parts) < 3 else (parts[0], parts[-1]))


def with_data_root(value: Any, data_root: str) -> Any:
    """A value in which ``{data_root}`` of each text stands for the folder of the videos."""
    if isinstance(value, dict):
        return {key: with_data_root(entry, data_root) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(with_data_root(entry, data_root) for entry in value)
    return value.replace('{data_root}', data_root) if isinstance(value, str) else value
