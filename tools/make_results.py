"""Writes the figures of docs/results.md and README.md from the results of studies.

    python tools/make_results.py work_dirs/studies/moving_shapes work_dirs/demo

A folder's results.json is copied to docs/data, without the names of folders of this machine, and its picture to docs/images.
Then all tables are written anew from docs/data, each between two marks:

    <!-- results: study moving_shapes -->
    <!-- end of results -->

Marks: ``study NAME`` (everything), ``table NAME`` (the main table, the answer and the picture), ``summary NAME NAME ...``
(some columns of those of several studies that have been run, side by side), ``pretext tasks`` and ``pretext collapse``
(docs/data/pretext_tasks.json, by tools/analysis/check_pretext_tasks.py). What a page says outside of the marks is written by
hand. An unfinished study is shown as far as it is.
"""

import argparse
import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from videossl.apis.studies.reader import ALL
from videossl.apis.studies.report import (
    answer_lines,
    cell_of,
    difference_tables,
    entries,
    few_label_tables,
    has_enough_seeds,
    main_table,
    markdown_table,
    number,
    version_line,
)
from videossl.apis.studies.study import parse_args
from videossl.config_files import load_config
from videossl.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
PAGES = ('README.md', 'docs/results.md')
MARK = re.compile(r'(<!-- results: ([^>]+?) -->).*?(<!-- end of results -->)', re.DOTALL)
PATH = re.compile(r'(?<![\w.~-])/(?:[\w.+~=-]+/)+[\w.+~=-]*')
LEFT_OUT = ('data_root', 'lists', 'failed')
TITLES = dict(
    demo='the demo',
    demo_seeds='the demo, five seeds',
    moving_shapes='MovingShapes',
    moving_shapes_aux='MovingShapes, auxSKD',
    weizmann='Weizmann',
    weizmann_motion='Weizmann as motion',
    lsa64='LSA64',
    lsa64_motion='LSA64 as motion',
    lsa64_motion_from_weizmann='LSA64 as motion, from Weizmann',
    ut_interaction='UT-Interaction',
)
SUMMARY = (('probe', '1'), ('probe', ALL), ('finetune', 'few'), ('finetune', ALL))


# ---------------------------------------------------------------------------------------------------------- the results
def without_paths(value, data_root: str):
    """The same content in which ``FOLDER`` stands for the folder of the videos, and no absolute path is left."""
    if isinstance(value, dict):
        return {key: without_paths(entry, data_root) for key, entry in value.items()}
    if isinstance(value, list):
        return [without_paths(entry, data_root) for entry in value]
    if not isinstance(value, str):
        return value

    def shorter(match: re.Match) -> str:
        path = match[0].rstrip('/')
        return path[path.index('configs/') :] if '/configs/' in path else path.rpartition('/')[2]

    return PATH.sub(shorter, re.sub(rf'{re.escape(data_root)}(?=/|$|\W)', 'FOLDER', value) if data_root else value)


def copy_results(folder: Path, root: Path) -> Path:
    """Copy the results of a study into the repository.

    Args:
        folder: work folder of the study.
        root: the repository.

    Returns:
        The copy.
    """
    results = json.loads((folder / 'results.json').read_text(encoding='utf-8'))
    kept = {key: value for key, value in results.items() if key not in LEFT_OUT}
    name = results['name'] if results['split'] == 'test' else f'{results["name"].removesuffix("_select")}_select'
    target = root / 'docs' / 'data' / f'study_{name}.json'
    text = json.dumps(without_paths(kept, results['data_root']), indent=1, ensure_ascii=False)
    # A list of numbers or words on one line.
    text = re.sub(r'\[\s+([^\[\]{}]*?)\s+\]', lambda match: f'[{" ".join(match[1].split())}]', text)
    target.write_text(f'{text}\n', encoding='utf-8')
    if (folder / 'results.png').exists():
        shutil.copyfile(folder / 'results.png', root / 'docs' / 'images' / f'study_{name}.png')
    return target


def read_studies(root: Path) -> dict[str, dict]:
    """The results in the repository, by the name of the study."""
    paths = sorted((root / 'docs' / 'data').glob('study_*.json'))
    return {path.stem.removeprefix('study_'): json.loads(path.read_text(encoding='utf-8')) for path in paths}


# ----------------------------------------------------------------------------------------------------------- the tables
def progress_lines(results: dict) -> list[str]:
    """What is missing of an unfinished study; nothing for a finished one."""
    steps = results['steps']
    if steps['done'] == steps['all']:
        return []
    seeds = len(results['seeds'])
    complete: dict[str, bool] = {}
    for cell in results['cells']:
        complete[cell['row']] = complete.get(cell['row'], True) and cell['number'] == seeds
    parts = [f'{steps["done"]} of {steps["all"]} steps are done']
    for words, rows in (
        (
            f'all {seeds} seeds in every cell that is shown' if seeds > 1 else 'done as far as shown',
            _titles(results, complete, True),
        ),
        ('some seeds', _titles(results, complete, False)),
        ('nothing yet', [title for row, title in results['titles'].items() if row not in complete]),
    ):
        if rows:
            parts.append(f'{words}: {", ".join(rows)}')
    return [f'**Unfinished.** {"; ".join(parts)}.']


