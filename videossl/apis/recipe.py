"""Run a recipe: named stages one after another, each a config, each starting from another's checkpoint."""
import argparse
import hashlib
import json
import os
import pprint
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mmengine.config import Config, DictAction
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from videossl.visualization import plot_curves, read_scalars

from .launch import ConfigError, check_option, innermost_dataset, load_config, point_at_data

STAGE_KEYS = {'config', 'ann_file', 'test_ann_file', 'init_from', 'init_epoch', 'options'}
RECIPE_KEYS = {'stages', 'table', 'ann_files', 'options'}
NEAR_CHANCE = 0.05
LINE_SECONDS = 30  # between two lines of progress where the output goes to a file
STOP_SECONDS = 10  # for a command to end by itself when the run is stopped


@dataclass
class Stage:
    """One stage of a recipe.

    Attributes:
        name: its key in the recipe; also its folder's name.
        config: path of its config.
        folder: where it works.
        data_root: folder of videos, or None for what the config says.
        ann_file: list of videos to train on. None: what the config says, or with a ``data_root`` all videos in it.
        test_ann_file: the same for the test.
        init_from: the stage whose checkpoint it starts from.
        init_epoch: which of that stage's epochs; None: its last.
        options: overrides of its config.
    """
    name: str
    config: str
    folder: Path
    data_root: str | None = None
    ann_file: str | None = None
    test_ann_file: str | None = None
    init_from: 'Stage | None' = None
    init_epoch: int | None = None
    options: dict = field(default_factory=dict)

    @property
    def state_file(self) -> Path:
        return self.folder / 'stage.json'

    def read_state(self) -> dict:
        """What is done: ``fingerprint``, ``seconds``, ``trained``, ``metrics``."""
        return json.loads(self.state_file.read_text()) if self.state_file.exists() else dict(seconds=0.0)

    def write_state(self, state: dict) -> None:
        write_whole(self.state_file, json.dumps(state, indent=2))

    def has_checkpoint(self) -> bool:
        return (self.folder / 'last_checkpoint').exists()

    def checkpoint(self, epoch: int | None = None) -> str:
        """Path of the checkpoint after an epoch, or of the last.

        Raises:
            ConfigError: it is not there.
        """
        if epoch is not None:
            name = f'epoch_{epoch}.pth'
        else:
            # By its name alone: the folder may have been moved since, with all that is in it.
            pointer = self.folder / 'last_checkpoint'
            name = Path(pointer.read_text().strip()).name if pointer.exists() else 'last_checkpoint'
        path = self.folder / name
        if not path.exists():
            raise ConfigError(f'stage {self.name}: there is no checkpoint {path}. Either it was deleted; then delete '
                              'the whole folder to run the stage anew. Or the stage does not keep this epoch; see '
                              'max_keep_ckpts and interval in default_hooks.checkpoint')
        return str(path)

    @cached_property
    def resolved_config(self) -> Config:
        """The config as the stage runs it: overrides and data are in it."""
        try:
            config = load_config(self.config, dict(self.options))
            if config.get('train_dataloader') is None:
                raise ConfigError('it has no train_dataloader, so there is nothing to train')
            point_at_data(config.train_dataloader, self.data_root, self.ann_file)
            for name in ('val_dataloader', 'test_dataloader'):
                if config.get(name) is None:
                    continue
                if 'dataset' not in config[name]:
                    raise ConfigError(f'its {name} has no dataset: settings were given for what the config has not')
                point_at_data(config[name], self.data_root, self.test_ann_file)
        except ConfigError as error:
            raise ConfigError(f'stage {self.name}, {self.config}: {error}') from None
        return config

    @property
    def has_test(self) -> bool:
        return self.resolved_config.get('test_dataloader') is not None

    def lists(self) -> list[Path]:
        """The lists of videos that it reads."""
        paths = []
        for name in ('train_dataloader', 'test_dataloader'):
            loader = self.resolved_config.get(name)
            dataset = innermost_dataset(loader.dataset) if loader is not None else {}
            if dataset.get('ann_file'):
                paths.append(Path(dataset.get('data_root') or '') / dataset.ann_file)
        return paths

    @cached_property
    def fingerprint(self) -> str:
        """Changes with everything that the stage's result depends on, up to the contents of the videos."""
        parts = [self.resolved_config.to_dict(), self.init_epoch, self.init_from and self.init_from.fingerprint]
        parts += [hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None for path in self.lists()]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def check(self) -> None:
        """Find out before hours of other stages what would stop this one.

        Raises:
            ConfigError: its config cannot be, its data are not there, or its folder holds something else.
        """
        state = self.read_state()
        fingerprint = self.fingerprint
        if state.get('fingerprint', fingerprint) != fingerprint and self.has_checkpoint():
            raise ConfigError(f'{self.folder} holds stage "{self.name}" of other settings (config, data or a stage '
                              'before it differ). Choose another --work-dir, or delete that folder to run the stage '
                              'anew')
        if state.get('trained') and ('metrics' in state or not self.has_test):
            return
        for path in self.lists():
            if not path.is_file() and '://' not in str(path):
                raise ConfigError(f'stage {self.name}: there is no list {path}; name the folder of the videos with '
                                  '--data-root, and lists below it with --ann-file NAME=LIST')
        learns_labels = 'cls_head' in self.resolved_config.get('model', {})
        if self.data_root is not None and learns_labels and not (self.ann_file and (
                self.test_ann_file or not self.has_test)):
            raise ConfigError(f'stage {self.name} learns labels, and a folder has none: give its lists with --ann-file '
                              f'(for training and test; by the names of the recipe, or {self.name}=LIST '
                              f'{self.name}.test=LIST), or choose stages without labels with --stage')


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(path.name + '.part')
    temporary.write_text(text)
    os.replace(temporary, path)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Run the stages of a recipe. What is done is not done again; a killed run goes on where it was.')
    parser.add_argument('recipe', help='recipe file, e.g. configs/recipes/laptop.py')
    parser.add_argument('--work-dir', help='folder for all stages; default: work_dirs/NAME_OF_RECIPE')
    parser.add_argument('--data-root', help='folder of videos for all stages; alone, it is scanned recursively')
    parser.add_argument('--ann-file', nargs='+', default=[], metavar='NAME=LIST',
                        help='lists of videos below --data-root, by the names that the recipe gives them in ann_files, '
                        'or by a stage\'s name, and STAGE.test for its test')
    parser.add_argument('--stage', nargs='+', metavar='NAME', help='run these stages only, and those they start from')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='STAGE.KEY=VALUE',
                        help='override settings of a stage\'s config, or with "all." of every stage\'s that has them; '
                        'lists as KEY="[a,b]" or KEY=a,b')
    return parser.parse_args(argv)


