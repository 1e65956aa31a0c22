"""The numbers of a study: cells with intervals, differences with intervals, and the answer."""

import itertools
import json
import os
import platform
import re
from collections.abc import Sequence

import torch

from videossl.datasets.broken_videos import FILE_NAME as BROKEN_VIDEOS
from videossl.datasets.broken_videos import parts_of
from videossl.evaluation.feature_sets import first_few
from videossl.evaluation.report import all_notes
from videossl.evaluation.statistics import (
    Interval,
    binomial_standard_error,
    difference_standard_error,
    over_seeds,
    paired_difference,
)
from videossl.version import all_versions

from ..recipes.report import warnings_at_chance
from ..recipes.stage import Stage
from .joined import Values, identity, joined_values, notes_on_joined
from .reader import ALL, COLUMNS, Run, Study, short
from .tasks import METRICS, FeatureTask, StageTask, Task


def collect(
    study: Study,
    tasks: Sequence[Task],
    commands: Sequence[str],
    failed: dict[str, str],
    joined: Sequence[dict] = (),
    before: dict | None = None,
) -> dict:
    """All results so far, in JSON's types.

    Args:
        study: whose results.
        tasks: its steps.
        commands: that worked on it.
        failed: the message of each step that failed, by its title.
        joined: results of the same study from elsewhere. A value that this folder has, too, is this folder's.
        before: results of the last call in this folder, if there was one.

    Returns:
        The cells as ``cells``, a list of ``row``, ``point``, ``column``, ``labels`` (per class, or ``'all'``), ``values`` (by
        seed, in 0..1), ``mean``, ``low``, ``high`` and ``standard_error`` (of the finite test set). ``differences``: the same of
        ``row`` minus ``against``, ``standard_error`` being an upper bound. ``answers``, ``selected``, and what the report
        says of data, protocols and versions. ``versions`` are those of this call, ``earlier_versions`` the others that values
        may have been measured with.
    """
    before = before or {}
    today = versions()
    evaluated = {id(task.stage): task.results() for task in tasks if isinstance(task, FeatureTask)}
    own = measured(study, tasks, evaluated)
    values = completed(study, own, joined_values(joined))
    from_elsewhere = sum(map(len, values.values())) - sum(map(len, own.values()))
    learnt = pretext(study, tasks, joined)
    unread = notes_on_videos(study, tasks, evaluated)
    described = protocols(evaluated) or next((part['protocols'] for part in reversed(joined) if part['protocols']), {})
    cells = [
        dict(
            _names(key),
            values={str(seed): value for seed, value in sorted(by_seed.items())},
            **_interval(over_seeds(list(by_seed.values()), study.videos.test)),
            standard_error=binomial_standard_error(sum(by_seed.values()) / len(by_seed), study.videos.test),
        )
        for key, by_seed in values.items()
    ]
    return dict(
        identity(study),
        seeds=study.seeds,
        confidence=0.95,
        data_root=study.data_root,
        lists={name: str(path) for name, path in study.lists.items()},
        chance=study.videos.chance,
        pretext_chance=study.pretext_chance,
        titles={name: row.title for name, row in study.rows.items()},
        columns={name: study.config.get('column_titles', {}).get(name, COLUMNS[name]) for name in study.columns},
        baseline={column: study.baseline(column) for column in study.columns},
        cells=cells,
        differences=differences(study, values),
        answers=answers(study, values),
        selected=selected(study, values),
        learnt=learnt,
        unread=unread,
        warnings=warnings(
            study, values, learnt, [*(line for part in joined for line in part.get('unread', [])), *unread]
        ),
        minutes=completed_minutes(study, joined),
        protocols=described,
        chosen=study.config.get('chosen'),
        best_epochs=sorted(
            {stage.name for run in study.runs for stage in run.stages.values() if stage.chosen_by is not None}
        ),
        notes=[
            *study.notes,
            *notes_on_joined(joined, from_elsewhere, described, today),
            *notes_on_lost_values(study, before, values),
        ],
        failed=failed,
        steps=dict(done=sum(task.done() for task in tasks), all=len(tasks)),
        commands=list(dict.fromkeys([*(command for part in joined for command in part['commands']), *commands])),
        versions=today,
        earlier_versions=other_versions(before, today),
    )


