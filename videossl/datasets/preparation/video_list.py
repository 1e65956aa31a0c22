"""The lists of a data set: what its own files name, what of it is there, and writing it so that it reads back the same."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from videossl.datasets.annotations import read_annotations
from videossl.errors import UserError

Entry = tuple[str, int | None]


class PreparationError(UserError, ValueError):
    """A data set cannot be prepared as it lies there; the message names the file and says what to do."""


@dataclass
class SplitFiles:
    """What the files that come with a data set say.

    Attributes:
        classes: names, in the order of their labels.
        splits: by the name of a list, (name of a video as the files give it, label).
        total: videos that the files name, also those that no list uses.
    """

    classes: list[str]
    splits: dict[str, list[Entry]]
    total: int


@dataclass
class VideoList:
    """A list of videos, ready to be written.

    Attributes:
        name: of its file, without the ending.
        folder: that the paths are relative to.
        entries: (path, label) of the videos that are there; all labels are None in a list without labels.
        missing: videos that belong here but are not there, as the data set names them.
        published: how many videos the data set's authors or others name for this list; None: not known.
    """

    name: str
    folder: str
    entries: list[Entry]
    missing: list[str] = field(default_factory=list)
    published: int | None = None


def write_list(entries: Sequence[Entry], folder: str | os.PathLike, name: str) -> Path:
    """Write a list that :func:`~videossl.datasets.read_annotations` reads as these entries.

    It is a text file, ``path label`` a line, wherever a line can be read in one way only. Where it cannot (an unlabelled
    ``part 2``, a space at the end of a path, a line break in it, bytes that are no UTF-8), the list is one of JSON lines.

    Args:
        entries: (path, label), at least one.
        folder: for the file; made when missing.
        name: of the file, without its ending.

    Returns:
        The file, ``name.txt`` or ``name.jsonl``. A list of the same name and the other ending is removed, as it is of an
        earlier state of the data.
    """
    if not entries:
        raise ValueError(f'the list {name} would be empty')
    folder = Path(folder)
    formats = dict(txt=_text_lines, jsonl=_json_lines)
    for ending, lines in formats.items():
        path = folder / f'{name}.{ending}'
        if write_lines(path, lines(entries), accept=lambda file: _reads_back(file, entries)):
            for other in set(formats) - {ending}:
                (folder / f'{name}.{other}').unlink(missing_ok=True)
            return path
    raise PreparationError(f'the list {name} cannot be written so that it reads back the same')


def _text_lines(entries: Iterable[Entry]) -> list[str]:
    return [path if label is None else f'{path} {label}' for path, label in entries]


def _json_lines(entries: Iterable[Entry]) -> list[str]:
    return [json.dumps(dict(path=path) if label is None else dict(path=path, label=label)) for path, label in entries]


def _reads_back(file: Path, entries: Sequence[Entry]) -> bool:
    try:
        return read_annotations(str(file)) == list(entries)
    except ValueError:  # some lines seem to have a label and some to have none
        return False


def write_lines(
    path: str | os.PathLike, lines: Iterable[str], accept: Callable[[Path], bool] = lambda file: True
) -> bool:
    """Write a text file in UTF-8 under a temporary name beside it, and give it its name if it is whole and accepted.

    Returns:
        Whether it was. It is not where the lines cannot be written in UTF-8 either.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.stem}.{uuid4().hex[:8]}.tmp{path.suffix}')
    try:
        temporary.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8', newline='\n')
        if not accept(temporary):
            return False
        os.replace(temporary, path)
        return True
    except UnicodeEncodeError:
        return False
    finally:
        temporary.unlink(missing_ok=True)


def read_text(path: str | os.PathLike) -> list[str]:
    """The lines of a file in UTF-8 without white space at their ends; empty ones are left out.

    Raises:
        PreparationError: the file is not there, or is no UTF-8.
    """
    try:
        lines = Path(path).read_text(encoding='utf-8-sig').splitlines()
    except (FileNotFoundError, IsADirectoryError):
        raise PreparationError(
            f'there is no file {path}; name the folder of the split files with --annotations'
        ) from None
    except UnicodeDecodeError as error:
        raise PreparationError(f'{path} is not a text in UTF-8 ({error})') from None
    return [line.strip() for line in lines if line.strip()]


def check_splits(splits: dict[str, list[Entry]], disjoint: Iterable[tuple[str, str]]) -> None:
    """Raise a PreparationError where a list names a video twice, or two lists that must not share videos do."""
    for name, entries in splits.items():
        video, number = Counter(video for video, _ in entries).most_common(1)[0] if entries else ('', 0)
        if number > 1:
            raise PreparationError(f'the split files name {video} {number} times for {name}; they seem to be damaged')
    for first, second in disjoint:
        shared = sorted({video for video, _ in splits[first]} & {video for video, _ in splits[second]})
        if shared:
            raise PreparationError(
                f'{first} and {second} share {len(shared)} videos, the first being {shared[0]}; the '
                'split files seem to be damaged'
            )
