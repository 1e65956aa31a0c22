"""What a preparation of a data set writes and prints."""

import json
import os.path as osp
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from videossl.datasets.preparation import PreparationError, VideoList, check_videos, write_list
from videossl.datasets.preparation.video_list import write_lines

SHOWN = 20  # missing or unreadable videos that are printed; all are in a file
MISSING_FILE, UNREADABLE_FILE, CLASSES_FILE, CHECK_FILE = (
    'missing.txt',
    'unreadable.txt',
    'classes.txt',
    'checked.jsonl',
)
RECORD_FILE = 'prepared.json'  # which files of a folder this tool wrote, and may write again


@dataclass
class Preparation:
    """What is about to be written.

    Attributes:
        lists: of videos.
        classes: in the order of their labels; empty: no labels.
        remarks: sentences for the user.
        source: where the published counts are from.
        expected_folders: the folder below the data root, by the name of a list, in which configs look for its videos.
        looked_for: whether the videos were looked for, so that a missing one would be known.
    """

    lists: list[VideoList]
    classes: list[str]
    remarks: list[str] = field(default_factory=list)
    source: str = ''
    expected_folders: dict[str, str] = field(default_factory=dict)
    looked_for: bool = True


def write(preparation: Preparation, out: str, overwrite: bool = False) -> list[Path]:
    """Write the lists that have a video, ``classes.txt`` and ``missing.txt``. Each appears when it is whole; what an
    earlier call wrote, and does not hold any more, goes.

    Args:
        preparation: what to write.
        out: the folder.
        overwrite: replace also files that this function did not write.

    Returns:
        The lists.

    Raises:
        PreparationError: a file of such a name is there that was not written by this function.
    """
    folder = Path(out)
    record = _read_record(folder / RECORD_FILE)
    names = [f'{made.name}.{ending}' for made in preparation.lists for ending in ('txt', 'jsonl')]
    others = {
        CLASSES_FILE: preparation.classes,
        MISSING_FILE: [f'{made.name} {video}' for made in preparation.lists for video in made.missing],
    }
    foreign = [name for name in [*names, *others] if name not in record and (folder / name).exists()]
    if foreign and not overwrite:
        raise PreparationError(
            f'{folder / foreign[0]} is there already, and not by this tool. Choose another folder (--out), '
            'or replace it: --overwrite'
        )
    record = sorted({*record, *names, *others, UNREADABLE_FILE})
    write_lines(folder / RECORD_FILE, [json.dumps(dict(files=record), indent=2)])
    for name, lines in others.items():
        _write_or_remove(folder / name, lines)
    written = []
    for made in preparation.lists:
        if made.entries:
            written.append(write_list(made.entries, out, made.name))
        else:
            for ending in ('txt', 'jsonl'):
                (folder / f'{made.name}.{ending}').unlink(missing_ok=True)
    return written


def _read_record(path: Path) -> list[str]:
    try:
        return [str(name) for name in json.loads(path.read_text(encoding='utf-8'))['files']]
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return []


def _write_or_remove(path: Path, lines: Iterable[str]) -> None:
    lines = [printable(line) for line in lines]
    if lines:
        write_lines(path, lines)
    else:
        path.unlink(missing_ok=True)  # of an earlier state of the data


def check(preparation: Preparation, out: str, workers: int | None) -> str:
    """Try to read the videos of the lists; ``unreadable.txt`` names those that cannot be read."""
    paths = list(dict.fromkeys(osp.join(made.folder, path) for made in preparation.lists for path, _ in made.entries))
    unreadable = check_videos(paths, Path(out, CHECK_FILE), workers)
    lines = [f'{path}: {reason}' for path, reason in unreadable.items()]
    _write_or_remove(Path(out, UNREADABLE_FILE), lines)
    if not lines:
        return f'all {len(paths)} videos can be read'
    return _named(
        f'{len(lines)} of {len(paths)} videos cannot be read. They stay in the lists: training takes others in '
        'their place, and a test counts them as wrong',
        lines,
        Path(out, UNREADABLE_FILE),
    )


def report(preparation: Preparation) -> str:
    """The counts beside the published ones, and what is missing."""
    has_published = any(made.published is not None for made in preparation.lists)
    rows = [('list', 'videos', 'missing', 'published' if has_published else '')]
    rows += [
        (
            made.name,
            f'{len(made.entries):,}',
            f'{len(made.missing):,}' if preparation.looked_for else '?',
            f'{made.published:,}' if made.published is not None else '',
        )
        for made in preparation.lists
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        '  '.join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]).rstrip()
        for row in rows
    ]
    if has_published:
        lines.append(f'published: {preparation.source}')
    lines += preparation.remarks
    missing = list(dict.fromkeys(video for made in preparation.lists for video in made.missing))
    if missing:
        lines.append(_named(f'{len(missing):,} videos are missing', missing))
    return printable('\n'.join(lines))


def how_to_use(preparation: Preparation, out: str, written: list[Path]) -> str:
    """What was written, and what the lists are to a config."""
    files = {path.stem: path.name for path in written}
    lines = [f'written to {out}:']
    for folder in dict.fromkeys(made.folder for made in preparation.lists if made.name in files):
        made = [made for made in preparation.lists if made.folder == folder and made.name in files]
        lines += [f'  {files[one.name]}' for one in made]
        prefix = osp.relpath(folder, out)
        lines.append(f"    in a config: data_root='{out}', data_prefix=dict(video='{'' if prefix == '.' else prefix}')")
        expected = preparation.expected_folders.get(made[0].name)
        if expected is not None and osp.normpath(prefix) != expected and not osp.lexists(osp.join(out, expected)):
            lines.append(
                f'    the configs look for these videos in {osp.join(out, expected)}: '
                f'ln -s {shlex.quote(prefix)} {shlex.quote(osp.join(out, expected))}'
            )
        if expected is not None and any(files[one.name].endswith('.jsonl') for one in made):
            lines.append(
                '    the configs look for lists ending in .txt, but the names of some of these videos have no place '
                'in a line of text; set ann_file'
            )
    return printable('\n'.join(lines))


def printable(text: str) -> str:
    """Without the parts of a file's name that are no text."""
    return text.encode('utf-8', 'backslashreplace').decode('utf-8')


def _named(sentence: str, names: list[str], file: Path | None = None) -> str:
    lines = [f'{sentence}:'] + [f'  {printable(name)}' for name in names[:SHOWN]]
    if len(names) > SHOWN:
        lines.append(f'  and {len(names) - SHOWN:,} more, all named in {file or MISSING_FILE}')
    return '\n'.join(lines)
