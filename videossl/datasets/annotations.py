"""Reading lists of videos."""
import csv
import json
import os
import os.path as osp
from collections.abc import Iterator

VIDEO_EXTENSIONS = ('.mp4', '.avi', '.mkv', '.webm', '.mov', '.m4v', '.mpg', '.mpeg', '.wmv', '.flv', '.3gp', '.ogv')

PATH_COLUMNS = ('path', 'filename', 'video')


def read_annotations(ann_file: str, delimiter: str = ' ') -> list[tuple[str, int | None]]:
    """The (path, label) pairs in a list of videos; the label is None where the list has none.

    By the file's ending: ``.csv`` (a header with ``path`` and, perhaps, ``label``; or no header and these two columns),
    ``.jsonl`` (one object with ``path`` and, perhaps, ``label`` a line), anything else: ``path label`` or ``path`` on
    each line. A path may hold spaces: the label is what follows the last delimiter, if that is a whole number.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, a line cannot be read, or some lines have a label and some have none.
    """
    if not osp.isfile(ann_file):
        raise FileNotFoundError(f'annotation file {ann_file} does not exist. Check ann_file and data_root (--ann-file, '
                                '--data-root); with --data-root alone the folder is scanned and no list is needed')
    reader = dict(csv=_read_csv, jsonl=_read_json_lines).get(ann_file.rpartition('.')[2].lower())
    try:
        with open(ann_file, encoding='utf-8-sig', newline='') as file:  # with or without a byte order mark
            entries = list(_read_text(file, delimiter) if reader is None else reader(file, ann_file))
    except UnicodeDecodeError as error:
        raise ValueError(f'annotation file {ann_file} is not a text in UTF-8 ({error}); save it as UTF-8') from None
    if not entries:
        raise ValueError(f'annotation file {ann_file} lists no video')
    first_has_label = entries[0][1] is not None
    for number, (path, label) in enumerate(entries, 1):
        if (label is not None) != first_has_label:
            raise ValueError(f'{ann_file}: entry 1 has {"a" if first_has_label else "no"} label, but entry {number}, '
                             f'"{path}", has {"none" if first_has_label else "one"}; give all entries a label, or none')
    return entries


def _read_text(file, delimiter: str) -> Iterator[tuple[str, int | None]]:
    for line in file:
        line = line.strip()
        if line:
            path, label = (part.strip() for part in line.rpartition(delimiter)[::2])
            yield (path, int(label)) if path and _is_label(label) else (line, None)


def _read_csv(file, name: str) -> Iterator[tuple[str, int | None]]:
    rows = ((number, [cell.strip() for cell in row]) for number, row in enumerate(csv.reader(file), 1))
    rows = [(number, row) for number, row in rows if any(row)]
    header = [column.lower() for column in rows[0][1]] if rows else []
    path_column = next((column for column in PATH_COLUMNS if column in header), None)
    path_at = header.index(path_column) if path_column else 0
    label_at = (header.index('label') if 'label' in header else None) if path_column else 1
    for number, row in rows[1 if path_column else 0:]:
        if path_at >= len(row) or not row[path_at]:
            raise ValueError(f'{name}, row {number}: there is no path')
        label = row[label_at] if label_at is not None and label_at < len(row) else ''
        yield row[path_at], _to_label(label, f'{name}, row {number}') if label else None


def _read_json_lines(file, name: str) -> Iterator[tuple[str, int | None]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            path = next(entry[column] for column in PATH_COLUMNS if column in entry)
            if not isinstance(path, str):
                raise TypeError
        except (json.JSONDecodeError, TypeError, StopIteration):
            raise ValueError(f'{name}, line {number}: not a JSON object with a "path": {line.strip()[:80]}') from None
        label = entry.get('label')
        yield path, None if label is None else _to_label(label, f'{name}, line {number}')


def _is_label(text: str) -> bool:
    return text.isascii() and text.removeprefix('-').isdigit()


def _to_label(value: int | str, place: str) -> int:
    if not _is_label(str(value)):
        raise ValueError(f'{place}: the label must be a whole number, got "{value}"')
    return int(value)


def scan_videos(folder: str) -> list[str]:
    """All video files below a folder, as sorted paths relative to it.

    Links are followed; a folder that can be reached in several ways is read once, so that links in a circle end.

    Raises:
        FileNotFoundError: there is no such folder, or no video in it.
    """
    if not osp.isdir(folder):
        raise FileNotFoundError(f'the folder {folder} does not exist; check data_root (--data-root)')
    found, seen = [], {osp.realpath(folder)}
    for directory, subfolders, names in os.walk(folder, followlinks=True):
        unseen = {osp.realpath(osp.join(directory, name)): name for name in sorted(subfolders, reverse=True)}
        subfolders[:] = sorted(name for path, name in unseen.items() if path not in seen)
        seen.update(unseen)
        found += [osp.relpath(osp.join(directory, name), folder) for name in names
                  if name.lower().endswith(VIDEO_EXTENSIONS)]
    if not found:
        raise FileNotFoundError(f'no video was found below {folder}; looked for {", ".join(VIDEO_EXTENSIONS)}')
    return sorted(found)
