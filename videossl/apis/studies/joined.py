"""Results of the same study from elsewhere, shown with those of its own folder: seeds may run on several machines."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from videossl.errors import ConfigError

from ..recipes.stage import write_whole
from .reader import ALL, Study
from .tasks import FeatureTask, Task

FILE_NAME = 'joined.json'
KEPT = ('cells', 'minutes', 'protocols', 'commands', 'versions')
KEPT_IF_THERE = ('list_digest', 'learnt', 'unread', 'earlier_versions')  # which older results have not

Values = dict[tuple, dict[int, float]]
"""The value of each seed, by row, number of the grid point, column and number of labels."""


def identity(study: Study) -> dict:
    """What two results must agree in to be of one study. Lists and folders may have other names elsewhere."""
    return dict(
        name=study.name,
        split=study.split,
        test_videos=study.videos.test,
        classes=study.videos.classes,
        points=json.loads(json.dumps(study.points)),
        label_counts=study.counts,
        list_digest=study.videos.digest,
    )


def join(study: Study, files: Iterable[str]) -> list[dict]:
    """What earlier calls and this one join to a study, the newest last; nothing is written.

    Raises:
        ConfigError: a file is no ``results.json`` of this study with these videos.
    """
    expected = identity(study)
    earlier = study.work_dir / FILE_NAME
    parts = read_parts(earlier, expected) if earlier.exists() else []
    for file in files:
        for part in read_parts(Path(file), expected):
            parts = [*(other for other in parts if other != part), part]
    return parts


def read_parts(path: Path, expected: dict) -> list[dict]:
    """The results in a ``results.json`` or ``joined.json``, which must be of the expected study."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        found = content if isinstance(content, list) else [content]
        parts = [
            {
                **{key: results[key] for key in (*expected, *KEPT) if key not in KEPT_IF_THERE},
                **{key: results[key] for key in KEPT_IF_THERE if key in results},
            }
            for results in found
        ]
        joined_values(parts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f'{path}: it cannot be read as the results of a study ({error!r})') from None
    for part in parts:
        for key, value in expected.items():
            if part.get(key, value) != value:
                there = (
                    'its lists name other videos'
                    if key == 'list_digest'
                    else f'{key} is {part[key]} there, {value} here'
                )
                raise ConfigError(f'{path}: these results are of another study: {there}')
    return parts


def write_joined(parts: Sequence[dict], folder: Path) -> None:
    """Keep them for later calls."""
    if parts:
        write_whole(folder / FILE_NAME, json.dumps(parts) + '\n')


def joined_values(parts: Sequence[dict]) -> Values:
    """The values of joined results; where two have one, that of the newer."""
    values: Values = {}
    for part in parts:
        for cell in part['cells']:
            key = (cell['row'], cell['point'], cell['column'], cell['labels'])
            values.setdefault(key, {}).update({int(seed): float(value) for seed, value in cell['values'].items()})
    return values


def still_needed(study: Study, tasks: Sequence[Task], values: Values) -> list[Task]:
    """The steps without those whose values are all known from elsewhere, unless they are done here, too."""
    frozen = [(column, ALL) for column in study.columns if column != 'finetune']
    frozen += [('probe', str(count)) for count in study.counts if 'probe' in study.columns]
    to_evaluate: set[int] = set()
    to_test: set[int] = set()
    for run in study.runs:
        number = study.points.index(run.point)
        for row, stage in run.features.items():
            if any(run.seed not in values.get((row, number, *cell), {}) for cell in frozen):
                to_evaluate.add(id(stage))
        for (row, labels), stage in run.finetuned.items():
            if run.seed not in values.get((row, number, 'finetune', labels), {}):
                to_test.add(id(stage))
    kept: list[Task] = []
    needed: set[int] = set()
    for task in reversed(tasks):
        asked = to_evaluate if isinstance(task, FeatureTask) else to_test
        if id(task.stage) in asked or id(task) in needed or task.done():
            kept.insert(0, task)
            needed.update(map(id, task.needs))
    return kept


def notes_on_joined(
    parts: Sequence[dict], number: int, protocols: dict[str, str], versions: dict[str, str]
) -> list[str]:
    """What a report says of joined results: how many values are theirs, and what was different where they were measured.

    Args:
        parts: the joined results.
        number: of values that come from them.
        protocols: of the evaluations of the study's own folder.
        versions: of the packages here, and of the machine.
    """
    if not number:
        return []
    different = {
        f'{name} {text}': None
        for part in parts
        for versions_there in (*part.get('earlier_versions', []), part['versions'])
        for name, text in versions_there.items()
        if versions.get(name, text) != text
    }
    where = f' There: {", ".join(different)}.' if different else ''
    notes = [f'{number} values were measured elsewhere and joined.{where}']
    for name in protocols:
        for other in dict.fromkeys(part['protocols'].get(name, protocols[name]) for part in parts):
            if other != protocols[name]:
                notes.append(
                    f'Joined results have another {name}: "{other}", here "{protocols[name]}". Do not compare.'
                )
    return notes
