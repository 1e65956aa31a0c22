"""The sections of a report that a work folder's own files give: accuracies, configs, curves, times and the like.

Each function returns None where there is nothing to show.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from videossl.evaluation.statistics import binomial_standard_error
from videossl.visualization.charts import (
    CEILING,
    GUESSING,
    Curve,
    Estimate,
    draw_curves,
    draw_estimates,
    draw_few_labels,
    draw_minutes,
)
from videossl.visualization.curves import PANELS
from videossl.visualization.page import Chart, Code, Facts, Folded, Items, Problem, Section, Table, Text

from ..doctor.machine import list_versions, repairs
from ..studies import report as study_report
from ..studies.reader import ALL
from .levels import ceiling_levels, chance_levels
from .work_folder import RunFolder, WorkFolder

NOT_CURVES = ('time', 'data_time', 'iter', 'epoch', 'step', 'memory', 'lr', 'base_lr')
MOST_CONFIGS = 40
MOST_BROKEN = 200
# What results.json of earlier versions lacks.
LATER_RESULTS: dict[str, Any] = dict(
    warnings=[], answers=[], selected=[], differences=[], notes=[], failed={}, protocols={}, chosen=None, best_epochs=[]
)
NAMES = dict(linear_probe='linear probe', knn='kNN', retrieval='retrieval')


# ---------------------------------------------------------------------------------------------------------- accuracies


def accuracies(work: WorkFolder) -> Section | None:
    """What came out: of a study with intervals and differences, of a recipe or run with standard errors."""
    parts = study_parts(work) if work.results.get('cells') else run_parts(work)
    return Section('Accuracies', parts) if parts else None


def study_parts(work: WorkFolder) -> list:
    """Answer, tables, charts and single values of a study; a part that its results lack is left out and noted."""
    results = {**LATER_RESULTS, **work.results}
    parts: list[Any] = []

    def add(what: str, make: Callable[[], list]) -> None:
        parts.extend(work.notes.attempt(f'results.json: {what}', [], make))

    add('its answers', lambda: [Items(study_report.answer_lines(results) + study_report.selection_lines(results))])
    add('its failures and warnings', lambda: study_problems(results))
    rows = study_report.entries(results)
    add('the main table', lambda: [_table(study_report.main_table(results)), *estimate_charts(results, rows)])
    add('its few labels', lambda: few_label_parts(results, rows))
    add('its differences', lambda: [_table(table) for table in study_report.difference_tables(results)])
    add('its single values', lambda: [single_values(results)])
    add('its choices', lambda: [Text('What was chosen, and on what:'), Items(study_report.choices(results))])
    protocols = {name.replace('_', ' '): text for name, text in results['protocols'].items()}
    parts += [Facts(protocols), Items(results['notes'])]
    return [part for part in parts if not is_empty(part)]


def study_problems(results: dict) -> list:
    """What is unfinished, failed or doubtful."""
    done, steps = results['steps']['done'], results['steps']['all']
    lines = [f'Unfinished: {done} of {steps} steps are done.'] if done < steps else []
    lines += [f'{title} failed: {study_report.reason(text)}' for title, text in results['failed'].items()]
    return [Problem([*lines, *results['warnings']])]


def _table(content: tuple[str, list[str], list[list[str]]]) -> Table:
    title, header, rows = content
    return Table(header, rows, title)


def is_empty(part: Any) -> bool:
    """Whether a part shows nothing."""
    content = dict(items='lines', problem='lines', facts='entries', table='rows').get(part.kind)
    return content is not None and not getattr(part, content)


def estimate_charts(results: dict, rows: Sequence[tuple[str, int]]) -> list[Chart]:
    """A chart a column."""
    charts = []
    for column, name in results['columns'].items():
        estimates = [
            _estimate(results, row, point, cell)
            for row, point in rows
            if (cell := study_report.cell_of(results, row, point, column)) is not None
        ]
        if estimates:
            guessing = None if '@5' in column else round(100 * results['chance'], 1)
            alt = f'{name}: ' + ', '.join(f'{row.name} {row.value:.1f}' for row in estimates)
            bars = study_report.intervals(results, 'bars:').capitalize()
            charts.append(Chart(draw_estimates(name, estimates, guessing), alt, bars))
    return charts


def few_label_parts(results: dict, rows: Sequence[tuple[str, int]]) -> list:
    """Table and chart of each column that has values with few labels."""
    parts: list[Any] = []
    few = {column: study_report.few_label_counts(results, column) for column in results['columns']}
    columns = [column for column, counts in few.items() if counts]
    for column, table in zip(columns, study_report.few_label_tables(results)):
        parts.append(_table(table))
        labels = [*few[column], ALL]
        curves = []
        for row, point in rows:
            cells = [
                (place, cell)
                for place, count in enumerate(labels)
                if (cell := study_report.cell_of(results, row, point, column, count)) is not None
            ]
            if len(cells) > 1:
                curves.append([_estimate(results, row, point, cell, place) for place, cell in cells])
        if curves:
            title = f'{results["columns"][column]}, few labels'.capitalize()
            figure = draw_few_labels(title, labels, curves, 100 * results['chance'])
            parts.append(Chart(figure, f'{title}; the table above has the values'))
    return parts


def _estimate(results: dict, row: str, point: int, cell: dict, place: int = 0) -> Estimate:
    mean, half = 100 * cell['mean'], study_report.half_bar(results, cell)
    low, high = (None, None) if half is None else (mean - half, mean + half)
    values = [100 * value for value in cell['values'].values()]
    return Estimate(study_report.row_title(results, row, point), mean, low, high, values, place)


def single_values(results: dict) -> Table:
    """Every cell with the value of each seed."""
    seeds = [str(seed) for seed in results['seeds']]
    seeds += sorted({seed for cell in results['cells'] for seed in cell['values']} - set(seeds))
    header = ['', 'what', 'labels', 'mean', '95 % interval', 'standard error', *(f'seed {seed}' for seed in seeds)]
    rows = [
        [
            study_report.row_title(results, cell['row'], cell['point']),
            results['columns'].get(cell['column'], cell['column']),
            cell['labels'],
            _per_cent(cell['mean']),
            '-' if cell['low'] is None else f'{_per_cent(cell["low"])} to {_per_cent(cell["high"])}',
            _per_cent(cell['standard_error']),
            *(_per_cent(cell['values'].get(seed)) for seed in seeds),
        ]
        for cell in results['cells']
    ]
    return Table(header, rows, 'Every value, in per cent', folded=True)


def run_parts(work: WorkFolder) -> list:
    """Results of tests and of evaluated features, with the standard error of a finite test set."""
    parts: list[Any] = []
    table = work.recipe.get('table') or {}
    if table.get('rows'):
        parts.append(Table(table['header'], table['rows'], 'The recipe: accuracies in per cent'))
    rows, estimates, protocols = [], [], {}
    for run in work.runs:
        videos = work.notes.attempt(f'{run.name}: the list of its test', None, run.test_videos)
        chance = chance_levels(run, work.notes)
        found = [('test', ALL, name, value, chance.get(name), videos) for name, value in run.metrics.items()]
        for labels, results in run.evaluations.items():
            for evaluation, result in results.items():
                name = NAMES.get(evaluation, evaluation)
                if isinstance(result, dict):
                    protocols[name] = str(result.get('protocol', ''))
                    values = [(metric, value) for metric, value in result.items() if _is_share(value)]
                    found += [(name, labels, metric, value, None, queries(result)) for metric, value in values]
        for what, labels, metric, value, guess, number in found:
            if not _is_share(value):
                continue
            error = binomial_standard_error(value, number) if number else None
            metric = metric.removeprefix('acc/').replace('top', 'top-').replace('--', '-')
            rows.append(
                [run.name, what, metric, labels, _per_cent(value), _per_cent(error), number or '-', _per_cent(guess)]
            )
            if metric in ('top-1', 'R@1') and labels == ALL:
                low, high = (None, None) if error is None else (100 * (value - 2 * error), 100 * (value + 2 * error))
                estimates.append(Estimate(f'{run.name}: {what} {metric}', 100 * value, low, high))
    if rows:
        header = ['', 'what', 'metric', 'labels', 'per cent', 'standard error', 'test videos', 'guessing']
        parts.append(Table(header, rows, 'Accuracies, and their binomial standard error'))
        if estimates:
            alt = ', '.join(f'{row.name} {row.value:.1f}' for row in estimates)
            parts.append(Chart(draw_estimates('Accuracies ± 2 standard errors', estimates), alt))
        parts.append(
            Text(
                'The standard error, sqrt(p (1 - p) / number of test videos), covers other test videos of this kind, not other '
                'seeds. A study (videossl study) gives intervals over seeds.'
            )
        )
    if protocols:
        parts.append(Facts(protocols))
    return parts


def queries(result: dict) -> int | None:
    """The number of test videos that a protocol's text ends with."""
    number = str(result.get('protocol', '')).rpartition('(')[2].partition(' ')[0]
    return int(number) if number.isdigit() else None


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _per_cent(value: float | None) -> str:
    return '-' if value is None else f'{100 * value:.1f}'


