"""Rewrite the videos of a data set so that they are read faster: small frames, key frames close together."""

import argparse
import json
import os
import os.path as osp
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import Progress

from videossl.apis.user_errors import run_command
from videossl.cores import available_cores
from videossl.datasets.preparation.checking import read_all
from videossl.datasets.preparation.list_files import ListFile, joined, new_names
from videossl.datasets.preparation.reencoding import Reencoding, estimate_size, reencode, remove_unfinished
from videossl.datasets.preparation.writing import write_lines
from videossl.errors import ConfigError

from .extract_parsing import readable_size
from .report import printable
from .source_folder import (
    COMPACTED_FILE,
    FAILED_FILE,
    add_folders,
    check_folders,
    check_targets,
    copy_classes,
    find_lists,
)

TIMEOUT = 600.0  # seconds for one video
PROBED_VIDEOS = 8  # whose first frames are encoded to estimate the size
SHOWN = 10  # failed videos in the summary
LEAST_SPACE = 20_000_000  # bytes; with less on the disk a failure is taken for a full disk


@dataclass
class CompactReport:
    """What became of a data set.

    Attributes:
        written: videos that were written anew.
        skipped: videos that had been written before.
        failed: the reason, by the path, for each video that was not.
        lists: that were written.
        before: bytes of the videos that are written now, at their source.
        after: bytes of what was made of them.
        seconds: that the work took.
    """

    written: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)
    before: int = 0
    after: int = 0
    seconds: float = 0

    def __str__(self) -> str:
        lines = [
            f'{len(self.written)} videos written in {readable_time(self.seconds)} '
            f'({len(self.written) / max(self.seconds, 1e-9):.1f} a second), {len(self.skipped)} were there already, '
            f'{len(self.failed)} failed'
        ]
        if self.before:
            lines.append(
                f'{readable_size(self.before)} before, {readable_size(self.after)} after: '
                f'{self.after / self.before:.2f} of it'
            )
        lines += [f'list written: {name}' for name in self.lists]
        lines += [f'  {video}: {reason}' for video, reason in list(self.failed.items())[:SHOWN]]
        if len(self.failed) > SHOWN:
            lines.append(f'  and {len(self.failed) - SHOWN} more, all named in {FAILED_FILE}')
        return printable('\n'.join(lines))


def compact(
    data_root: str,
    out: str,
    ann_files: Sequence[str] = (),
    settings: Reencoding | None = None,
    workers: int | None = None,
    timeout: float = TIMEOUT,
    dry_run: bool = False,
) -> CompactReport:
    """Write the videos of a data set again into another folder, and its lists with the new names.

    Paths stay the same except for their ending, which becomes ``.mp4``. Videos that were written before are kept unless their
    source has changed, so that the same call continues an interrupted one. Sources are only read.

    Args:
        data_root: folder of the videos.
        out: folder for the new ones; empty, missing, or of an earlier call with the same settings.
        ann_files: lists, relative to ``data_root``, of the videos to write. Empty: all videos below the folder, and the lists
            that lie in it.
        settings: size and quality; None: those of ``Reencoding()``.
        workers: processes; None: one per processor.
        timeout: seconds after which a video counts as failed.
        dry_run: look, estimate, and write nothing.

    Raises:
        ConfigError: an argument is invalid, or the disk is full or too small.
    """
    settings = settings or Reencoding()
    check_folders(data_root, out, begun=osp.isfile(osp.join(out, COMPACTED_FILE)))
    lists, videos, left_out = find_lists(data_root, ann_files)
    targets = [_list_target(file, data_root, out) for file, _ in lists]
    check_targets(targets)
    try:
        names = new_names(videos)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    record = _Record(out, settings)
    report = CompactReport(skipped=[video for video in videos if record.is_done(video, names[video], data_root)])
    done = set(report.skipped)
    todo = [video for video in videos if video not in done]
    print(
        printable(
            f'{len(videos)} videos below {data_root}, {len(done)} of them done; lists: '
            f'{", ".join(osp.basename(file.path) for file, _ in lists) or "none"}'
        )
    )
    for name in left_out:
        print(printable(f'left out, as no list of these videos: {name}'))
    number = workers or available_cores()
    if todo:
        _check_space(data_root, out, todo, settings, number, timeout, refuse=not dry_run)
    if dry_run:
        print(f'nothing was written to {out} (--dry-run)')
        return report

    began = time.monotonic()
    record.begin()
    for video, reason in _write_all(data_root, out, {video: names[video] for video in todo}, settings, number, timeout):
        if reason is None:
            record.add(video, names[video], data_root)
            report.written.append(video)
            continue
        report.failed[video] = reason
        if shutil.disk_usage(out).free < LEAST_SPACE:
            raise ConfigError(f'the disk of {out} is full. Make room, then run the same command again to go on')
    report.seconds = time.monotonic() - began
    report.before, report.after = record.sizes(videos)
    for (file, prefix), target in zip(lists, targets):
        file.write(target, partial(_rename, names, prefix))
    report.lists = targets
    copy_classes(data_root, out)
    failed = [printable(f'{video}: {reason}'.replace('\n', ' ')) for video, reason in report.failed.items()]
    if failed:
        write_lines(Path(out, FAILED_FILE), failed)
    else:
        Path(out, FAILED_FILE).unlink(missing_ok=True)
    return report


