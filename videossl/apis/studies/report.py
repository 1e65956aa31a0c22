"""The report of a study: ``results.json``, ``results.md`` and ``results.png``."""

import json
import math
import shlex
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..recipes.stage import write_whole
from .reader import ALL
from .results import point_title

VERDICTS = {
    'yes': 'Yes, it pays',
    'probably': 'Probably, it pays',
    'open': 'No difference was shown',
    'probably worse': 'Probably it does harm',
    'worse': 'It does harm',
}


def read_results(folder: Path) -> dict:
    """``results.json`` of a study's folder, as the last call left it; empty where there is none that can be read."""
    try:
        return json.loads((folder / 'results.json').read_text(encoding='utf-8'))
    except (FileNotFoundError, ValueError):  # it is written anew from the folders of the stages
        return {}


def write_report(results: dict, folder: Path, console: Console | None = None) -> None:
    """Write the results; with a console also draw the picture, and print the tables."""
    write_whole(folder / 'results.json', json.dumps(results, indent=2) + '\n')
    tables = [main_table(results), *few_label_tables(results), *difference_tables(results)]
    tables = [table for table in tables if table[2]]
    write_whole(folder / 'results.md', markdown(results, tables))
    if console is None:
        return
    for title, header, rows in tables:
        shown = Table(title=title, title_justify='left')
        for number, name in enumerate(header):
            shown.add_column(name, justify='right' if number else 'left')
        for row in rows:
            shown.add_row(*row)
        console.print(shown)
    for line in [*results['warnings'], *answer_lines(results), *selection_lines(results)]:
        console.print(line, soft_wrap=True)
    if results['cells']:
        draw(results, folder / 'results.png')
    written = ', '.join(str(folder / f'results.{ending}') for ending in ('md', 'json', 'png'))
    console.print(f'written: {written}', soft_wrap=True)
    console.print(f'all of it as a page: videossl report {shlex.quote(str(folder))}', soft_wrap=True)


def row_title(results: dict, row: str, point: int) -> str:
    """Title of a row, with the options of its grid point where there are several."""
    options = point_title(results['points'][point])
    return f'{results["titles"][row]}; {options}' if len(results['points']) > 1 else results['titles'][row]


def entries(results: dict) -> list[tuple[str, int]]:
    """(row, grid point) of the table, in its order."""
    return list(dict.fromkeys((cell['row'], cell['point']) for cell in results['cells']))


def cell_of(results: dict, row: str, point: int, column: str, labels: str = ALL) -> dict | None:
    """A cell, if it has a value."""
    key = dict(row=row, point=point, column=column, labels=labels)
    return next((cell for cell in results['cells'] if key.items() <= cell.items()), None)


def number(cell: dict | None, seeds: int) -> str:
    """``71.2 ± 3.4``, in per cent; with the number of seeds that are done, where some are not, and without the interval while
    they are two. For a study of one seed ``71.2 (2.3)``, the standard error being in brackets."""
    if cell is None:
        return '-'
    text = f'{100 * cell["mean"]:.1f}'
    if seeds == 1 and 'standard_error' in cell:
        return f'{text} ({100 * cell["standard_error"]:.1f})'
    if cell['low'] is not None and has_enough_seeds(cell, seeds):
        text += f' ± {100 * (cell["high"] - cell["mean"]):.1f}'
    return text + of_seeds(cell, seeds)


def signed(entry: dict) -> str:
    """``+4.2 ± 3.2``, in points."""
    text = f'{100 * entry["mean"]:+.1f}'
    return text if entry['low'] is None else f'{text} ± {100 * (entry["high"] - entry["mean"]):.1f}'


def has_enough_seeds(cell: dict, seeds: int) -> bool:
    """Whether a cell has three seeds, or all of fewer: the interval of two says little."""
    return cell['number'] >= min(3, seeds)


def of_seeds(entry: dict, seeds: int) -> str:
    """How many seeds a number has, where some are missing."""
    return '' if entry['number'] == seeds else f' ({entry["number"]} of {seeds} seeds)'


def intervals(results: dict, one_seed: str = 'in brackets') -> str:
    """The note that explains the ±, or for one seed what is shown in brackets or as bars."""
    count = len(results['seeds'])
    if count == 1:
        return f'one seed; {one_seed} the standard error over the test videos'
    return f'mean ± half of the 95 % t-interval over {count} seeds'