def read_recipe(args: argparse.Namespace) -> tuple[list[Stage], Config, Path]:
    """The stages in the order of the recipe, the recipe, and its work folder.

    Raises:
        ConfigError: an unknown key, stage, list or config.
    """
    path = Path(args.recipe)
    recipe = load_config(str(path))
    unknown = {key for key in recipe if not key.startswith('_')} - RECIPE_KEYS
    if unknown or 'stages' not in recipe:
        raise ConfigError(f'{path}: a recipe has the keys {sorted(RECIPE_KEYS)}, stages being required; '
                          f'unknown: {sorted(unknown)}')
    work_dir = Path(args.work_dir or Path('work_dirs') / path.stem)
    lists = dict(recipe.get('ann_files', {}))
    given = dict(_split(text, '--ann-file', 'NAME=LIST') for text in args.ann_file)
    for name in given:
        if name not in lists and name.removesuffix('.test') not in recipe.stages:
            raise ConfigError(f'--ann-file {name}=...: {path} has no list and no stage of this name; its lists are '
                              f'{sorted(lists)}, its stages {list(recipe.stages)}')
    lists.update(given)
    options: dict[str, dict] = {}
    for text in args.cfg_options:
        key, value = _split(text, '--cfg-options', 'STAGE.KEY=VALUE')
        stage, _, key = key.partition('.')
        if stage != 'all' and stage not in recipe.stages:
            raise ConfigError(f'--cfg-options {text}: {path} has no stage "{stage}"; use "all" or one of '
                              f'{list(recipe.stages)}')
        options.setdefault(stage, {})[key] = _parse(text, value)
    data_root = args.data_root and os.path.normpath(args.data_root)
    if data_root is not None and not Path(data_root).is_dir():
        raise ConfigError(f'--data-root {args.data_root}: there is no such folder')
    # A folder alone is scanned; then the lists that the recipe names are not meant.
    scan = data_root is not None and not given and not any(
        (Path(data_root) / name).exists() for name in lists.values())
    stages: dict[str, Stage] = {}
    for name, entry in recipe.stages.items():
        if set(entry) - STAGE_KEYS or 'config' not in entry:
            raise ConfigError(f'{path}: stage {name}: a stage has the keys {sorted(STAGE_KEYS)}, config being '
                              f'required; unknown: {sorted(set(entry) - STAGE_KEYS)}')
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

        config = os.path.normpath(path.parent / entry.config)
        stages[name] = Stage(
            name=name,
            config=config,
            folder=work_dir / name,
            data_root=data_root,
            ann_file=given.get(name, find_list('ann_file')),
            test_ann_file=given.get(f'{name}.test', find_list('test_ann_file')),
            init_from=stages.get(source),
            init_epoch=entry.get('init_epoch'),
            options={**_fitting(recipe.get('options', {}), config), **entry.get('options', {}),
                     **_fitting(options.get('all', {}), config), **options.get(name, {})})
    for key in options.get('all', {}):
        if not any(key in stage.options for stage in stages.values()):
            check_option(load_config(next(iter(stages.values())).config), key)  # says what is wrong with it
    return _select(stages, args.stage, path), recipe, work_dir