def _titles(results: dict, complete: dict[str, bool], value: bool) -> list[str]:
    return [results['titles'][row] for row, is_complete in complete.items() if is_complete == value]


def how_lines(results: dict) -> list[str]:
    """Commands and versions."""
    return ['```bash', *shown_commands(results), '```', '', version_line(results)]


def shown_commands(results: dict) -> list[str]:
    """The commands, but those that ask for nothing more than later ones; as if all had run in one place."""
    missing = {(cell['row'], cell['column'], int(seed)) for cell in results['cells'] for seed in cell['values']}
    shown: list[str] = []
    for command in reversed(results['commands']):
        args = parse_args(shlex.split(command)[2:])  # after python tools/run_study.py
        seeds = args.seeds or seeds_of(args.study)
        asked = {
            value
            for value in missing
            if all(wanted is None or part in wanted for part, wanted in zip(value, (args.rows, args.columns, seeds)))
        }
        if asked:
            shown.insert(0, without_joining(command))
        missing -= asked
    return shown


def seeds_of(study: str) -> list[int] | None:
    """The seeds of a study that a command without ``--seeds`` runs; None: the study is not there any more."""
    try:
        return list(load_config(study).get('seeds', [0]))
    except ConfigError:
        return None


def without_joining(command: str) -> str:
    """A command without the files of its ``--join``."""
    words, joined = [], False
    for word in shlex.split(command):
        joined = word.partition('=')[0] == '--join' or (joined and not word.startswith('--'))
        words += [] if joined else [word]
    return shlex.join(words)


def table_block(results: dict, picture: str | None) -> list[list[str]]:
    """Paragraphs: the main table, what it says and what makes it worth less, and the picture."""
    title, header, rows = main_table(results)
    shown = [] if picture is None else [f'![accuracies of the study {results["name"]}]({picture})']
    said = [f'- {line}' for line in [*answer_lines(results), *results['warnings'], *results['notes']]]
    return [progress_lines(results), [f'{title}:'], markdown_table(header, rows), said, shown]


def study_block(results: dict, picture: str | None) -> list[list[str]]:
    """Paragraphs: everything that a reader needs to judge a study."""
    blocks = table_block(results, picture)
    for title, header, rows in (*few_label_tables(results), *difference_tables(results)):
        if rows:
            blocks += [[f'{title}:'], markdown_table(header, rows)]
    if results['chosen']:
        blocks.append([results['chosen']])
    return [*blocks, how_lines(results)]


def summary_block(studies: dict[str, dict]) -> list[list[str]]:
    """Paragraphs: the studies side by side, and the seeds and test videos of each. Cells with fewer seeds than three, or than
    the study has, say so; rows without another are named."""
    header, columns = [''], []
    for name, results in studies.items():
        few = next((c['labels'] for c in results['cells'] if c['column'] == 'finetune' and c['labels'] != ALL), None)
        for column, labels in SUMMARY:
            labels = few if labels == 'few' else labels
            if labels is not None and any((c['column'], c['labels']) == (column, labels) for c in results['cells']):
                title = results['columns'][column] + (
                    '' if labels == ALL else f', {labels} label{"s" * (labels != "1")} per class'
                )
                header.append(f'{TITLES.get(name, name)}: {title}')
                columns.append((results, column, labels))
    titles: dict[str, str] = {}
    fewer: dict[str, str] = {}
    for results in studies.values():
        done = {cell['row'] for cell in results['cells'] if has_enough_seeds(cell, len(results['seeds']))}
        for row, point in entries(results):
            if point == 0:
                (titles if row in done else fewer)[row] = results['titles'][row]

    def text(row: str, results: dict, column: str, labels: str) -> str:
        cell, seeds = cell_of(results, row, 0, column, labels), len(results['seeds'])
        return 'too few seeds' if cell and not has_enough_seeds(cell, seeds) else number(cell, seeds)

    rows = [[title, *(text(row, *column) for column in columns)] for row, title in titles.items()]
    notes = [
        f'{TITLES.get(name, name)}: {results["test_videos"]} test videos, '
        + ('one seed' if len(results['seeds']) == 1 else f'{len(results["seeds"])} seeds')
        for name, results in studies.items()
    ]
    unfinished = [TITLES.get(name, name) for name, results in studies.items() if progress_lines(results)]
    meaning = '±: half of the 95 % t-interval over the seeds.'
    progress = f' Unfinished: {", ".join(unfinished)}.' if unfinished else ''
    missing = [title for row, title in fewer.items() if row not in titles]
    if missing:
        progress += f' With fewer than three seeds, and not shown: {", ".join(missing)}.'
    return [markdown_table(header, rows), [f'({"; ".join(notes)}. Per cent. {meaning}{progress})']]