def main_table(results: dict) -> tuple[str, list[str], list[list[str]]]:
    """Title, header and rows of the main table."""
    seeds = len(results['seeds'])
    minutes = {(entry['row'], entry['point']): entry['minutes'] for entry in results['minutes']}
    rows = [
        [
            row_title(results, row, point),
            *(number(cell_of(results, row, point, column), seeds) for column in results['columns']),
            f'{minutes[row, point]:.1f}' if (row, point) in minutes else '-',
        ]
        for row, point in entries(results)
    ]
    if rows:
        errors = [
            max((cell['standard_error'] for cell in results['cells'] if cell['column'] == column), default=None)
            for column in results['columns']
        ]
        rows.append(
            [
                'guessing',
                *(f'{100 * results["chance"]:.1f}' if '@5' not in column else '' for column in results['columns']),
                '',
            ]
        )
        if seeds > 1:
            rows.append(
                [
                    'largest binomial standard error',
                    *('-' if error is None else f'{100 * error:.1f}' for error in errors),
                    '',
                ]
            )
    title = f'Accuracy in per cent on {results["test_videos"]} {test_name(results)} ({intervals(results)})'
    return title, ['', *results['columns'].values(), 'minutes'], rows


def test_name(results: dict) -> str:
    return 'test videos' if results['split'] == 'test' else 'training videos that were held out'


def few_label_counts(results: dict, column: str) -> list[str]:
    """The numbers of labels per class that a column has values with."""
    found = {cell['labels'] for cell in results['cells'] if cell['column'] == column}
    return [count for count in map(str, results['label_counts']) if count in found]


def few_label_tables(results: dict) -> list[tuple[str, list[str], list[list[str]]]]:
    """A table for each column that has values with few labels."""
    tables = []
    for column, name in results['columns'].items():
        few = few_label_counts(results, column)
        if not few:
            continue
        rows = [
            [
                row_title(results, row, point),
                *(
                    number(cell_of(results, row, point, column, labels), len(results['seeds']))
                    for labels in (*few, ALL)
                ),
            ]
            for row, point in entries(results)
            if cell_of(results, row, point, column)
        ]
        tables.append((f'{name} with few labels per class'.capitalize(), ['', *few, ALL], rows))
    return tables


def difference_tables(results: dict) -> list[tuple[str, list[str], list[list[str]]]]:
    """The differences with all labels, and a table for each column that has values with few; none for one seed, which leaves
    nothing to pair."""
    if len(results['seeds']) == 1 or not results['differences']:
        return []
    title = 'Differences in points, seed by seed, ± half of their 95 % t-interval (*: it excludes 0)'
    shown = {(column, ALL): name for column, name in results['columns'].items()}
    tables = [(title, ['', *shown.values()], _difference_rows(results, list(shown)))]
    for column, name in results['columns'].items():
        few = few_label_counts(results, column)
        if few:
            rows = _difference_rows(results, [(column, labels) for labels in (*few, ALL)])
            tables.append((f'{name} with few labels per class, differences'.capitalize(), ['', *few, ALL], rows))
    return tables


def _difference_rows(results: dict, cells: list[tuple[str, str]]) -> list[list[str]]:
    """A row for each pair that was compared with enough seeds, with the differences of some (column, labels)."""
    found: dict[tuple, dict[tuple, str]] = {}
    seeds = len(results['seeds'])
    for entry in results['differences']:
        key = entry['column'], entry['labels']
        if key in cells and has_enough_seeds(entry, seeds):
            text = signed(entry) + ' *' * entry['excludes_zero'] + of_seeds(entry, seeds)
            found.setdefault((entry['row'], entry['point'], entry['against']), {})[key] = text
    return [
        [
            f'{row_title(results, row, point)} minus {results["titles"][against]}',
            *(texts.get(key, '-') for key in cells),
        ]
        for (row, point, against), texts in found.items()
    ]


def answer_lines(results: dict) -> list[str]:
    """The answer in one sentence, and how certain it is."""
    lines = []
    for answer in results['answers']:
        if answer['verdict'] == 'unknown':
            lines.append(one_seed_line(answer, results))
            continue
        labels = 'all labels' if answer['labels'] == ALL else f'{answer["labels"]} labels per class'
        what = (
            f'{results["titles"][answer["row"]]} against {results["titles"][answer["against"]]}, '
            f'{results["columns"][answer["column"]]}, {labels}'
        )
        lines.append(f'{VERDICTS[answer["verdict"]]}: {what}: {signed(answer)} points. {how_sure(answer, results)}')
    if any(answer['verdict'] == 'unknown' for answer in results['answers']):
        lines.append('One seed does not tell how much the seed matters; --seeds 0 1 2 does.')
    return lines