def measured(study: Study, tasks: Sequence[Task], evaluated: dict[int, dict | None]) -> Values:
    """By (row, grid point, column, labels): the value of each finished seed. ``evaluated`` has the results of a stage's
    features by its id, None where there are none."""
    tested = {id(task.stage): task for task in tasks if isinstance(task, StageTask)}
    values: Values = {}
    for row in study.rows:
        for number, run in ((study.points.index(run.point), run) for run in study.runs):
            for column in study.columns:
                for labels in (ALL, *map(str, study.counts)):
                    value = _value(run, row, column, labels, evaluated, tested)
                    if value is not None:
                        values.setdefault((row, number, column, labels), {})[run.seed] = value
    return values


def completed(study: Study, own: Values, others: Values) -> Values:
    """A study's own values, and those of others in the places where it has none; in the order of its table."""
    keys = itertools.product(study.rows, range(len(study.points)), study.columns, (ALL, *map(str, study.counts)))
    values = {key: {**others.get(key, {}), **own.get(key, {})} for key in keys}
    return {
        key: kept
        for key in values
        if (kept := {seed: values[key][seed] for seed in study.seeds if seed in values[key]})
    }


def _value(run: Run, row: str, column: str, labels: str, evaluated: dict, tested: dict) -> float | None:
    if column == 'finetune':
        stage = run.finetuned.get((row, labels))
        task = None if stage is None else tested.get(id(stage))
        if task is None or not task.done():  # none is needed where the value is known from elsewhere
            return None
        return task.stage.read_state()['metrics']['acc/top1']
    results = evaluated.get(id(run.features.get(row))) or {}
    name, metric = METRICS[column]
    return results.get(labels, {}).get(name, {}).get(metric)


def _names(key: tuple) -> dict:
    return dict(zip(('row', 'point', 'column', 'labels'), key))


def _interval(interval: Interval) -> dict:
    return dict(mean=interval.mean, low=interval.low, high=interval.high, number=interval.number)


def difference(
    study: Study, values: dict, key: tuple, against: str | None, confidence: float = 0.95
) -> tuple[Interval, float] | None:
    """Interval of a cell minus the same cell of another row, seed by seed, and its standard error for other test videos;
    None where there is nothing to compare with."""
    row, *rest = key
    first, second = values.get(key), values.get((against, *rest))
    if against in (None, row) or first is None or second is None:
        return None
    shared = first.keys() & second.keys()
    interval = paired_difference(first, second, study.videos.test, confidence)
    if interval is None:
        return None
    first_mean, second_mean = (sum(of_row[seed] for seed in shared) / len(shared) for of_row in (first, second))
    return interval, difference_standard_error(first_mean, second_mean, study.videos.test)


def differences(study: Study, values: dict) -> list[dict]:
    """Each cell against the baseline of its column, and against the rows that its row names."""
    found = []
    for key in values:
        for against in dict.fromkeys([study.baseline(key[2]), *study.rows[key[0]].against]):
            compared = difference(study, values, key, against)
            if compared is not None:
                interval, error = compared
                found.append(
                    dict(
                        _names(key),
                        against=against,
                        **_interval(interval),
                        excludes_zero=interval.excludes_zero,
                        standard_error=error,
                    )
                )
    return found


def answers(study: Study, values: dict) -> list[dict]:
    """The study's question, answered in words for each row and column that it names: of one seed, in words of its own; then when
    three are done, or all of fewer.

    The study names several comparisons, so each interval has a confidence of 1 - 0.05 / number of them (Bonferroni), however
    many of its rows and columns were run: the chance that any of them excludes 0 by luck is at most 5 %.
    """
    question = study.config.get('answer')
    if not question:
        return []
    asked = [
        (row, column, str(labels))
        for column in question.columns
        for labels in question.get('labels', [ALL])
        if labels == ALL or labels in study.counts
        for row in question.rows
        if study.config.rows.get(row) is not None
    ]
    found = []
    for row, column, labels in asked:
        key = (row, 0, column, labels)
        compared = difference(study, values, key, study.baseline(column), 1 - 0.05 / len(asked))
        if compared is not None:
            interval, error = compared
            if interval.number == 2 < len(study.seeds):  # the interval of two says little, and a third is to come
                continue
            verdict = verdict_of(interval, error)
            found.append(
                dict(
                    _names(key),
                    against=study.baseline(column),
                    verdict=verdict,
                    **_interval(interval),
                    standard_error=error,
                    confidence=interval.confidence,
                )
            )
    return found


def verdict_of(interval: Interval, standard_error: float) -> str:
    """What a difference says: ``'unknown'`` (one seed), ``'yes'``, ``'probably'`` (so with every seed, but on too few test
    videos), ``'open'``, ``'probably worse'``, ``'worse'``."""
    if interval.half_width is None:
        return 'unknown'
    if not interval.excludes_zero:
        return 'open'
    sure = abs(interval.mean) > 2 * standard_error
    if interval.mean > 0:
        return 'yes' if sure else 'probably'
    return 'worse' if sure else 'probably worse'