# ---------------------------------------------------------------------------------------------------------- what ran


def what_ran(work: WorkFolder) -> Section:
    """Commands, stages with their seeds, data and starting points, and the configs."""
    parts: list[Any] = []
    if work.commands:
        parts.append(Code('\n'.join(work.commands)))
    else:
        parts.append(Text('The commands were not recorded; runs of earlier versions keep none.'))
    results = work.results
    facts = {
        name: results[name] for name in ('name', 'split', 'data_root', 'test_videos', 'classes') if name in results
    }
    if results.get('seeds'):
        facts['seeds'] = ', '.join(map(str, results['seeds']))
    facts.update({f'{name} list': path for name, path in results.get('lists', {}).items()})
    if work.recipe.get('recipe'):
        facts['recipe'] = work.recipe['recipe']
    if facts:
        parts.append(Facts({name.replace('_', ' '): value for name, value in facts.items()}))
    rows = []
    for run in work.runs:
        config = run.config
        dataset, steps = run.dataset('train'), run.scalars[-1]['step'] if run.scalars else '-'
        videos = str(Path(dataset.get('data_root') or '', dataset.get('ann_file') or '')) if dataset else '-'
        backbone = (config.get('model') or {}).get('backbone') or {}
        rows.append(
            [
                run.name,
                (config.get('model') or {}).get('type', '-'),
                ' '.join(str(backbone[key]) for key in ('type', 'depth') if key in backbone) or '-',
                (config.get('randomness') or {}).get('seed', '-'),
                (config.get('train_cfg') or {}).get('max_epochs', '-'),
                (config.get('train_dataloader') or {}).get('batch_size', '-'),
                steps,
                state_of(run),
                videos,
            ]
        )
    header = ['', 'model', 'backbone', 'seed', 'epochs', 'batch', 'iterations', 'state', 'videos']
    if rows:
        parts.append(Table(header, rows, 'Stages' if work.kind != 'run' else 'Run'))
    else:
        parts.append(Problem([f'{work.path} holds no run: there is no */vis_data in it or in a folder of it.']))
    configs: list[Code] = []
    for run in work.first_runs[:MOST_CONFIGS]:
        path = run.config_file
        if path is not None:
            text = '\n'.join(work.notes.read_lines(path))
            configs += [Code(text, run.name)] if text else []
    if configs:
        parts.append(Folded('Configs, with all that they inherit', configs))
    return Section('What ran', parts)