def one_seed_line(answer: dict, results: dict) -> str:
    """What a comparison says whose rows have one seed in common: only the test videos' share of chance is known."""
    cells = [
        cell_of(results, row, answer['point'], answer['column'], answer['labels'])
        for row in (answer['row'], answer['against'])
    ]
    first, second = ({} if cell is None else cell['values'] for cell in cells)
    (seed,) = first.keys() & second.keys()
    both = ', '.join(f'{results["titles"][cell["row"]]} {100 * cell["values"][seed]:.1f} %' for cell in cells if cell)
    column = results['columns'][answer['column']]
    labels = '' if answer['labels'] == ALL else f' with {answer["labels"]} labels per class'
    mean, error = answer['mean'], answer['standard_error']
    sure = (
        'Other test videos of this kind would most likely show it, too'
        if abs(mean) > 2 * error
        else 'The choice of the test videos may explain it'
    )
    return (
        f'{column[0].upper()}{column[1:]}{labels}, right on {results["test_videos"]} {test_name(results)}: {both}. The '
        f'difference, {100 * mean:+.1f} points, has a standard error of {100 * error:.1f}. {sure}.'
    )


def how_sure(answer: dict, results: dict) -> str:
    """One or two sentences on the evidence for a verdict."""
    seeds, videos, error = answer['number'], results['test_videos'], 100 * answer['standard_error']
    compared = round(0.05 / (1 - answer['confidence']))  # of all that are asked, those to come as well
    level = f'{seeds} seeds; the interval allows for {compared} comparisons' if compared > 1 else f'{seeds} seeds'
    if answer['verdict'] == 'open':
        return f'The interval includes 0 ({level}); more seeds make it narrower.'
    if answer['verdict'] in ('yes', 'worse'):
        return (
            f'The interval excludes 0 ({level}), and the difference is more than twice its standard error on {videos} test '
            f'videos ({error:.1f} points): other seeds and other videos of this kind will most likely agree.'
        )
    return (
        f'The interval excludes 0 ({level}), so other seeds will most likely agree on these videos; but the standard error '
        f'of {videos} test videos is {error:.1f} points, so other videos of this kind may not. Test on more videos.'
    )


def selection_lines(results: dict) -> list[str]:
    """Which grid point is best on the held-out training videos."""
    return [
        f'Best on the held-out training videos, {results["columns"][entry["column"]]}, {results["titles"][entry["row"]]}: '
        f'{point_title(entry["options"])} ({number(entry, len(results["seeds"]))})'
        + ''.join(f'; nothing is known of {point_title(point)}' for point in entry.get('without', []))
        for entry in results['selected']
    ]


def reason(message: str) -> str:
    """The line of a failed step's message that gives the cause."""
    lines = message.splitlines()
    return next((line for line in reversed(lines) if 'error' in line.lower()), lines[-1]).strip()


def choices(results: dict) -> list[str]:
    """The statistic that each selection used."""
    several = len(results['points']) > 1
    if results['split'] == 'select':
        grid = 'Settings: compared on held-out training videos; no test video was used.'
    elif several:
        grid = f'Settings: all {len(results["points"])} grid points are shown; none was selected on the test videos.'
    else:
        grid = 'Settings: one per row; this study selects nothing on the test videos.'
    if results['chosen']:
        grid += f' {results["chosen"]}'
    best = ', '.join(results['best_epochs'])
    return [
        f'Epoch: the best on validation videos in {best}; the last elsewhere.'
        if best
        else 'Epoch: the last of every stage; none was selected.',
        grid,
        'Probe, kNN, retrieval: fixed settings, see below; the epoch and the penalty are not tuned.',
        'Interval over seeds: t-interval of the mean. It covers initialisation, order, crops and the choice of few labels; '
        'not other test videos. Where all seeds agree it is one test video to each side.',
        'Binomial standard error: sqrt(p (1 - p) / number of test videos). It covers other test videos of this kind.',
        'Differences: paired by seed. Their intervals are not adjusted for the number of comparisons, except in the answer.',
        'Few labels: nested subsets, drawn anew for each seed and shared by all rows; fine-tuning takes as many iterations '
        'with few labels as with all.',
    ]


def markdown(results: dict, tables: list) -> str:
    """The report."""
    done, all_steps = results['steps']['done'], results['steps']['all']
    lines = [f'# Study {results["name"]}', '']
    if done < all_steps:
        lines += [f'Unfinished: {done} of {all_steps} steps are done.', '']
    answered = answer_lines(results) + selection_lines(results)
    if answered:
        lines += ['## Answer', '', *(f'- {line}' for line in answered), '']
    if results['warnings']:
        lines += ['## Warnings', '', *(f'- {line}' for line in results['warnings']), '']
    for title, header, rows in tables:
        lines += [f'## {title}', '', *markdown_table(header, rows), '']
    if results['cells']:
        lines += ['![accuracies with intervals](results.png)', '']
    lines += ['## What was chosen, and on what', '', *(f'- {line}' for line in choices(results)), '']
    if results['notes']:
        lines += ['## Notes', '', *(f'- {note}' for note in results['notes']), '']
    if results['failed']:
        lines += ['## Failed', '', *(f'- {title}: {reason(text)}' for title, text in results['failed'].items()), '']
    lines += ['## How', '']
    lines += [f'- {name.replace("_", " ")}: {text}' for name, text in results['protocols'].items()]
    lines += [f'- seeds: {", ".join(map(str, results["seeds"]))}']
    lines += [f'- {name} list: `{path}`' for name, path in results['lists'].items()]
    lines += ['- Every stage keeps the config that it ran with: `seed_S/STAGE/STAGE.py`.', '']
    lines += ['```', *results['commands'], '```', '']
    lines += [version_line(results)]
    return '\n'.join(lines) + '\n'


