"""Run a recipe: named stages one after another, each a config, each starting from another's checkpoint."""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from videossl.visualization import plot_curves, read_scalars

from .launch import ConfigError, load_config

STAGE_KEYS = {'config', 'ann_file', 'test_ann_file', 'init_from', 'init_epoch', 'options'}
RECIPE_KEYS = {'stages', 'table', 'ann_files', 'options'}
NEAR_CHANCE = 0.05


@dataclass
class Stage:
    """One stage of a recipe.

    Attributes:
        name: its key in the recipe; also its folder's name.
        config: path of its config.
        ann_file: list of videos to train on, or None for what the config says.
        test_ann_file: the same for the test.
        init_from: the stage whose checkpoint it starts from.
        init_epoch: which of that stage's epochs; None: its last.
        options: overrides of its config.
        folder: where it works.
    """
    name: str
    config: str
    folder: Path
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

    def checkpoint(self, epoch: int | None = None) -> str:
        """Path of the checkpoint after an epoch, or of the last."""
        if epoch is not None:
            return str(self.folder / f'epoch_{epoch}.pth')
        return (self.folder / 'last_checkpoint').read_text().strip()

    def fingerprint(self, data_root: str | None) -> str:
        """Changes with everything that the stage's result depends on, up to the contents of the videos."""
        config = load_config(self.config, dict(self.options)).pretty_text
        parts = [config, data_root, self.ann_file, self.test_ann_file, self.init_epoch,
                 self.init_from and self.init_from.fingerprint(data_root)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


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
                        'or by a stage\'s name')
    parser.add_argument('--stage', nargs='+', metavar='NAME', help='run these stages only, and those they start from')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='STAGE.KEY=VALUE',
                        help='override settings of a stage\'s config, or with "all." of every stage\'s')
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
        if name not in lists and name not in recipe.stages:
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
        options.setdefault(stage, {})[key] = _parse(value)
    # A folder alone is scanned; then the lists that the recipe names are not meant.
    scan = args.data_root is not None and not given and not any(
        (Path(args.data_root) / name).exists() for name in lists.values())
    stages: dict[str, Stage] = {}
    for name, entry in recipe.stages.items():
        if set(entry) - STAGE_KEYS or 'config' not in entry:
            raise ConfigError(f'{path}: stage {name}: a stage has the keys {sorted(STAGE_KEYS)}, config being required; '
                              f'unknown: {sorted(set(entry) - STAGE_KEYS)}')
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

        stages[name] = Stage(
            name=name,
            config=str(path.parent / entry.config),
            folder=work_dir / name,
            ann_file=given.get(name, find_list('ann_file')),
            test_ann_file=find_list('test_ann_file'),
            init_from=stages.get(source),
            init_epoch=entry.get('init_epoch'),
            options={**recipe.get('options', {}), **entry.get('options', {}), **options.get('all', {}),
                     **options.get(name, {})})
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


def _parse(value: str):
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def run_stage(stage: Stage, data_root: str | None, progress: Progress, console: Console) -> None:
    """Train a stage, and test it where its config has a test, unless that is done."""
    stage.folder.mkdir(parents=True, exist_ok=True)
    state = stage.read_state()
    fingerprint = stage.fingerprint(data_root)
    if state.get('fingerprint', fingerprint) != fingerprint:
        raise ConfigError(f'{stage.folder} holds stage "{stage.name}" of other settings (config, data or a stage before '
                          'it differ). Choose another --work-dir, or delete that folder to run the stage anew')
    state['fingerprint'] = fingerprint
    options = [f'{key}={_text(value)}' for key, value in stage.options.items()]
    data = ['--data-root', data_root] if data_root else []
    if not state.get('trained'):
        command = ['videossl.apis.train', stage.config, '--resume', *data]
        if stage.ann_file:
            command += ['--ann-file', stage.ann_file]
        if stage.init_from is not None:
            command += ['--init-from', stage.init_from.checkpoint(stage.init_epoch)]
        _run(command, options, stage, state, 'training', progress)
        state['trained'] = True
        stage.write_state(state)
    has_test = load_config(stage.config).get('test_dataloader') is not None
    if has_test and 'metrics' not in state:
        metrics_file = stage.folder / 'metrics.json'
        command = ['videossl.apis.test', stage.config, stage.checkpoint(), '--metrics-file', str(metrics_file), *data]
        if stage.test_ann_file:
            command += ['--ann-file', stage.test_ann_file]
        _run(command, options, stage, state, 'test', progress)
        state['metrics'] = json.loads(metrics_file.read_text())
        stage.write_state(state)


def _text(value) -> str:
    return value if isinstance(value, str) else json.dumps(value).replace('true', 'True').replace('false', 'False')