def pretext_block(checks: dict) -> list[list[str]]:
    """Paragraphs: the table of tools/analysis/check_pretext_tasks.py."""
    header = ['task', 'accuracy on unseen videos', '', 'chance', 'margin in points', 'minutes']
    rows = [
        [
            entry['title'],
            entry['what'],
            f'{100 * entry["value"]:.1f}',
            f'{100 * entry["chance"]:.1f}',
            f'{100 * (entry["value"] - entry["chance"]):+.1f}',
            f'{entry["minutes"]:.1f}',
        ]
        for task in checks.values()
        for entry in task
    ]
    return [markdown_table(header, rows)]


def collapse_block(checks: dict) -> list[list[str]]:
    """Paragraphs: spread and effective rank of the embeddings over the runs of tools/analysis/check_pretext_tasks.py."""
    moments = ('start', 'quarter', 'half', 'end')
    header = ['task', *(f'{name}, {moment}' for name in ('std', 'rank') for moment in moments), 'clips']
    rows = [
        [
            task[0]['title'],
            *(f'{value:.2f}' for value in task[0]['collapse']['std']),
            *(f'{value:.1f}' for value in task[0]['collapse']['rank']),
            str(task[0]['collapse']['clips']),
        ]
        for task in checks.values()
        if 'collapse' in task[0]
    ]
    return [markdown_table(header, rows)] if rows else [['This has not been measured yet.']]


# ------------------------------------------------------------------------------------------------------------ the pages
def block(kind: str, root: Path, page: str) -> str:
    """The text between two marks.

    Raises:
        ValueError: the mark is of no known kind.
    """
    studies = read_studies(root)
    word, *names = kind.split()
    if word == 'pretext' and names in (['tasks'], ['collapse']):
        build_block = pretext_block if names == ['tasks'] else collapse_block
        paragraphs = build_block(json.loads((root / 'docs' / 'data' / 'pretext_tasks.json').read_text()))
    elif word == 'summary' and names:
        found = {name: studies[name] for name in names if name in studies and studies[name]['cells']}
        paragraphs = summary_block(found) if found else []
    elif word in ('study', 'table') and len(names) == 1:
        results = studies.get(names[0])
        if results is None or not results['cells']:
            paragraphs = [['This study has not been run yet.']]
        else:
            picture = Path('docs', 'images', f'study_{names[0]}.png')
            shown = (picture if page == 'README.md' else picture.relative_to('docs')).as_posix()
            build = table_block if word == 'table' else study_block
            paragraphs = build(results, shown if (root / picture).exists() else None)
    else:
        raise ValueError(
            f'{page}: <!-- results: {kind} -->: expected "study NAME", "table NAME", "summary NAME ...", "pretext tasks" or '
            '"pretext collapse"'
        )
    return '\n\n'.join('\n'.join(lines) for lines in paragraphs if lines)


def filled(text: str, root: Path, page: str) -> str:
    """A page with the text between all its marks written anew."""
    return MARK.sub(lambda match: '\n\n'.join(filter(None, (match[1], block(match[2], root, page), match[3]))), text)


def main(argv: list[str] | None = None, say: Callable[[str], None] = print) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folders', nargs='*', type=Path, help='work folders of studies whose results are copied first')
    parser.add_argument('--check', action='store_true', help='write nothing; status 1 if a page would change')
    parser.add_argument('--root', type=Path, default=ROOT, help='the repository; default: that of this tool')
    args = parser.parse_args(argv)
    copied = []
    for folder in [] if args.check else args.folders:
        if not (folder / 'results.json').is_file():
            raise SystemExit(f'{folder} has no results.json, so it is no folder of a study')
        copied.append(copy_results(folder, args.root))
        say(f'{folder} -> {copied[-1]}')
    outdated = []
    shown: set[str] = set()
    for page in PAGES:
        path = args.root / page
        text = path.read_text(encoding='utf-8')
        shown.update(name for mark in MARK.finditer(text) for name in mark[2].split()[1:])
        new = filled(text, args.root, page)
        if new != text:
            outdated.append(page)
            if not args.check:
                path.write_text(new, encoding='utf-8')
    say(f'{", ".join(outdated) or "no page"} {"would change" if args.check else "changed"}')
    for name in (path.stem.removeprefix('study_') for path in copied):
        if name not in shown:
            say(
                f'no page shows {name}: write <!-- results: study {name} --> and <!-- end of results --> into one of them'
            )
    if args.check and outdated:
        sys.exit(1)


if __name__ == '__main__':
    main()
