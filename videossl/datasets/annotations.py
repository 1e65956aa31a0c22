"""Lists of videos, and folders of videos."""

import codecs
import csv
import io
import json
import logging
import mimetypes
import os
import os.path as osp
import re
from collections import Counter
from collections.abc import Iterator
from typing import TextIO

from mmengine.logging import print_log

# Endings of containers that FFmpeg reads.
VIDEO_EXTENSIONS = (
    *('.mp4', '.avi', '.mkv', '.webm', '.mov', '.m4v', '.mpg', '.mpeg', '.wmv', '.flv', '.3gp', '.ogv', '.ts', '.mts'),
    *('.m2ts', '.m2v', '.mpe', '.asf', '.vob', '.mxf', '.divx', '.f4v', '.3g2', '.qt', '.ogm', '.dv', '.rm', '.rmvb'),
)
# Files with moving pictures that are not read: bare streams and animations.
OTHER_EXTENSIONS = ('.h264', '.264', '.hevc', '.h265', '.265', '.ivf', '.obu', '.yuv', '.y4m', '.gif', '.swf')

PATH_COLUMNS = ('path', 'filename', 'video')
HALF_CHARACTER = re.compile('[\ud800-\udc7f\udd00-\udfff]')  # other surrogates stand for bytes that are not UTF-8
LABEL_DIGITS = 18  # a label has 64 bits
SEPARATORS = {',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'vertical bars', ' ': 'spaces'}
_VIDEO = rf'.*(?:{"|".join(map(re.escape, VIDEO_EXTENSIONS))})'
#: A path with the ending of a video, and a label after any of the separators.
LABELLED_LINE = re.compile(rf'({_VIDEO})\s*[\t ,;|]\s*(-?[0-9]{{1,{LABEL_DIGITS}}})', re.IGNORECASE)
_COLUMNS = re.compile(rf'{_VIDEO}"?\s*([\t,;|])', re.IGNORECASE)

Entry = tuple[str, int | None]
"""A line of a list: a path, and a label or None."""


def read_annotations(ann_file: str, delimiter: str = ' ') -> list[Entry]:
    """The (path, label) pairs in a list of videos. The label is None in a list without labels.

    The file's ending decides: ``.csv`` and ``.tsv`` have columns ``path`` and, optionally, ``label``, with a header or
    without; ``.jsonl`` has an object with ``path`` and, optionally, ``label`` on each line; ``.json`` has a list of such
    objects, or one object of paths and labels; any other file has ``path label`` or ``path`` on each line. A path may
    hold spaces: the label is the integer after the last delimiter. Between a path with a video's ending and its label,
    tabs, commas and semicolons are read like the delimiter, in any text list. Backslashes become slashes, except in JSON
    lines, which carry any path. A path may be absolute or lead upwards (``..``): a list only names files to read.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, a line cannot be read, or only some lines have a label. The message names the file
            and the line.
    """
    return list(iterate_annotations(ann_file, delimiter))


def no_list(ann_file: str) -> str:
    """The message where a list does not exist."""
    return (
        f'annotation file {ann_file} does not exist. Check ann_file and data_root (--ann-file, --data-root); with '
        '--data-root alone the folder is scanned and no list is needed'
    )


def iterate_annotations(ann_file: str, delimiter: str = ' ') -> Iterator[Entry]:
    """The pairs of :func:`read_annotations` one by one, which takes less memory for a list of a million videos."""
    if not osp.isfile(ann_file):
        raise FileNotFoundError(no_list(ann_file))
    with open(ann_file, 'rb') as file:
        content = file.read()
    yield from parse_annotations(content, ann_file, delimiter)


def parse_annotations(content: bytes, ann_file: str, delimiter: str = ' ') -> Iterator[Entry]:
    """The pairs of :func:`read_annotations` from the content of a file of that name."""
    check_text(content, ann_file)
    lines = io.TextIOWrapper(io.BytesIO(content), encoding='utf-8-sig', newline='')  # with or without a byte order mark
    ending = ann_file.rpartition('.')[2].lower()
    readers = dict(csv=_read_csv, tsv=_read_csv, json=_read_json, jsonl=_read_json_lines)
    entries = readers[ending](lines, ann_file) if ending in readers else _read_text(lines, ann_file, delimiter)
    expected = dict(csv='a comma', tsv='a tab').get(ending, f'"{delimiter}"')
    first_has_label = None
    for number, (path, label) in enumerate(entries, 1):
        if ending not in ('json', 'jsonl'):
            _check_columns(path, f'{ann_file}, entry {number}', expected)
        if first_has_label is None:
            first_has_label = label is not None
        elif (label is not None) != first_has_label:
            raise ValueError(
                f'{ann_file}: entry 1 has {"a" if first_has_label else "no"} label, but entry {number}, '
                f'"{path}", has {"none" if first_has_label else "one"}; give all entries a label, or none'
            )
        yield path if ending == 'jsonl' else with_slashes(path), label
    if first_has_label is None:
        raise ValueError(f'annotation file {ann_file} lists no video')


def with_slashes(path: str) -> str:
    """A path with slashes for the backslashes of Windows."""
    return path if osp.sep == '\\' else path.replace('\\', '/')


def _check_columns(path: str, where: str, expected: str) -> None:
    """Refuse a path that looks like several columns."""
    found = None if path.lower().endswith(VIDEO_EXTENSIONS) else _COLUMNS.match(path)
    if found:
        raise ValueError(
            f'{where}: "{path[:80]}" looks like several columns separated by {SEPARATORS[found[1]]}; expected is a path '
            f'and, after {expected}, a label, which is a whole number'
        )


def check_text(content: bytes, name: str) -> None:
    """Refuse a file that is not a text in UTF-8.

    Raises:
        ValueError: with the number of the first such line.
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
    """The number, from 1, of the line of a byte."""
    return len(content[:position].splitlines()) + (position == 0 or content[position - 1 : position] in b'\r\n')


def _read_text(file: TextIO, name: str, delimiter: str) -> Iterator[Entry]:
    for number, line in enumerate(file):
        line = line.strip()
        if number == 0 and (line in ('[', '{') or line.startswith(('{"', '[{', '["'))):
            raise ValueError(f'{name} holds JSON; call it .json, or, with one object on each line, .jsonl')
        if line:
            yield split_line(line, delimiter)


def split_line(line: str, delimiter: str = ' ') -> Entry:
    """The path and the label of a line of a text list."""
    found = LABELLED_LINE.fullmatch(line) if delimiter == ' ' else None
    if found:
        return found[1], int(found[2])
    path, label = (part.strip() for part in line.rpartition(delimiter)[::2])
    return (path, int(label)) if path and _is_label(label) else (line, None)


def _read_csv(file: TextIO, name: str) -> Iterator[Entry]:
    delimiter, header = csv_layout(file, name)
    rows = _csv_rows(file, name, delimiter)
    if header:
        number, _ = next(rows)
        path_column = next(column for column in PATH_COLUMNS if column in header)
        for column in (path_column, 'label'):
            if header.count(column) > 1:
                raise ValueError(
                    f'{name}, row {number}: {header.count(column)} columns are called {column}; rename those that '
                    'are not meant'
                )
        path_index = header.index(path_column)
        label_index = header.index('label') if 'label' in header else None
    else:
        path_index, label_index = 0, 1
    for number, row in rows:
        where = f'{name}, row {number}'
        if path_index >= len(row) or not row[path_index]:
            raise ValueError(f'{where}: there is no path')
        label = row[label_index] if label_index is not None and label_index < len(row) else ''
        if not header and not label:  # a path and a label separated by spaces
            found = LABELLED_LINE.fullmatch(row[0])
            if found:
                yield found[1], int(found[2])
                continue
        yield row[path_index], _to_label(label, where) if label else None


def csv_layout(file: TextIO, name: str) -> tuple[str, list[str]]:
    """The delimiter of a file with columns, and the names in its header in lower case, empty without a header.

    Raises:
        ValueError: the header has no column of paths, or its names are separated by spaces.
    """
    line = next((line for line in file if line.strip(', \t\r\n')), '').strip('\r\n')
    file.seek(0)
    default = '\t' if name.lower().endswith('.tsv') else ','
    rows = {}
    for delimiter in (default, ',', ';', '\t'):
        try:
            rows[delimiter] = row = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error:  # such as a cell that is too long; the reader names the line
            return default, []
        header = [cell.lower() for cell in row]
        if {*header} & {*PATH_COLUMNS}:
            return delimiter, header
        if len(row) > 1 and row[0].lower().endswith(VIDEO_EXTENSIONS):
            return delimiter, []
    row = rows[default]
    words = line.lower().split()
    if len(words) > 1 and {*words} & {*PATH_COLUMNS} and 'label' in words:
        raise ValueError(f'{name}: the names of the columns are separated by spaces; save the list with commas')
    if 'label' in map(str.lower, row) or (
        len(row) > 1 and row[1] and not _is_label(row[1]) and not osp.splitext(row[0])[1]
    ):
        raise ValueError(
            f'{name}, row 1: a header needs a column {" or ".join(PATH_COLUMNS)}, and this has {", ".join(row)}; '
            'without a header a row is a path and a label, which is a whole number'
        )
    return default, []


def _csv_rows(file: TextIO, name: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with content, and their numbers from 1."""
    reader = csv.reader(file, strict=True, delimiter=delimiter)
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


def _read_json_lines(file: TextIO, name: str) -> Iterator[Entry]:
    for number, line in enumerate(file, 1):
        if line.strip():
            where = f'{name}, line {number}'
            try:
                item = json.loads(line)
            except (ValueError, RecursionError):
                item = None
            yield _json_entry(item, where, line.strip())


def _read_json(file: TextIO, name: str) -> Iterator[Entry]:
    text = file.read()
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ValueError) and str(error).startswith('Extra data'):
            yield from _read_json_lines(io.StringIO(text), name)
            return
        raise ValueError(f'annotation file {name} is not JSON: {error}') from None
    if isinstance(content, dict) and not {*content} & {*PATH_COLUMNS}:
        content = [dict(path=path, label=label) for path, label in content.items()]
    for number, item in enumerate(content if isinstance(content, list) else [content], 1):
        yield _json_entry(dict(path=item) if isinstance(item, str) else item, f'{name}, entry {number}', str(item))


