"""Something-Something, versions 1 and 2: the official label and split files."""

import json
import os
from pathlib import Path
from typing import NoReturn, TypeVar

from videossl.datasets.annotations import is_hidden

from .writing import Entry, PreparationError, SplitFiles, check_splits, read_text

Content = TypeVar('Content', dict, list)
PARTS = dict(train='train', val='validation', test='test')  # our name: the official one


def list_name(version: int, part: str) -> str:
    """mmaction2's name of a list."""
    return f'sthv{version}_{part}_list_videos'


def read_something_v2(folder: str | os.PathLike) -> SplitFiles:
    """Read ``labels.json``, ``train.json``, ``validation.json`` and, where it is there, ``test.json``.

    The older names, ``something-something-v2-labels.json`` and so on, are read as well. A label is the number of a video's
    template in the label file; square brackets in the template are left out. Test videos have no label.

    Args:
        folder: folder of these files, or the folder above ``labels``.

    Raises:
        PreparationError: a file is missing or cannot be read, or a template is not among the labels.
    """
    folder = _folder_with(Path(folder), ('labels.json', 'something-something-v2-labels.json'))
    names = ('labels.json', 'something-something-v2-labels.json')
    path = _existing(folder, *names) or _missing(folder, *names)
    numbers = _read_json(path, dict)
    try:
        labels = {template: int(number) for template, number in numbers.items()}
    except (TypeError, ValueError):
        raise PreparationError(f'{path}: a label is no number') from None
    if sorted(labels.values()) != list(range(len(labels))):
        raise PreparationError(f'{path}: the numbers of its {len(labels)} labels are not 0, 1, 2, ...')
    splits = {}
    for part, official in PARTS.items():
        names = (f'{official}.json', f'something-something-v2-{official}.json')
        found = _existing(folder, *names)
        if found is None and part != 'test':
            _missing(folder, *names)
        if found is not None:
            items = _read_json(found, list)
            splits[list_name(2, part)] = [_read_item(item, labels, part != 'test', found) for item in items]
    return _checked(sorted(labels, key=lambda name: labels[name]), splits)


def read_something_v1(folder: str | os.PathLike) -> SplitFiles:
    """Read ``something-something-v1-labels.csv``, one class a line, and the files of the splits, lines ``id;class`` or,
    for the test videos, ``id``.

    Args:
        folder: folder of these files.

    Raises:
        PreparationError: a file is missing, or a class is not among the labels.
    """
    folder = Path(folder)
    classes = read_text(folder / 'something-something-v1-labels.csv')
    labels = {name: label for label, name in enumerate(classes)}
    splits: dict[str, list[Entry]] = {}
    for part, official in PARTS.items():
        path = folder / f'something-something-v1-{official}.csv'
        if part == 'test' and not path.exists():
            continue
        splits[list_name(1, part)] = entries = []
        for line in read_text(path):
            video, _, name = line.partition(';')
            if part != 'test' and name not in labels:
                raise PreparationError(
                    f'{path}: "{line}" is not a video and, behind a semicolon, a class of '
                    'something-something-v1-labels.csv'
                )
            entries.append((f'{video}.mp4', None if part == 'test' else labels[name]))
    return _checked(classes, splits)


def check_no_frame_folders(folder: str | os.PathLike) -> None:
    """Raise a PreparationError if a folder has folders of single frames instead of videos, as version 1 is handed out."""
    folder = Path(folder)
    entries = sorted(path for path in folder.iterdir() if not is_hidden(path.name)) if folder.is_dir() else []
    for entry in entries[:100]:
        frame = next((path for path in entry.glob('*.jp*g')), None) if entry.is_dir() else None
        if frame is not None:
            raise PreparationError(
                f'{entry} holds single frames ({frame.name}), which videossl does not read. Make videos of them first, for '
                f'each folder ID: ffmpeg -framerate 12 -i ID/%05d.jpg -c:v libx264 -pix_fmt yuv420p '
                '-vf "crop=trunc(iw/2)*2:trunc(ih/2)*2" ID.mp4'
            )


def _checked(classes: list[str], splits: dict[str, list[Entry]]) -> SplitFiles:
    names = list(splits)
    check_splits(splits, [(names[i], names[j]) for i in range(len(names)) for j in range(i)])
    return SplitFiles(classes, splits, total=sum(len(entries) for entries in splits.values()))


def _read_item(item: dict, labels: dict[str, int], has_label: bool, path: Path) -> Entry:
    if not isinstance(item, dict) or not item.get('id'):
        raise PreparationError(f'{path}: an entry has no id: {str(item)[:80]}')
    if not has_label:
        return f'{item["id"]}.webm', None
    template = str(item.get('template', '')).replace('[', '').replace(']', '')
    if template not in labels:
        raise PreparationError(f'{path}: the template "{template}" of video {item["id"]} is not among the labels')
    return f'{item["id"]}.webm', labels[template]


def _folder_with(folder: Path, names: tuple[str, ...]) -> Path:
    inner = folder / 'labels'
    return inner if not any((folder / name).exists() for name in names) and inner.is_dir() else folder


def _existing(folder: Path, *names: str) -> Path | None:
    return next((folder / name for name in names if (folder / name).exists()), None)


def _missing(folder: Path, *names: str) -> NoReturn:
    raise PreparationError(
        f'there is no {" or ".join(names)} in {folder}; name the folder of the label files with --annotations'
    )


def _read_json(path: Path, kind: type[Content]) -> Content:
    try:
        content = json.loads(path.read_text(encoding='utf-8-sig'))
    except ValueError as error:  # also bytes that are not UTF-8
        raise PreparationError(f'{path} is no JSON file ({error})') from None
    if not isinstance(content, kind) or not content:
        raise PreparationError(f'{path} must hold a {"list" if kind is list else "dict"} with entries')
    return content