def selected(study: Study, values: dict) -> list[dict]:
    """On the ``select`` split, the grid point with the highest mean for each row, by the linear probe and by fine-tuning;
    on the test split nothing."""
    if study.split != 'select' or len(study.points) < 2:
        return []
    found = []
    for row, column in itertools.product(study.rows, [name for name in ('probe', 'finetune') if name in study.columns]):
        by_point = {
            number: values[row, number, column, ALL]
            for number in range(len(study.points))
            if (row, number, column, ALL) in values
        }
        # A seed that only some points have would favour or harm them.
        shared = [seed for seed in study.seeds if all(seed in by_seed for by_seed in by_point.values())]
        compared = {number: tuple(by_seed[seed] for seed in shared) for number, by_seed in by_point.items()}
        # Points that share the stages of a row share its values: nothing was compared.
        if shared and len(set(compared.values())) > 1:
            means = {number: over_seeds(accuracies, study.videos.test) for number, accuracies in compared.items()}
            best = max(means, key=lambda number: means[number].mean)
            options = {key: value for key, value in study.points[best].items() if matters(key, study.points, compared)}
            without = [point for number, point in enumerate(study.points) if number not in by_point]
            found.append(
                dict(row=row, column=column, point=best, options=options, without=without, **_interval(means[best]))
            )
    return found


def matters(key: str, points: Sequence[dict], results: dict[int, tuple]) -> bool:
    """Whether two points of a grid that differ in one option alone have different results. ``results`` has those of some
    points, by number."""
    return any(
        points[one][key] != points[two][key]
        and all(points[one][other] == points[two][other] for other in points[one] if other != key)
        and results[one] != results[two]
        for one, two in itertools.combinations(results, 2)
    )


def pretext(study: Study, tasks: Sequence[Task], joined: Sequence[dict]) -> dict[str, dict[str, dict[str, float]]]:
    """By stage, name and folder of the run (``'seed_0'``), the accuracies of its pretext task at the end of training."""
    learnt: dict[str, dict[str, dict[str, float]]] = {}
    for part in joined:
        for stage, accuracies in part.get('learnt', {}).items():
            for name, by_run in accuracies.items():
                learnt.setdefault(stage, {}).setdefault(name, {}).update(by_run)
    for task in tasks:
        if isinstance(task, StageTask) and not task.stage.name.startswith('untrained_') and task.done():
            run = task.stage.folder.parent.relative_to(study.work_dir).as_posix()
            for name, accuracy in task.accuracies.items():
                learnt.setdefault(task.stage.name, {}).setdefault(name, {})[run] = accuracy
    return learnt


def warnings(study: Study, values: Values, learnt: dict, unread: Sequence[str]) -> list[str]:
    """What makes the numbers worth less than they seem: few seeds, pretext tasks that were not learnt, and nets that do not
    beat guessing after fine-tuning."""
    found = []
    if len(study.seeds) == 2:
        found.append('Two seeds give intervals of ± 9 standard deviations, three ± 2.5, five ± 1.2. Run more seeds.')
    found += list(dict.fromkeys(unread))
    for stage, accuracies in learnt.items():
        points = {run.rpartition('/')[0]: None for by_run in accuracies.values() for run in by_run}
        for point in points:
            means = {
                name: sum(of_point) / len(of_point)
                for name, by_run in accuracies.items()
                if (of_point := [value for run, value in by_run.items() if run.rpartition('/')[0] == point])
            }
            found += warnings_at_chance(f'{stage}; {point}' if point else stage, means, study.pretext_chance)
    guessing, tested = [], 0
    chance = study.videos.chance
    margin = 2 * binomial_standard_error(chance, study.videos.test)
    for (row, number, column, labels), by_seed in values.items():
        mean = sum(by_seed.values()) / len(by_seed)
        tested += column == 'finetune' and labels == ALL
        if column == 'finetune' and labels == ALL and mean < chance + margin:
            point = f'; {point_title(study.points[number])}' if study.points[number] else ''
            guessing.append(f'{study.rows[row].title}{point} ({100 * mean:.1f})')
    if guessing:
        found.append(
            f'Fine-tuning does not beat guessing ({100 * chance:.1f}) by two standard errors: {", ".join(guessing)}. '
            + (
                'The labels were not learnt, so the comparison says nothing. Fine-tune for longer.'
                if len(guessing) == tested
                else 'More labels or longer fine-tuning may change that.'
            )
        )
    return found


