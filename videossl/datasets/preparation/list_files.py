"""Lists of videos whose files get other names: everything else in them stays as it is."""

import csv
import io
import json
import os.path as osp
import posixpath
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from videossl.datasets.annotations import PATH_COLUMNS, VIDEO_EXTENSIONS, read_annotations

from .video_list import write_lines

LIST_ENDINGS = ('.txt', '.csv', '.jsonl')


class ListFile:
    """A list of videos, in any format that :func:`~videossl.datasets.read_annotations` reads.

    Args:
        path: of the list.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no list of videos.

    Attributes:
        paths: of the videos, as the list has them.
    """

    def __init__(self, path: str) -> None:
        read_annotations(path)
        self.path = path
        text = Path(path).read_text(encoding='utf-8-sig')
        parse = dict(csv=_parse_csv, jsonl=_parse_json_lines).get(path.rpartition('.')[2].lower(), _parse_text)
        self._entries = parse(text)
        self.paths = [entry for entry, _ in self._entries if entry is not None]

    def prefix(self, folders: Iterable[str], exists: Callable[[str], bool]) -> tuple[str, int]:
        """The folder that the list's paths are relative to, and how many of the first 200 paths are there.

        Args:
            folders: to choose from; the first of the best is taken.
            exists: whether a path below all of these folders is one of a video.
        """
        paths = self.paths[:200]
        counts = {folder: sum(exists(joined(folder, path)) for path in paths) for folder in folders}
        best = max(counts, key=counts.get)
        return best, counts[best]

    def write(self, target: str | Path, rename: Callable[[str], str]) -> None:
        """Write the list with other paths.

        Args:
            target: the new file.
            rename: the new path for a path of the list.
        """
        write_lines(target, [put(None if path is None else rename(path)) for path, put in self._entries])


def joined(folder: str, path: str) -> str:
    """A path below a folder, without detours; ``''`` is the folder of all. It begins with ``..`` or ``/`` if it leads out."""
    return posixpath.normpath(posixpath.join(folder, path.replace('\\', '/') if osp.sep == '\\' else path))


_Entry = tuple[str | None, Callable[[str | None], str]]  # a path, and what makes a line of a new one


def _parse_text(text: str) -> list[_Entry]:
    return [_text_entry(line) for line in text.split('\n') if line.strip()]


def _text_entry(line: str) -> _Entry:
    line = line.strip()
    path = line
    # Several labels may follow the path, as mmaction2 reads them for multi_class=True.
    while not path.lower().endswith(VIDEO_EXTENSIONS) and _is_number(path.rpartition(' ')[2]) and ' ' in path:
        path = path.rpartition(' ')[0].rstrip()
    if not path.lower().endswith(VIDEO_EXTENSIONS):  # a name without ending, as read_annotations has it
        head, _, label = line.rpartition(' ')
        path = head.rstrip() if head.strip() and _is_number(label) else line
    rest = line[len(path) :]
    return path, lambda new: new + rest


def _is_number(text: str) -> bool:
    return text.isascii() and text.removeprefix('-').isdigit()


def _parse_csv(text: str) -> list[_Entry]:
    rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    header = [cell.strip().lower() for cell in rows[0]]
    column = next((name for name in PATH_COLUMNS if name in header), None)
    place = header.index(column) if column else 0

    def entry(row: Sequence[str]) -> _Entry:
        return row[place].strip(), lambda new: _csv_line([*row[:place], new, *row[place + 1 :]])

    heading = [(None, lambda _: _csv_line(rows[0]))] if column else []
    return heading + [entry(row) for row in rows[len(heading) :]]


def _csv_line(row: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator='').writerow(row)
    return line.getvalue()


def _parse_json_lines(text: str) -> list[_Entry]:
    def entry(line: str) -> _Entry:
        content = json.loads(line)
        column = next(name for name in PATH_COLUMNS if name in content)
        return content[column], lambda new: json.dumps({**content, column: new}, ensure_ascii=False)

    return [entry(line) for line in text.split('\n') if line.strip()]


def new_names(videos: Sequence[str]) -> dict[str, str]:
    """The MP4 file that each video becomes: the ending is replaced, and kept before ``.mp4`` where two would become one.

    Raises:
        ValueError: even so two would become one.
    """
    names = {video: video if video.lower().endswith('.mp4') else f'{osp.splitext(video)[0]}.mp4' for video in videos}
    counts = {}
    for name in names.values():
        counts[name.lower()] = counts.get(name.lower(), 0) + 1
    names = {
        video: name if counts[name.lower()] == 1 or name == video else f'{video}.mp4' for video, name in names.items()
    }
    sources = {}
    for video, name in names.items():
        other = sources.setdefault(name, video)
        if other != video:
            raise ValueError(f'{other} and {video} would both become {name}; rename one of them')
    return names
