"""The results of a recipe: accuracies, a warning where they are at chance, the table and the curves."""

import json
import math
import shlex
from pathlib import Path

from mmengine.config import Config
from rich.table import Table

from videossl.visualization import plot_curves, read_scalars

from ..doctor.machine import list_versions
from .runner import Display
from .stage import Stage, write_whole

NEAR_CHANCE = 0.05  # or the chance itself, where that is less


def pretext_accuracies(stage: Stage) -> dict[str, float]:
    """Mean of each training accuracy over the last epoch, by name. Every clip of training is a fresh draw.

    The log of a training that counts iterations has no epochs: there the mean is over the last tenth of the logged entries.
    """
    entries = [entry for entry in read_scalars(stage.folder) if any(name.startswith('acc_') for name in entry)]
    if all('epoch' in entry for entry in entries):
        last = [entry for entry in entries if entry['epoch'] == entries[-1]['epoch']]
    else:
        last = entries[-math.ceil(len(entries) / 10) :]
    values: dict[str, list[float]] = {}
    for entry in last:
        for name in entry:
            if name.startswith('acc_'):
                values.setdefault(name, []).append(entry[name])
    return {name: sum(values[name]) / len(values[name]) for name in sorted(values)}


def warnings_at_chance(stage: str, accuracies: dict[str, float], chance: dict[str, float]) -> list[str]:
    """What was not learnt: the whole pretext task, whose features are then worth nothing, or a part of it.

    Args:
        stage: its name.
        accuracies: of training, by name, in 0..1.
        chance: what guessing gives, of those that have a meaning on their own.
    """
    low = [
        name
        for name, accuracy in accuracies.items()
        if name in chance and accuracy < chance[name] + min(NEAR_CHANCE, chance[name])
    ]
    values = ' and '.join(f'{name} is {accuracies[name]:.2f}, and guessing gives {chance[name]:.2f}' for name in low)
    if not low:
        return []
    if len(low) < len(accuracies):
        return [f'{stage}: {values}: this part of the pretext task was not learnt.']
    return [
        f'{stage}: {values}: the pretext task was not learnt, so do not expect its features to help. Train for longer, at '
        'a smaller input or with a higher learning rate, or on videos with more motion.'
    ]


def warn_at_chance(stage: Stage, chance: dict[str, float], display: Display) -> None:
    """Print :func:`warnings_at_chance` of a stage's last epoch."""
    for line in warnings_at_chance(stage.name, pretext_accuracies(stage), chance):
        display.say(line, style='yellow')


def result_rows(recipe: Config, stages: list[Stage]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the recipe's table. Rows with a stage that was not run are left out."""
    by_name = {stage.name: stage for stage in stages}
    chance = recipe.table.get('chance', {})
    rows = [row for row in recipe.table.get('rows', []) if all(name in by_name for name in row.stages)]
    accuracies = {
        row.name: {name: value for stage in row.stages for name, value in pretext_accuracies(by_name[stage]).items()}
        for row in rows
    }
    metrics = {
        row.name: {
            name: value
            for stage in row.stages
            for name, value in by_name[stage].read_state().get('metrics', {}).items()
        }
        for row in rows
    }
    pretext = list(dict.fromkeys(name for row in rows for name in accuracies[row.name]))
    # The accuracies that a recipe names in ``chance`` are those that have a meaning on their own.
    pretext = [name for name in pretext if name in chance] or pretext
    tested = list(dict.fromkeys(name for row in rows for name in metrics[row.name] if name in ('acc/top1', 'acc/top5')))
    cited = any(row.get('cited') for row in rows)

    def heading(name: str) -> str:
        title = {'acc/top1': 'top-1', 'acc/top5': 'top-5'}.get(name, name.removeprefix('acc_').replace('_', ' '))
        return f'{title} (chance {100 * chance[name]:.1f})' if name in chance else title

    header = ['', *map(heading, tested), *map(heading, pretext), 'minutes', *(['cited'] if cited else [])]
    table = []
    for row in rows:
        values = [f'{100 * metrics[row.name][name]:.1f}' if name in metrics[row.name] else '-' for name in tested]
        values += [
            f'{100 * accuracies[row.name][name]:.1f}' if name in accuracies[row.name] else '-' for name in pretext
        ]
        minutes = sum(by_name[name].read_state()['seconds'] for name in row.stages) / 60
        table.append([row.name, *values, f'{minutes:.1f}', *([row.get('cited') or '-'] if cited else [])])
    return header, table


def write_record(path: str, recipe: Config, stages: list[Stage], work_dir: Path) -> None:
    """Write ``recipe.json``, what :func:`~videossl.apis.report.write_html_report` cannot find in the stages' folders.

    Args:
        path: of the recipe.
        recipe: its content.
        stages: those that are run.
        work_dir: the recipe's folder.
    """
    header, rows = result_rows(recipe, stages) if 'table' in recipe else ([], [])
    record = dict(
        recipe=path,
        stages={
            stage.name: dict(config=stage.config, init_from=stage.init_from and stage.init_from.name)
            for stage in stages
        },
        chance=dict(recipe.get('table', {}).get('chance', {})),
        table=dict(header=header, rows=rows),
        versions=list_versions(),
    )
    write_whole(work_dir / 'recipe.json', json.dumps(record, indent=2) + '\n')


def report(recipe: Config, stages: list[Stage], work_dir: Path, display: Display) -> None:
    """Print the table, and write the table and a picture of the curves."""
    header, rows = result_rows(recipe, stages) if 'table' in recipe else ([], [])
    if rows:
        table = Table(title='accuracies in per cent')
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
    display.say(f'all of it as a page: videossl report {shlex.quote(str(work_dir))}')