def notes_on_videos(study: Study, tasks: Sequence[Task], evaluated: dict[int, dict | None]) -> list[str]:
    """The notes of the evaluations, which name videos that could not be read, and how many trainings and tests could not."""
    shown = {METRICS[column][0] for column in study.columns if column in METRICS}
    found = [
        re.sub('^(train|test|gallery|queries): ', '', note)  # of probe and retrieval, otherwise alike
        for results in evaluated.values()
        if results
        for note in all_notes({name: result for name, result in results[ALL].items() if name in shown})
        if not note.startswith('R@')  # of numbers of neighbours that are no column
    ]
    lists = [task.stage.folder / BROKEN_VIDEOS for task in tasks if isinstance(task, StageTask)]
    broken = {
        parts_of(line)[0]
        for path in lists
        if path.exists()
        for line in path.read_text(encoding='utf-8', errors='replace').splitlines()
    }
    if broken:
        found.append(
            f'{len(broken)} video{"s" * (len(broken) > 1)} could not be read by trainings and their tests: '
            f'{first_few(sorted(broken))}. In a training others took their places, in a test they count as wrong. '
            f'{BROKEN_VIDEOS} in the folders of the stages has the reasons.'
        )
    return list(dict.fromkeys(found))


def notes_on_lost_values(study: Study, before: dict, values: Values) -> list[str]:
    """How many values of the last call are not shown, as settings or lists of their steps have changed."""
    if (before.get('name'), before.get('split')) != (study.name, study.split):
        return []
    points = [json.dumps(point) for point in study.points]
    known = {(key[0], points[key[1]], *key[2:], seed) for key, by_seed in values.items() for seed in by_seed}
    lost = [
        cell
        for cell in before.get('cells', [])
        for seed in cell['values']
        if (cell['row'], json.dumps(before['points'][cell['point']]), cell['column'], cell['labels'], int(seed))
        not in known
    ]
    if not lost:
        return []
    rows = dict.fromkeys(before['titles'].get(cell['row'], cell['row']) for cell in lost)
    return [
        f'{len(lost)} values of earlier calls are not shown: they belong to other settings, lists or options than those of this '
        f'call, or are measured anew. Rows: {", ".join(rows)}.'
    ]


def minutes(study: Study) -> list[dict]:
    """For each row and grid point the minutes of its stages, mean over the seeds; shared stages count in each row."""
    found = []
    for number, point in enumerate(study.points):
        for row in study.rows:
            spent = []
            for run in study.runs:
                if run.point != point:
                    continue
                last = [run.features.get(row), run.finetuned.get((row, ALL))]
                chain = {stage.name: stage for start in last for stage in _chain(start)}
                if chain and all(stage.read_state().get('trained') for stage in chain.values()):
                    spent.append(sum(stage.read_state()['seconds'] for stage in chain.values()) / 60)
            if spent:
                found.append(dict(row=row, point=number, minutes=sum(spent) / len(spent)))
    return found


def completed_minutes(study: Study, joined: Sequence[dict]) -> list[dict]:
    """The minutes of this folder, and those of others for the rows that did not run here."""
    found = {(entry['row'], entry['point']): entry for part in joined for entry in part['minutes']}
    found.update({(entry['row'], entry['point']): entry for entry in minutes(study)})
    return [entry for (row, _), entry in found.items() if row in study.rows]


def _chain(stage: Stage | None) -> list[Stage]:
    return [] if stage is None else [*_chain(stage.init_from), stage]


def protocols(evaluated: dict[int, dict | None]) -> dict[str, str]:
    """How probe, kNN and retrieval were measured, in words, by evaluation."""
    for results in evaluated.values():
        if results:
            return {name: result['protocol'] for name, result in results[ALL].items()}
    return {}


def point_title(point: dict) -> str:
    """``lr 0.01``, for a table; with the stage where several options are called alike."""
    names = [short(key).rpartition('.')[2] for key in point]
    return ', '.join(
        f'{name if names.count(name) == 1 else short(key)} {value}' for name, (key, value) in zip(names, point.items())
    )


def versions() -> dict[str, str]:
    """Of the packages that the numbers depend on, and of the machine."""
    installed = {name: version for name, version in all_versions().items() if version is not None}
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f'{platform.machine()} CPU'
    return dict(installed, device=f'{device}, {os.cpu_count()} cores')


def other_versions(before: dict, today: dict[str, str]) -> list[dict[str, str]]:
    """The versions of earlier calls in a folder that are not today's, each once."""
    found = [*before.get('earlier_versions', []), before.get('versions', today)]
    return [entry for number, entry in enumerate(found) if entry != today and entry not in found[:number]]