def _run(command: list[str], options: list[str], stage: Stage, state: dict, what: str, progress: Progress) -> None:
    """Run one command as a process of its own, with a progress bar, its output going to a log file."""
    progress_file = stage.folder / 'progress.json'
    progress_file.unlink(missing_ok=True)
    options = [*options, 'default_hooks.progress.type=ProgressHook', f'default_hooks.progress.file={progress_file}',
               f'default_hooks.progress.parent={os.getpid()}']
    log = stage.folder / 'output.log'
    bar = progress.add_task(f'{stage.name}: {what}', total=None, metrics='')
    with open(log, 'a') as output:
        process = subprocess.Popen(
            [sys.executable, '-m', *command, '--work-dir', str(stage.folder), '--cfg-options', *options],
            stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        before, started = state['seconds'], time.monotonic()
        try:
            while process.poll() is None:
                time.sleep(0.25)
                state['seconds'] = before + time.monotonic() - started
                if int(state['seconds']) != int(stage.read_state()['seconds']):
                    stage.write_state(state)
                _show(progress, bar, progress_file)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    _show(progress, bar, progress_file)
    if process.returncode != 0:
        tail = '\n'.join(log.read_text(errors='replace').splitlines()[-12:])
        raise RuntimeError(f'stage "{stage.name}", {what}, failed; the end of {log}:\n{tail}')


def _show(progress: Progress, bar, progress_file: Path) -> None:
    if progress_file.exists():
        now = json.loads(progress_file.read_text())
        metrics = '  '.join(f'{name} {value:.2f}' for name, value in now['metrics'].items() if not name.startswith('loss_'))
        progress.update(bar, completed=now['done'], total=now['total'], metrics=metrics)


def pretext_accuracies(stage: Stage) -> dict[str, float]:
    """Mean of each training accuracy over the last epoch; every clip is a fresh draw."""
    scalars = read_scalars(stage.folder)
    last = [entry for entry in scalars if entry.get('epoch') == scalars[-1].get('epoch')] if scalars else []
    names = {name for entry in last for name in entry if name.startswith('acc_')}
    return {name: sum(entry[name] for entry in last if name in entry) / len(last) for name in sorted(names)}


def warn_at_chance(stage: Stage, chance: dict[str, float], console: Console) -> None:
    """Say so when a pretext task was not learnt: its features are then worth nothing."""
    for name, accuracy in pretext_accuracies(stage).items():
        if name in chance and accuracy < chance[name] + NEAR_CHANCE:
            console.print(f'[yellow]{stage.name}: {name} is {accuracy:.2f}, and guessing gives {chance[name]:.2f}: the '
                          'pretext task was not learnt, so do not expect its features to help. Train for longer, at a '
                          'smaller input or with a higher learning rate, or on videos with more motion.[/]')


def result_rows(recipe: Config, stages: list[Stage]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the recipe's table; a row whose stages were not all run is left out."""
    by_name = {stage.name: stage for stage in stages}
    chance = recipe.table.get('chance', {})
    rows = [row for row in recipe.table.rows if all(name in by_name for name in row.stages)]
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


def report(recipe: Config, stages: list[Stage], work_dir: Path, console: Console) -> None:
    """Print the table, and write it and a picture of the curves."""
    if 'table' in recipe:
        header, rows = result_rows(recipe, stages)
        table = Table(title='accuracies in per cent; test: 10 clips, centre crop')
        for number, title in enumerate(header):
            table.add_column(title, justify='right' if number else 'left')
        for row in rows:
            table.add_row(*row)
        console.print(table)
        lines = [header, ['---'] * len(header), *rows]
        write_whole(work_dir / 'table.md', ''.join('| ' + ' | '.join(line) + ' |\n' for line in lines))
        console.print(f'table: {work_dir / "table.md"}')
    picture = work_dir / 'curves.png'
    chance = recipe.get('table', {}).get('chance', {})
    plot_curves({stage.name: read_scalars(stage.folder) for stage in stages}, picture, chance)
    console.print(f'curves: {picture}')


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
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    try:
        stages, recipe, work_dir = read_recipe(args)
        columns = (TextColumn('{task.description:34}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TimeRemainingColumn(), TextColumn('{task.fields[metrics]}'))
        with only_one(work_dir):
            with Progress(*columns, console=console, refresh_per_second=2) as progress:
                for stage in stages:
                    before = stage.read_state()
                    run_stage(stage, args.data_root, progress, console)
                    after = stage.read_state()
                    done = 'done before' if before == after else f'done in {after["seconds"] / 60:.1f} minutes'
                    results = {**pretext_accuracies(stage), **after.get('metrics', {})}
                    console.print(f'{stage.name}: {done}  ' + '  '.join(f'{name} {value:.3f}'
                                                                        for name, value in results.items()))
                    warn_at_chance(stage, recipe.get('table', {}).get('chance', {}), console)
            report(recipe, stages, work_dir, console)
    except (ConfigError, RuntimeError) as error:
        console.print(str(error), style='red', markup=False)
        raise SystemExit(1) from None


if __name__ == '__main__':
    main()