def _select(stages: dict[str, Stage], names: list[str] | None, path: Path) -> list[Stage]:
    if not names:
        return list(stages.values())
    wanted: set[str] = set()
    for name in names:
        if name not in stages:
            raise ConfigError(f'--stage {name}: {path} has no such stage; it has {list(stages)}')
        stage = stages[name]
        while stage is not None:
            wanted.add(stage.name)
            stage = stage.init_from
    return [stage for stage in stages.values() if stage.name in wanted]


def _split(text: str, argument: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition('=')
    if not equals:
        raise ConfigError(f'{argument} {text}: expected {form}')
    return name, value


def _parse(text: str, value: str):
    """A value as ``tools/train.py --cfg-options`` understands it, or as JSON, whose strings may hold anything."""
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


def _fitting(options: dict, config_path: str) -> dict:
    """Those overrides that a config has a place for."""
    if not options:
        return {}
    config = load_config(config_path)
    fitting = {}
    for key, value in options.items():
        try:
            check_option(config, key)
        except ConfigError:
            continue
        first, dot, _ = key.partition('.')
        if not dot or config.get(first) is not None:  # pretraining, say, has no test_dataloader to set the size of
            fitting[key] = value
    return fitting


class Display:
    """Shows how far the run is: bars on a terminal; where the output goes to a file, a line from time to time.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.narrow = console.is_terminal and console.width < 110
        columns = (TextColumn('{task.description}', markup=False), BarColumn(bar_width=8 if self.narrow else 20),
                   MofNCompleteColumn(), TimeRemainingColumn(), TextColumn('{task.fields[note]}', markup=False))
        self.bars = Progress(*columns, console=console, refresh_per_second=2, disable=not console.is_terminal)

    def say(self, text: str, style: str | None = None) -> None:
        """Print a line whole: paths are not to be broken."""
        self.console.print(text, style=style, soft_wrap=True)

    def begin(self, title: str, log: Path) -> None:
        """A command starts."""
        self.title = title
        self.bar = self.bars.add_task(title, total=None, note='starting')
        self.first: tuple[float, int] | None = None
        self.last_line = float('-inf')
        if not self.console.is_terminal:
            self.say(f'{title}: starting; everything it prints goes to {log}')

    def update(self, progress_file: Path) -> None:
        """Show what the command has written about itself."""
        if not progress_file.exists():
            return
        state = json.loads(progress_file.read_text())
        done, total = state['done'], state['total']
        # Where there is little room, the accuracies say more than the loss.
        names = [name for name in state['metrics'] if not name.startswith('loss' if self.narrow else 'loss_')]
        note = '  '.join(f'{name.removeprefix("acc_")} {state["metrics"][name]:.2f}' for name in names)
        now = time.monotonic()
        if self.first is None:
            # A resumed stage has much behind it that took no time now.
            self.first = (now, done)
            self.bars.reset(self.bar, total=total, completed=done)
        self.bars.update(self.bar, completed=done, total=total, note=note)
        if not self.console.is_terminal and now - self.last_line >= LINE_SECONDS:
            self.last_line = now
            seconds, steps = now - self.first[0], done - self.first[1]
            left = f'  {(total - done) * seconds / steps / 60:.1f} minutes left' if steps else ''
            self.say(f'{self.title}: {done}/{total}{left}  {note}'.rstrip())


def run_stage(stage: Stage, display: Display) -> None:
    """Train a stage, and test it where its config has a test, unless that is done."""
    stage.check()
    stage.folder.mkdir(parents=True, exist_ok=True)
    state = stage.read_state()
    if state.get('fingerprint', stage.fingerprint) != stage.fingerprint:
        # It never came to a checkpoint: a try with a wrong option. Only its curves could be mistaken for the new ones.
        for scalars in stage.folder.glob('*/vis_data/scalars.json'):
            scalars.unlink()
        state = dict(seconds=0.0)
    if 'fingerprint' not in state:
        state['fingerprint'] = stage.fingerprint
        stage.write_state(state)
    if not state.get('trained'):
        arguments = ['--resume']
        if stage.init_from is not None:
            arguments += ['--init-from', stage.init_from.checkpoint(stage.init_epoch)]
        _run('train', arguments, stage, state, 'training', display)
        state['trained'] = True
        stage.write_state(state)
    if stage.has_test and 'metrics' not in state:
        metrics_file = stage.folder / 'metrics.json'
        _run('test', [stage.checkpoint(), '--metrics-file', str(metrics_file)], stage, state, 'test', display)
        state['metrics'] = json.loads(metrics_file.read_text())
        stage.write_state(state)


def _run(tool: str, arguments: list[str], stage: Stage, state: dict, what: str, display: Display) -> None:
    """Run training or test as a process of its own, showing its progress, its output going to a log file."""
    progress_file = stage.folder / 'progress.json'
    progress_file.unlink(missing_ok=True)
    # A config of its own: as arguments, strings with spaces or commas would not arrive as they are.
    config = stage.resolved_config.to_dict()
    hooks = config.get('default_hooks') or {}
    config['default_hooks'] = dict(hooks, progress=dict(type='videossl.ProgressHook', file=str(progress_file),
                                                        parent=os.getpid()))
    config_file = stage.folder / f'{stage.name}.py'
    write_whole(config_file, ''.join(f'{key} = {pprint.pformat(value, width=110, sort_dicts=False)}\n'
                                     for key, value in config.items()))
    log = stage.folder / 'output.log'
    display.begin(f'{stage.name}: {what}', log)
    with open(log, 'a') as output:
        process = subprocess.Popen(
            [sys.executable, '-m', f'videossl.apis.{tool}', str(config_file), *arguments, '--work-dir',
             str(stage.folder)], stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        before, started = state['seconds'], time.monotonic()
        written = 0.0
        try:
            while not has_ended(process, seconds=0.25):
                spent = time.monotonic() - started
                state['seconds'] = before + spent
                if spent - written >= 1:
                    written = spent
                    stage.write_state(state)
                display.update(progress_file)
        finally:
            stop(process)
    display.update(progress_file)
    if process.returncode != 0:
        how = f'failed with status {process.returncode}' if process.returncode > 0 else (
            f'was ended by signal {-process.returncode}' +
            (', as the system does when memory runs out' if process.returncode == -9 else ''))
        tail = '\n'.join(log.read_text(errors='replace').splitlines()[-12:])
        raise RuntimeError(f'the end of {log}:\n{tail}\n\nstage "{stage.name}", {what}, {how}; see above. When the '
                           'reason is removed, run the same command again to go on')


def has_ended(process: subprocess.Popen, seconds: float) -> bool:
    """Whether a process ends within so many seconds."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def stop(process: subprocess.Popen) -> None:
    """End a process, if it has not ended, and wait until it is gone."""
    if process.poll() is not None:
        return
    process.terminate()
    if not has_ended(process, STOP_SECONDS):
        process.kill()
        process.wait()


def pretext_accuracies(stage: Stage) -> dict[str, float]:
    """Mean of each training accuracy over the last epoch; every clip is a fresh draw."""
    scalars = read_scalars(stage.folder)
    values: dict[str, list[float]] = {}
    for entry in scalars:
        if entry.get('epoch') == scalars[-1].get('epoch'):
            for name in entry:
                if name.startswith('acc_'):
                    values.setdefault(name, []).append(entry[name])
    return {name: sum(values[name]) / len(values[name]) for name in sorted(values)}


def warn_at_chance(stage: Stage, chance: dict[str, float], display: Display) -> None:
    """Say so when a pretext task was not learnt: its features are then worth nothing."""
    for name, accuracy in pretext_accuracies(stage).items():
        if name in chance and accuracy < chance[name] + NEAR_CHANCE:
            display.say(f'{stage.name}: {name} is {accuracy:.2f}, and guessing gives {chance[name]:.2f}: the pretext '
                        'task was not learnt, so do not expect its features to help. Train for longer, at a smaller '
                        'input or with a higher learning rate, or on videos with more motion.', style='yellow')


def result_rows(recipe: Config, stages: list[Stage]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the recipe's table; a row whose stages were not all run is left out."""
    by_name = {stage.name: stage for stage in stages}
    chance = recipe.table.get('chance', {})
    rows = [row for row in recipe.table.get('rows', []) if all(name in by_name for name in row.stages)]
    accuracies = {row.name: {name: value for stage in row.stages for name, value in
                             pretext_accuracies(by_name[stage]).items()} for row in rows}
    metrics = {row.name: {name: value for stage in row.stages for name, value in
                          by_name[stage].read_state().get('metrics', {}).items()} for row in rows}
    pretext = list(dict.fromkeys(name for row in rows for name in accuracies[row.name]))
    tested = list(dict.fromkeys(name for row in rows for name in metrics[row.name] if name in ('acc/top1', 'acc/top5')))
    cited = any('cited' in row for row in rows)

    def heading(name: str) -> str:
        title = {'acc/top1': 'top-1', 'acc/top5': 'top-5'}.get(name, name.removeprefix('acc_').replace('_', ' '))
        return f'{title} (chance {100 * chance[name]:.1f})' if name in chance else title

    header = ['', *map(heading, tested), *map(heading, pretext), 'minutes', *(['cited'] if cited else [])]
    table = []
    for row in rows:
        values = [f'{100 * metrics[row.name][name]:.1f}' if name in metrics[row.name] else '-' for name in tested]
        values += [f'{100 * accuracies[row.name][name]:.1f}' if name in accuracies[row.name] else '-'
                   for name in pretext]
        minutes = sum(by_name[name].read_state()['seconds'] for name in row.stages) / 60
        table.append([row.name, *values, f'{minutes:.1f}', *([row.get('cited', '-')] if cited else [])])
    return header, table


def report(recipe: Config, stages: list[Stage], work_dir: Path, display: Display) -> None:
    """Print the table, and write it and a picture of the curves."""
    header, rows = result_rows(recipe, stages) if 'table' in recipe else ([], [])
    if rows:
        table = Table(title='accuracies in per cent; test: 10 clips, centre crop')
        for number, title in enumerate(header):
            table.add_column(title, justify='right' if number else 'left')
        for row in rows:
            table.add_row(*row)
        display.console.print(table)
        lines = [header, ['---'] * len(header), *rows]
        write_whole(work_dir / 'table.md', ''.join('| ' + ' | '.join(line) + ' |\n' for line in lines))
        display.say(f'table: {work_dir / "table.md"}')
    picture = work_dir / 'curves.png'
    chance = recipe.get('table', {}).get('chance', {})
    plot_curves({stage.name: read_scalars(stage.folder) for stage in stages}, picture, chance)
    display.say(f'curves: {picture}')


@contextmanager
def only_one(work_dir: Path):
    """Keep a second run out of the folder."""
    work_dir.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with open(work_dir / 'recipe.lock', 'w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f'another run works in {work_dir}; wait for it, or choose another --work-dir') from None
        yield


def main(argv: list[str] | None = None) -> None:
    """Entry point of ``tools/run_recipe.py`` and ``videossl-recipe``."""
    args = parse_args(argv)
    display = Display(Console(width=None if sys.stdout.isatty() else 140, highlight=False, markup=False,
                              emoji=False))
    try:
        stages, recipe, work_dir = read_recipe(args)
        chance = recipe.get('table', {}).get('chance', {})
        with only_one(work_dir):
            for stage in stages:
                stage.check()
            with display.bars:
                for stage in stages:
                    before = stage.read_state()
                    run_stage(stage, display)
                    after = stage.read_state()
                    done = 'done before' if before == after else f'done in {after["seconds"] / 60:.1f} minutes'
                    results = {**pretext_accuracies(stage), **after.get('metrics', {})}
                    display.say(f'{stage.name}: {done}  ' + '  '.join(f'{name} {value:.3f}'
                                                                      for name, value in results.items()))
                    warn_at_chance(stage, chance, display)
            report(recipe, stages, work_dir, display)
    except (ConfigError, RuntimeError) as error:
        display.say(str(error), style='red')
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        display.say('\nstopped; run the same command again to go on')
        raise SystemExit(130) from None


if __name__ == '__main__':
    main()