def version_line(results: dict) -> str:
    """The versions of the last call, and what was different in earlier ones."""
    different = {
        f'{name} {text}': None
        for earlier in results.get('earlier_versions', [])
        for name, text in earlier.items()
        if results['versions'].get(name) != text
    }
    line = ', '.join(f'{name} {text}' for name, text in results['versions'].items())
    return f'{line}.' + (f' In earlier calls: {", ".join(different)}.' if different else '')


def markdown_table(header: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    return ['| ' + ' | '.join(line) + ' |' for line in (header, ['---'] * len(header), *rows)]


def draw(results: dict, path: Path) -> None:
    """Draw a panel per column with an error bar per row, and a panel per few-label curve."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from videossl.files import whole_file

    rows = entries(results)
    curves = [column for column in results['columns'] if few_label_counts(results, column)]
    panels = [*results['columns'], *(f'{column}/few' for column in curves)]
    columns = min(len(panels), 3)
    lines = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(4.4 * columns + 1, lines * (1.4 + 0.28 * max(len(rows), 8))), layout='constrained')
    FigureCanvasAgg(figure)
    for place, panel in enumerate(panels):
        axes = figure.add_subplot(lines, columns, place + 1)
        column, _, curve = panel.partition('/')
        if curve:
            _draw_curve(axes, results, column, rows)
        else:
            _draw_bars(axes, results, column, rows, labelled=place % columns == 0)
        axes.grid(alpha=0.3)
    figure.suptitle(
        f'{results["name"]}: per cent of {results["test_videos"]} {test_name(results)}, {intervals(results, "bars:")}',
        fontsize=10,
    )
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=130, format='png')


def half_bar(results: dict, cell: dict) -> float | None:
    """Half of a cell's error bar, in points: of the interval over the seeds; for a study of one seed the standard error."""
    seeds = len(results['seeds'])
    if seeds == 1:
        return 100 * cell['standard_error']
    return 100 * (cell['high'] - cell['mean']) if cell['low'] is not None and has_enough_seeds(cell, seeds) else None


def drawn_bar(results: dict, cell: dict) -> list[list[float]] | None:
    """Lengths below and above a mean of its error bar, as matplotlib takes them. An interval of two seeds may be longer than
    all accuracies that there are; it ends at 0 and 100."""
    half, mean = half_bar(results, cell), 100 * cell['mean']
    return None if half is None else [[min(half, mean)], [min(half, 100 - mean)]]


def _draw_bars(axes, results: dict, column: str, rows: list[tuple[str, int]], labelled: bool) -> None:
    for place, (row, point) in enumerate(rows):
        cell = cell_of(results, row, point, column)
        if cell is None:
            continue
        bar = drawn_bar(results, cell)
        axes.errorbar(100 * cell['mean'], place, xerr=bar, fmt='o', capsize=3, color=f'C{place % 10}')
        axes.plot(
            [100 * value for value in cell['values'].values()],
            [place] * cell['number'],
            '|',
            color='grey',
            markersize=9,
        )
    if '@5' not in column:
        axes.axvline(100 * results['chance'], color='grey', linestyle=':')
    axes.set_yticks(
        range(len(rows)), [row_title(results, *entry) for entry in rows] if labelled else [''] * len(rows), fontsize=8
    )
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_title(results['columns'][column], fontsize=10)


def _draw_curve(axes, results: dict, column: str, rows: list[tuple[str, int]]) -> None:
    labels = [*map(str, results['label_counts']), ALL]
    for place, (row, point) in enumerate(rows):
        shift = 0.04 * (place - len(rows) / 2)  # so that the bars do not hide each other
        found = [
            (x + shift, cell)
            for x, count in enumerate(labels)
            if (cell := cell_of(results, row, point, column, count)) is not None
        ]
        if len(found) < 2:
            continue
        bars = [drawn_bar(results, cell) or [[0], [0]] for _, cell in found]
        axes.errorbar(
            [x for x, _ in found],
            [100 * cell['mean'] for _, cell in found],
            yerr=[[bar[side][0] for bar in bars] for side in (0, 1)],
            marker='.',
            capsize=2,
            color=f'C{place % 10}',
            label=row_title(results, row, point),
        )
    axes.axhline(100 * results['chance'], color='grey', linestyle=':')
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlabel('labels per class')
    axes.set_title(f'{results["columns"][column]}, few labels', fontsize=10)
    axes.legend(fontsize=6)