def state_of(run: RunFolder) -> str:
    """How far it is, in words."""
    state = run.state
    if not state:
        return 'has a checkpoint' if run.checkpoint else 'no checkpoint'
    if not state.get('trained'):
        return 'unfinished'
    return 'tested' if state.get('metrics') else 'trained'


def hand_offs(work: WorkFolder) -> Section | None:
    """Which checkpoint each stage started from, and what it took of it."""
    rows, details = [], []
    for run in work.runs:
        taken = run.hand_off
        if taken is None:
            continue
        names = ('taken', 'dropped', 'missing', 'of another shape')
        counts = dict(taken.counts)
        counts['missing'] = counts.pop('left as initialised', counts.get('missing', 0))
        rows.append([run.name, '/'.join(taken.checkpoint.split('/')[-2:]), *(counts.get(name, 0) for name in names)])
        details += [f'{run.name}, {line}' for line in taken.details]
    if not rows:
        return None
    header = ['into', 'from', 'tensors taken', 'dropped', 'not in the checkpoint', 'of another shape']
    parts: list[Any] = [Table(header, rows), Code('\n'.join(details), 'Modules')]
    started = [run.name for run in work.runs if run.hand_off is None and run.log_lines]
    if started:
        parts.append(Text(f'From the weights of their config started: {", ".join(started)}.'))
    return Section('Hand-offs', parts)


# ---------------------------------------------------------------------------------------------------------- curves


