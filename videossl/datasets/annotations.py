"""Reading lists of videos."""

import codecs
import csv
import io
import json
import os
import os.path as osp
import re
from collections.abc import Iterator
from itertools import chain

VIDEO_EXTENSIONS = ('.mp4', '.avi', '.mkv', '.webm', '.mov', '.m4v', '.mpg', '.mpeg', '.wmv', '.flv', '.3gp', '.ogv')

PATH_COLUMNS = ('path', 'filename', 'video')
HALF_CHARACTER = re.compile('[\ud800-\udc7f\udd00-\udfff]')  # others stand for bytes of a name that is no text
LABEL_DIGITS = 18  # a label has 64 bits


def read_annotations(ann_file: str, delimiter: str = ' ') -> list[tuple[str, int | None]]:
    """The (path, label) pairs in a list of videos; the label is None where the list has none.

    By the file's ending: ``.csv`` (a header with ``path`` and, perhaps, ``label``; or no header and these two columns),
    ``.jsonl`` (one object with ``path`` and, perhaps, ``label`` a line), anything else: ``path label`` or ``path`` on
    each line. A path may hold spaces: the label is what follows the last delimiter, if that is a whole number. A path may
    be absolute or lead upwards (``..``): a list says which files are read, and no file is written by what is in it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, a line cannot be read, or some lines have a label and some have none. The message
            names the file and the line.
    """
    return list(iterate_annotations(ann_file, delimiter))


def iterate_annotations(ann_file: str, delimiter: str = ' ') -> Iterator[tuple[str, int | None]]:
    """What :func:`read_annotations` returns, one pair after the other: a list of a million videos takes less memory so."""
    if not osp.isfile(ann_file):
        raise FileNotFoundError(
            f'annotation file {ann_file} does not exist. Check ann_file and data_root (--ann-file, '
            '--data-root); with --data-root alone the folder is scanned and no list is needed'
        )
    reader = dict(csv=_read_csv, jsonl=_read_json_lines).get(ann_file.rpartition('.')[2].lower())
    with open(ann_file, 'rb') as file:
        content = file.read()
    check_text(content, ann_file)
    lines = io.TextIOWrapper(io.BytesIO(content), encoding='utf-8-sig', newline='')  # with or without a byte order mark
    first_has_label = None
    for number, (path, label) in enumerate(
        _read_text(lines, delimiter) if reader is None else reader(lines, ann_file), 1
    ):
        if first_has_label is None:
            first_has_label = label is not None
        elif (label is not None) != first_has_label:
            raise ValueError(
                f'{ann_file}: entry 1 has {"a" if first_has_label else "no"} label, but entry {number}, '
                f'"{path}", has {"none" if first_has_label else "one"}; give all entries a label, or none'
            )
        yield path, label
    if first_has_label is None:
        raise ValueError(f'annotation file {ann_file} lists no video')