# -------------------------------------------------------------------------------------------------------------- the work
def _check_space(
    data_root: str, out: str, todo: Sequence[str], settings: Reencoding, workers: int, timeout: float, refuse: bool
) -> None:
    """Say how much space the videos will take and how much there is."""
    number = min(PROBED_VIDEOS, len(todo))
    probed = [osp.join(data_root, todo[len(todo) * index // number]) for index in range(number)]
    sizes = {
        path: outcome.frames or 0
        for path, outcome in read_all(probed, workers, timeout, partial(estimate_size, settings=settings))
        if outcome.error is None
    }
    place = osp.realpath(out)
    while not osp.isdir(place):
        place = osp.dirname(place)
    free = shutil.disk_usage(place).free
    if not sizes:
        print(f'none of the {number} videos that were looked at can be read, so the size is not known')
        return
    total = sum(_size(osp.join(data_root, video)) for video in todo)
    needed = total * sum(sizes.values()) / max(1, sum(_size(path) for path in sizes))
    print(
        f'{readable_size(total)} will become about {readable_size(needed)}, judging by {len(sizes)} videos; '
        f'{readable_size(free)} are free'
    )
    if needed > free and refuse:
        raise ConfigError(
            f'{out} has room for {readable_size(free)}, but about {readable_size(needed)} are needed. Make room, '
            'or choose another --out, a smaller --short-side or a higher --crf'
        )


def _size(path: str) -> int:
    try:
        return osp.getsize(path)
    except OSError:
        return 0


def _write_all(
    data_root: str, out: str, names: dict[str, str], settings: Reencoding, workers: int, timeout: float
) -> Iterator[tuple[str, str | None]]:
    """(video, reason for its failure or None), in the order in which they are done."""
    jobs: dict[Any, str] = {(osp.join(data_root, video), osp.join(out, name)): video for video, name in names.items()}
    with Progress(disable=not jobs) as progress:
        task = progress.add_task(f'Writing {len(jobs)} videos', total=len(jobs))
        for job, outcome in read_all(list(jobs), workers, timeout, partial(reencode_job, settings=settings)):
            if outcome.process_lost:
                remove_unfinished(job[1])
            error = outcome.error
            if error is None and not osp.isfile(job[1]):
                error = f'{job[1]} is not there, although it was written'
            progress.advance(task)
            yield jobs[job], error


def reencode_job(job: tuple[str, str], settings: Reencoding) -> int:
    """:func:`~videossl.datasets.preparation.reencoding.reencode` of a (source, target)."""
    return reencode(*job, settings)


class _Record:
    """The file that says which videos were written, from which sources, with which settings."""

    def __init__(self, out: str, settings: Reencoding) -> None:
        self.out = out
        self.path = Path(out, COMPACTED_FILE)
        self.settings = {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(settings).items()
        }
        self.entries: dict[str, dict] = {}
        if self.path.exists():
            self._read()

    def _read(self) -> None:
        found = None
        for line in self.path.read_text(encoding='utf-8', errors='replace').split('\n'):
            try:
                entry = json.loads(line)
                if 'settings' in entry:
                    found = entry['settings']
                else:
                    self.entries[entry['path']] = {
                        key: entry[key] for key in ('size', 'mtime', 'target', 'target_size')
                    }
            except (ValueError, TypeError, KeyError):  # cut off in the middle of a line
                continue
        differing = [
            f'{name}: {(found or {}).get(name)} there, {value} wanted'
            for name, value in self.settings.items()
            if found is not None and found.get(name) != value
        ]
        if differing:
            raise ConfigError(
                f'{self.out} was written with other settings ({"; ".join(differing)}). Choose another folder '
                '(--out), or the settings that are there'
            )

    def begin(self) -> None:
        """Write the settings down."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._append(dict(settings=self.settings))

    def _append(self, entry: dict) -> None:
        with open(self.path, 'a', encoding='utf-8') as file:
            # A line of its own, also where the one before was cut off.
            file.write(f'\n{json.dumps(entry)}' if file.tell() else json.dumps(entry))

    def add(self, video: str, name: str, data_root: str) -> None:
        """Note that a video is written."""
        status = os.stat(osp.join(data_root, video))
        entry = dict(
            size=status.st_size, mtime=status.st_mtime_ns, target=name, target_size=_size(osp.join(self.out, name))
        )
        self.entries[video] = entry
        self._append(dict(path=video, **entry))

    def is_done(self, video: str, name: str, data_root: str) -> bool:
        """Whether a video was written, is there as it was then, and its source has not changed since."""
        entry = self.entries.get(video)
        if entry is None:
            return False
        try:
            status = os.stat(osp.join(data_root, video))
        except OSError:
            return False
        return entry == dict(
            size=status.st_size, mtime=status.st_mtime_ns, target=name, target_size=_size(osp.join(self.out, name))
        )

    def sizes(self, videos: Sequence[str]) -> tuple[int, int]:
        """Bytes of those of the videos that are written, before and after."""
        entries = [self.entries[video] for video in videos if video in self.entries]
        return sum(entry['size'] for entry in entries), sum(entry['target_size'] for entry in entries)


def _rename(names: dict[str, str], prefix: str, path: str) -> str:
    name = names.get(joined(prefix, path))
    if name is None:  # a name without ending, or a video that is not there
        return path
    return path[: len(path) - len(osp.basename(path))] + osp.basename(name)


def _list_target(file: ListFile, data_root: str, out: str) -> str:
    place = osp.relpath(osp.abspath(file.path), osp.abspath(data_root))
    return osp.join(out, osp.basename(place) if place.startswith(os.pardir) else place)


def readable_time(seconds: float) -> str:
    """Seconds, minutes or hours."""
    for limit, length, unit in ((120, 1, 'seconds'), (7200, 60, 'minutes')):
        if seconds < limit:
            return f'{seconds / length:.1f} {unit}'
    return f'{seconds / 3600:.1f} hours'


# ----------------------------------------------------------------------------------------------------------- the command
def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write the videos of a data set anew, once, so that training reads them several times faster: small '
        'frames, key frames close together, H.264 that is quick to decode, no sound, in MP4 files. The number of frames and '
        'their times stay. Lists are written with the new names. The same command continues an interrupted run; nothing is '
        'done to the source.'
    )
    add_folders(parser, out='folder for the new videos and lists, beside the other one')
    parser.add_argument(
        '--short-side',
        type=int,
        default=128,
        help='pixels of the short side; smaller videos keep their size; default: 128',
    )
    parser.add_argument(
        '--size',
        nargs=2,
        type=int,
        metavar=('WIDTH', 'HEIGHT'),
        help='the exact size of all frames, even numbers, in place of --short-side; with the size that the pipeline scales '
        'to, training need not scale',
    )
    parser.add_argument(
        '--keyframe-interval', type=int, default=12, help='frames from one key frame to the next, at most; default: 12'
    )
    parser.add_argument('--crf', type=int, default=23, help="x264's quality, lower is better and larger; default: 23")
    parser.add_argument('--workers', type=int, help='processes; default: one per processor')
    parser.add_argument(
        '--timeout',
        type=float,
        default=TIMEOUT,
        help=f'seconds after which a video counts as failed; default: {TIMEOUT:g}',
    )
    parser.add_argument('--dry-run', action='store_true', help='count, estimate the size, and write nothing')
    args = parser.parse_args(argv)
    if args.workers is not None and args.workers < 1:
        parser.error(f'--workers must be at least 1, got {args.workers}')
    if not args.timeout > 0:
        parser.error(f'--timeout must be positive, got {args.timeout}')
    return args


def main(argv: list[str] | None = None) -> None:
    """Do what the arguments say; errors are raised as they are."""
    args = parse_args(argv)
    size = None if args.size is None else (args.size[0], args.size[1])
    settings = Reencoding(args.short_side, args.keyframe_interval, args.crf, size)
    report = compact(args.data_root, args.out, args.ann_file, settings, args.workers, args.timeout, args.dry_run)
    if not args.dry_run:
        print(report)
    if report.failed:
        raise SystemExit(1)


def command() -> None:
    """Entry point of ``tools/data/compact.py``."""
    run_command(main, own_errors=True, goes_on=True)


if __name__ == '__main__':
    command()