def curves(work: WorkFolder) -> Section | None:
    """Losses and accuracies over the iterations, with what guessing gives and what cannot be passed."""
    logged = {key: None for run in work.runs for entry in run.scalars for key in entry if key not in NOT_CURVES}
    keys = sorted(logged, key=lambda key: (_order(key), list(PANELS).index(key) if key in PANELS else 99))
    if not keys:
        return None
    chance = {**work.results.get('pretext_chance', {}), **work.recipe.get('chance', {})}
    ceilings: dict[str, float] = {}
    for run in work.first_runs:
        chance = {**chance_levels(run, work.notes), **chance}
        ceilings.update(ceiling_levels(run, work.notes))
    charts = []
    for key in keys:
        lines = [
            Curve(run.name, [entry['step'] for entry in values], [float(entry[key]) for entry in values])
            for run in work.runs
            if (values := [entry for entry in run.scalars if isinstance(entry.get(key), (int, float))])
        ]
        if not lines:
            continue
        levels = [('guessing', round(chance[key], 4), GUESSING)] if key in chance else []
        levels += [('at most', round(ceilings[key], 4), CEILING)] if key in ceilings else []
        ends = ', '.join(f'{line.name} {line.y[-1]:.3g}' for line in lines[:12])
        title = f'{key} ({PANELS[key]})' if key in PANELS else key
        charts.append(Chart(draw_curves(title, lines, levels), f'{key} over the iterations; last values: {ends}'))
    resumed = [run.name for run in work.runs if len(list(run.folder.glob('*/vis_data/scalars.json'))) > 1]
    parts: list[Any] = [*charts]
    if any(chart_key in ceilings for chart_key in keys):
        parts.append(Text('Dashed: what a perfect head reaches, since the labels of some clips cannot be seen.'))
    if resumed:
        parts.append(Text(f'Started several times, each curve in one: {", ".join(resumed)}.'))
    return Section('Curves', parts)


def _order(key: str) -> int:
    """Accuracies, losses, the rest."""
    if key.startswith(('acc', 'top', 'eval/')) or key.endswith('_acc'):
        return 0
    return 1 if key.startswith('loss') else 2


# ------------------------------------------------------------------------------------- videos, minutes, environment


def broken_videos(work: WorkFolder) -> Section | None:
    """Videos that could not be read, with the reason, and by which runs."""
    found: dict[tuple[str, str], list[str]] = {}
    for run in work.runs:
        for video in run.broken:
            found.setdefault(video, []).append(run.name)
    if not found:
        if not any('train_dataloader' in run.config for run in work.runs):
            return None
        return Section('Broken videos', [Text('Every video of the training could be read.')])
    rows = [[path, reason, ', '.join(runs)] for (path, reason), runs in list(found.items())[:MOST_BROKEN]]
    parts: list[Any] = [
        Text(
            f'{len(found)} videos could not be read. In training others took their place; in a test they count as wrong.'
        ),
        Table(['video', 'reason', 'in'], rows),
    ]
    if len(found) > MOST_BROKEN:
        parts.append(Text(f'{len(found) - MOST_BROKEN} more are in broken_videos.txt of their runs.'))
    return Section('Broken videos', parts)


def minutes(work: WorkFolder) -> Section | None:
    """How long everything took, and where the time went."""
    spent = [
        (run.name, {name: seconds / 60 for name, seconds in run.seconds.items()}) for run in work.runs if run.seconds
    ]
    if not spent:
        return None
    names = list(dict.fromkeys(name for _, parts in spent for name in parts))
    rows = [
        [run, f'{sum(parts.values()):.1f}', *(f'{parts.get(name, 0):.1f}' for name in names)] for run, parts in spent
    ]
    total = sum(sum(parts.values()) for _, parts in spent)
    rows.append(['all', f'{total:.1f}', *(f'{sum(parts.get(name, 0) for _, parts in spent):.1f}' for name in names)])
    alt = ', '.join(f'{row[0]} {row[1]} minutes' for row in rows)
    parts: list[Any] = [Chart(draw_minutes('Minutes', spent), alt), Table(['', 'minutes', *names], rows)]
    if work.results.get('minutes'):
        lines = [
            [study_report.row_title(work.results, entry['row'], entry['point']), f'{entry["minutes"]:.1f}']
            for entry in work.results['minutes']
        ]
        title = 'Minutes of a row: its stages, mean over the seeds; shared stages count in each row'
        parts.append(Table(['', 'minutes'], lines, title))
    return Section('Minutes', parts)


def environment(work: WorkFolder) -> Section:
    """Versions and system of the runs, of this page, and what was repaired in other packages."""
    parts: list[Any] = []
    versions = work.results.get('versions') or work.recipe.get('versions') or {}
    if versions:
        parts += [Text('Versions at the end of the runs:'), Facts(versions)]
    seen = next((run for run in work.runs if run.environment), None)
    if seen is not None:
        parts += [Text(f'System, as the log of {seen.name} says:'), Facts(seen.environment)]
    here = {name: text if text is not None else 'not installed' for name, text in list_versions().items()}
    parts += [Text('Versions when this page was written:'), Facts(here)]
    reasons = {name: text or name for name, text in repairs().items()}
    parts += [Text('Repairs of other packages, made whenever videossl is imported:'), Facts(reasons)]
    return Section('Environment and repairs', parts)