def check_text(content: bytes, name: str) -> None:
    """Refuse what is no text in UTF-8, with the line that gives it away.

    Raises:
        ValueError: so it is.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError(f'annotation file {name} is a text in UTF-16; save it as UTF-8')
    zero = content.find(b'\0')
    if zero >= 0:
        raise ValueError(
            f'annotation file {name}, line {line_at(content, zero)}: there is a zero byte, which no path can '
            'have. Is it a text at all? If it is, save it as UTF-8'
        )
    try:
        content.decode('utf-8')
    except UnicodeDecodeError as error:
        raise ValueError(
            f'annotation file {name}, line {line_at(content, error.start)}, is not a text in UTF-8 ({error}); '
            'save it as UTF-8'
        ) from None


def line_at(content: bytes, position: int) -> int:
    """The number, from 1, of the line that a byte is on."""
    return len(content[:position].splitlines()) + (position == 0 or content[position - 1 : position] in b'\r\n')


def _read_text(file, delimiter: str) -> Iterator[tuple[str, int | None]]:
    for line in file:
        line = line.strip()
        if line:
            path, label = (part.strip() for part in line.rpartition(delimiter)[::2])
            yield (path, int(label)) if path and _is_label(label) else (line, None)


def _read_csv(file, name: str) -> Iterator[tuple[str, int | None]]:
    rows = _csv_rows(file, name)
    first = next(rows, None)
    if first is None:
        return
    header = [column.lower() for column in first[1]]
    path_column = next((column for column in PATH_COLUMNS if column in header), None)
    if path_column is None:
        _check_first_row(first[1], f'{name}, row {first[0]}')
        rows = chain([first], rows)
    for column in (path_column, 'label') if path_column else ():
        if header.count(column) > 1:
            raise ValueError(
                f'{name}, row {first[0]}: {header.count(column)} columns are called {column}; rename those that '
                'are not meant'
            )
    path_at = header.index(path_column) if path_column else 0
    label_at = (header.index('label') if 'label' in header else None) if path_column else 1
    for number, row in rows:
        if path_at >= len(row) or not row[path_at]:
            raise ValueError(f'{name}, row {number}: there is no path')
        label = row[label_at] if label_at is not None and label_at < len(row) else ''
        yield row[path_at], _to_label(label, f'{name}, row {number}') if label else None


def _csv_rows(file, name: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, numbered from 1."""
    reader = csv.reader(file, strict=True)
    try:
        for number, row in enumerate(reader, 1):
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield number, cells
    except csv.Error as error:
        raise ValueError(
            f'{name}, line {reader.line_num}: {error}. A cell in quotes ends with a quote, and a quote in it is '
            'written twice'
        ) from None


def _check_first_row(row: list[str], place: str) -> None:
    """Refuse a header that names no column of paths, or that other marks than commas divide."""
    for mark, words in ((';', 'semicolons'), ('\t', 'tabs')):
        if {column.strip().lower() for column in row[0].split(mark)} & {*PATH_COLUMNS} and mark in row[0]:
            raise ValueError(f'{place}: the columns are divided by {words}; save the list with commas')
    names = [column.lower() for column in row]
    if 'label' in names or (len(row) > 1 and row[1] and not _is_label(row[1]) and not osp.splitext(row[0])[1]):
        raise ValueError(
            f'{place}: a header needs a column {" or ".join(PATH_COLUMNS)}, and this has {", ".join(row)}; '
            'without a header a row is a path and a label, which is a whole number'
        )


def _read_json_lines(file, name: str) -> Iterator[tuple[str, int | None]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            path = next(entry[column] for column in PATH_COLUMNS if column in entry)
            if not isinstance(path, str):
                raise TypeError
        except (ValueError, TypeError, StopIteration, RecursionError):
            raise ValueError(f'{name}, line {number}: not a JSON object with a "path": {line.strip()[:80]}') from None
        if not path or '\0' in path:
            raise ValueError(f'{name}, line {number}: the path is empty or has a zero byte in it')
        if not path.isascii() and HALF_CHARACTER.search(path):
            raise ValueError(
                f"{name}, line {number}: the path has half a character in it, which no file's name can have: "
                f'{line.strip()[:80]}'
            )
        label = entry.get('label')
        yield path, None if label is None else _to_label(label, f'{name}, line {number}')


def _is_label(text: str) -> bool:
    return len(text) <= LABEL_DIGITS and text.isascii() and text.removeprefix('-').isdigit()


def _to_label(value: int | str, place: str) -> int:
    try:
        text = str(value)
    except ValueError:  # Python writes no number of more than some thousand digits
        text = 'a number of thousands of digits'
    if not _is_label(text):
        raise ValueError(f'{place}: the label must be a whole number, got "{text[:80]}"')
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
        found += [
            osp.relpath(osp.join(directory, name), folder) for name in names if name.lower().endswith(VIDEO_EXTENSIONS)
        ]
    if not found:
        raise FileNotFoundError(f'no video was found below {folder}; looked for {", ".join(VIDEO_EXTENSIONS)}')
    return sorted(found)