def _json_entry(item: object, where: str, text: str) -> Entry:
    path = next((item[column] for column in PATH_COLUMNS if column in item), None) if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(path, str):
        raise ValueError(f'{where}: not a JSON object with a "path": {text[:80]}')
    if not path or '\0' in path:
        raise ValueError(f'{where}: the path is empty or has a zero byte in it')
    if not path.isascii() and HALF_CHARACTER.search(path):
        raise ValueError(f"{where}: the path has half a character in it, which no file's name can have: {text[:80]}")
    label = item.get('label')
    return path, None if label is None else _to_label(label, where)


def _is_label(text: str) -> bool:
    return len(text) <= LABEL_DIGITS and text.isascii() and text.removeprefix('-').isdigit()


def _to_label(value: object, where: str) -> int:
    try:
        text = str(value)
    except ValueError:  # Python does not print integers of more than 4,300 digits
        text = 'a number of thousands of digits'
    if not _is_label(text):
        raise ValueError(f'{where}: the label must be a whole number, got "{text[:80]}"')
    return int(text)


def is_hidden(name: str) -> bool:
    """Whether the name of a file or folder marks it as no data: a leading dot, or the ``__MACOSX`` of macOS archives."""
    return name.startswith('.') or name == '__MACOSX'


def scan_videos(folder: str) -> list[str]:
    """All video files below a folder, as sorted paths relative to it.

    Hidden files and folders (:func:`is_hidden`) are left out. Links are followed. A folder that can be reached in several
    ways is read once, so that circular links end. A warning counts files of other video formats, and
    one names each folder that cannot be read.

    Raises:
        FileNotFoundError: there is no such folder, or no video in it.
    """
    if not osp.isdir(folder):
        raise FileNotFoundError(f'the folder {folder} does not exist; check data_root (--data-root)')
    found, seen, skipped = [], {osp.realpath(folder)}, Counter[str]()
    errors: list[OSError] = []
    for directory, subfolders, names in os.walk(folder, onerror=errors.append, followlinks=True):
        subfolders[:] = [name for name in subfolders if not is_hidden(name)]
        unseen = {osp.realpath(osp.join(directory, name)): name for name in sorted(subfolders, reverse=True)}
        subfolders[:] = sorted(name for path, name in unseen.items() if path not in seen)
        seen.update(unseen)
        for name in names:
            ending = osp.splitext(name)[1].lower()
            if is_hidden(name):
                continue
            if ending in VIDEO_EXTENSIONS:
                found.append(osp.relpath(osp.join(directory, name), folder))
            elif ending in OTHER_EXTENSIONS or (mimetypes.guess_type(f'a{ending}')[0] or '').startswith('video/'):
                skipped[ending] += 1
    for error in errors:
        print_log(f'{error.filename}: left out, as it cannot be read: {error.strerror}', 'current', logging.WARNING)
    if skipped:
        counts = ', '.join(f'{number} {ending}' for ending, number in sorted(skipped.items()))
        print_log(f'{folder}: left out, as no format that is read: {counts}', 'current', logging.WARNING)
    if not found:
        raise FileNotFoundError(f'no video was found below {folder}; looked for {", ".join(VIDEO_EXTENSIONS)}')
    return sorted(found)
