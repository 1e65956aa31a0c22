"""Lists of videos to write, and text files that read back the same."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from videossl.datasets.annotations import Entry, parse_annotations
from videossl.errors import UserError
from videossl.files import whole_file


class PreparationError(UserError, ValueError):
    """A data set that cannot be prepared as it is. The message names the file and the remedy."""


@dataclass
class SplitFiles:
    """Content of the split files of a data set.

    Attributes:
        classes: names, in the order of their labels.
        splits: from the name of a list to its (name of a video in the files, label).
        total: number of videos in the files, with those that no list uses.
    """

    classes: list[str]
    splits: dict[str, list[Entry]]
    total: int


@dataclass
class PreparedList:
    """A list of videos, ready to be written.

    Attributes:
        name: of its file, without the ending.
        folder: of the paths.
        entries: (path, label) of the existing videos. All labels are None in a list without labels.
        missing: videos of the list without a file, as the data set names them.
        published: published number of videos of this list; None: unknown.
    """

    name: str
    folder: str
    entries: list[Entry]
    missing: list[str] = field(default_factory=list)
    published: int | None = None


def write_list(entries: Sequence[Entry], folder: str | os.PathLike, name: str) -> Path:
    """Write a list that :func:`~videossl.datasets.read_annotations` reads as these entries.

    It is a text file with ``path label`` on each line if every line reads back the same, and JSON lines otherwise: for an
    unlabelled ``part 2``, a path with a space at its end, a line break, a backslash or bytes that are not UTF-8.

    Args:
        entries: (path, label), at least one.
        folder: of the file; created when missing.
        name: of the file, without its ending.

    Returns:
        The file, ``name.txt`` or ``name.jsonl``. A list with the same name and the other ending is outdated and removed.

    Raises:
        PreparationError: neither form reads back the same.
    """
    if not entries:
        raise ValueError(f'the list {name} would be empty')
    formats = dict(txt=_text_lines, jsonl=_json_lines)
    for ending, lines_of in formats.items():
        path, lines = Path(folder, f'{name}.{ending}'), lines_of(entries)
        if _reads_back(lines, path, entries):
            write_lines(path, lines)
            for other in set(formats) - {ending}:
                path.with_name(f'{name}.{other}').unlink(missing_ok=True)
            return path
    raise PreparationError(f'the list {name} cannot be written so that it reads back the same')


def _text_lines(entries: Iterable[Entry]) -> list[str]:
    return [path if label is None else f'{path} {label}' for path, label in entries]


def _json_lines(entries: Iterable[Entry]) -> list[str]:
    return [json.dumps(dict(path=path) if label is None else dict(path=path, label=label)) for path, label in entries]


def _reads_back(lines: Iterable[str], path: Path, entries: Sequence[Entry]) -> bool:
    try:
        return list(parse_annotations(_content(lines), str(path))) == list(entries)
    except ValueError:  # not UTF-8, or some lines seem to have a label and some not
        return False


def write_lines(path: str | os.PathLike, lines: Iterable[str]) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_bytes(_content(lines))


def _content(lines: Iterable[str]) -> bytes:
    return ''.join(f'{line}\n' for line in lines).encode()


def read_text(path: str | os.PathLike) -> list[str]:
    """The stripped, non-empty lines of a file in UTF-8.

    Raises:
        PreparationError: there is no such file, or it is not UTF-8.
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
    """Raise a PreparationError if a list names a video twice, or two lists of ``disjoint`` share videos."""
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
