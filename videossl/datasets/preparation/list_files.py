"""Rewriting the paths in a list of videos. All other content of the list stays."""

import csv
import io
import json
import os.path as osp
import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from videossl.datasets.annotations import (
    PATH_COLUMNS,
    VIDEO_EXTENSIONS,
    csv_layout,
    read_annotations,
    split_line,
    with_slashes,
)

from .writing import write_lines

LIST_ENDINGS = ('.txt', '.csv', '.jsonl')


class ListFile:
    """A list of videos, in any format that :func:`~videossl.datasets.read_annotations` reads.

    Args:
        path: of the list.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a list of videos.

    Attributes:
        paths: of the videos, as the list has them.
    """

    def __init__(self, path: str) -> None:
        self.paths = [_without_labels(name) for name, _ in read_annotations(path)]
        self.path = path

    def prefix(self, folders: Iterable[str], exists: Callable[[str], bool]) -> tuple[str, int]:
        """The folder that the list's paths are relative to, and how many of the first 200 paths exist there.

        Args:
            folders: candidates; of equal ones the first is taken.
            exists: whether a path below the common folder of the candidates is a video.
        """
        paths = self.paths[:200]
        counts = {folder: sum(exists(joined(folder, path)) for path in paths) for folder in folders}
        best = max(counts, key=lambda folder: counts[folder])
        return best, counts[best]

    def write(self, target: str | Path, rename: Callable[[str], str]) -> None:
        """Write the list with other paths.

        Args:
            target: the new file.
            rename: the new path for a path of the list.
        """
        text = Path(self.path).read_text(encoding='utf-8-sig')
        ending = self.path.rpartition('.')[2].lower()
        formats = dict(csv=self._csv_lines, tsv=self._csv_lines, json=_json_lines, jsonl=_json_lines)
        write_lines(target, formats.get(ending, _text_lines)(text, rename))

    def _csv_lines(self, text: str, rename: Callable[[str], str]) -> list[str]:
        delimiter, header = csv_layout(io.StringIO(text), self.path)
        index = next((header.index(name) for name in PATH_COLUMNS if name in header), 0)
        lines: list[str] = []
        for row in csv.reader(io.StringIO(text), delimiter=delimiter):
            if not any(cell.strip() for cell in row):
                continue
            if header and not lines:
                cells = row
            elif header or len(row) > 1:
                cells = [*row[:index], rename(with_slashes(row[index].strip())), *row[index + 1 :]]
            else:
                cells = [_rename_in_line(row[0], rename)]
            line = io.StringIO()
            csv.writer(line, lineterminator='', delimiter=delimiter).writerow(cells)
            lines.append(line.getvalue())
        return lines


def _text_lines(text: str, rename: Callable[[str], str]) -> list[str]:
    return [_rename_in_line(line, rename) for line in text.split('\n') if line.strip()]


def _rename_in_line(line: str, rename: Callable[[str], str]) -> str:
    line = line.strip()
    path = _without_labels(split_line(line)[0])
    return rename(with_slashes(path)) + line[len(path) :]


def _without_labels(path: str) -> str:
    """A path without the labels that follow it: lists for multi_class=True have more than one."""
    shorter: str = path
    label: int | None = 0
    while label is not None and not shorter.lower().endswith(VIDEO_EXTENSIONS):
        shorter, label = split_line(shorter)
    return path if label is None else shorter


def _json_lines(text: str, rename: Callable[[str], str]) -> list[str]:
    def renamed(item: Any) -> Any:
        if isinstance(item, str):
            return rename(with_slashes(item))
        column = next(name for name in PATH_COLUMNS if name in item)
        return {**item, column: rename(item[column])}

    try:
        content = json.loads(text)
    except ValueError:  # one object on each line
        return [_dumps(renamed(json.loads(line))) for line in text.split('\n') if line.strip()]
    if isinstance(content, list):
        content = [renamed(item) for item in content]
    elif {*content} & {*PATH_COLUMNS}:
        content = renamed(content)
    else:
        content = {rename(with_slashes(path)): label for path, label in content.items()}
    return [_dumps(content)]


def _dumps(item: Any) -> str:
    text = json.dumps(item, ensure_ascii=False)
    # Names whose bytes are not UTF-8 need escapes.
    return json.dumps(item) if any('\ud800' <= character <= '\udfff' for character in text) else text


def joined(folder: str, path: str) -> str:
    """A path below a folder, normalised. A path that leads out of the folder begins with ``..`` or ``/``."""
    return posixpath.normpath(posixpath.join(folder, path.replace('\\', '/') if osp.sep == '\\' else path))


def new_names(videos: Sequence[str]) -> dict[str, str]:
    """The MP4 file of each video. The ending is replaced, or kept before ``.mp4`` where two videos would get one name.

    Raises:
        ValueError: two videos would still get one name.
    """
    names = {video: video if video.lower().endswith('.mp4') else f'{osp.splitext(video)[0]}.mp4' for video in videos}
    counts = Counter(name.lower() for name in names.values())
    names = {
        video: name if counts[name.lower()] == 1 or name == video else f'{video}.mp4' for video, name in names.items()
    }
    sources: dict[str, str] = {}
    for video, name in names.items():
        other = sources.setdefault(name, video)
        if other != video:
            raise ValueError(f'{other} and {video} would both become {name}; rename one of them')
    return names
