"""Kinetics-400: from class folders, or from the official CSV files."""

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from .locate import VideoIndex, normal_class
from .writing import PreparationError

# Values of the column ``split``, by our name of a split.
SPLIT_NAMES = dict(
    train={'train', 'training'}, val={'val', 'validate', 'validation'}, test={'test', 'testing', 'holdout_test'}
)


@dataclass(frozen=True)
class KineticsClip:
    """A row of a CSV file.

    Attributes:
        class_name: with underscores for spaces; None in a file without labels.
        youtube_id: of the video.
        start, end: of the clip, in seconds; None if the file does not say.
    """

    class_name: str | None
    youtube_id: str
    start: int | None = None
    end: int | None = None

    @property
    def names(self) -> list[str]:
        """Possible names of the clip's file without ending, the usual one first: ``ID_000010_000020``, ``ID``."""
        if self.start is None:
            return [self.youtube_id]
        return [f'{self.youtube_id}_{self.start:06d}_{self.end:06d}', self.youtube_id]

    @property
    def path(self) -> str:
        """The usual path of the clip."""
        return f'{self.class_name}/{self.names[0]}.mp4' if self.class_name else f'{self.names[0]}.mp4'


@dataclass
class MatchedClips:
    """The videos of a CSV file.

    Attributes:
        videos: (path, class) of the existing videos, in the file's order, each once.
        missing: usual paths of the other videos.
        repeated: number of rows that name a video again with the same class.
        contradictory: videos with more than one class in the file; they are left out.
    """

    videos: list[tuple[str, str | None]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    repeated: int = 0
    contradictory: list[str] = field(default_factory=list)


def read_kinetics_csv(path: str | os.PathLike, split: str, needs_labels: bool = True) -> list[KineticsClip]:
    """Read a CSV file with the columns ``label``, ``youtube_id`` and, perhaps, ``time_start``, ``time_end``, ``split``.

    Args:
        path: of the file.
        split: ``'train'``, ``'val'`` or ``'test'``. If there is a column ``split``, only the rows of this split are read.
        needs_labels: whether the column ``label`` is required. The first test file of Kinetics lacks it.

    Raises:
        PreparationError: a column is missing, a row cannot be read, or the split has no row.
    """
    try:
        with open(path, encoding='utf-8-sig', newline='') as file:
            rows = [row for row in csv.reader(file, skipinitialspace=True) if any(cell.strip() for cell in row)]
    except (FileNotFoundError, IsADirectoryError):
        raise PreparationError(f'there is no file {path}; name the CSV file with --{split}-csv') from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise PreparationError(f'{path} is no CSV file in UTF-8 ({error})') from None
    columns = [column.strip().lower() for column in rows[0]] if rows else []
    missing = [
        column for column in ('label', 'youtube_id') if column not in columns and (column != 'label' or needs_labels)
    ]
    if missing:
        raise PreparationError(
            f'{path} has no column {" and no column ".join(missing)}; its first row is '
            f'"{",".join(rows[0]) if rows else ""}". Wanted is the official file of Kinetics, with '
            'label,youtube_id,time_start,time_end,split'
        )
    clips, others = [], set()
    for number, row in enumerate(rows[1:], 2):
        cells = dict(zip(columns, (cell.strip() for cell in row)))
        if cells.get('split') and cells['split'].lower() not in SPLIT_NAMES[split]:
            others.add(cells['split'])
            continue
        clips.append(_to_clip(cells, 'label' in columns, f'{path}, row {number}'))
    if not clips:
        there = f'; its rows are of {", ".join(sorted(others))}' if others else ''
        raise PreparationError(f'{path} has no row of the split {split}{there}')
    return clips


def _to_clip(cells: dict[str, str], has_label: bool, where: str) -> KineticsClip:
    if not cells.get('youtube_id') or (has_label and not cells.get('label')):
        raise PreparationError(f'{where}: there is no {"label" if cells.get("youtube_id") else "youtube_id"}')
    times: list[int | None] = []
    for column in ('time_start', 'time_end'):
        try:
            times.append(int(float(cells[column])) if cells.get(column) else None)
        except (ValueError, OverflowError):
            raise PreparationError(f'{where}: {column} is "{cells[column]}", which is no time in seconds') from None
    if None in times:
        times = [None, None]
    return KineticsClip(normal_class(cells['label']) if has_label else None, cells['youtube_id'], *times)


def match_clips(clips: Iterable[KineticsClip], index: VideoIndex | None) -> MatchedClips:
    """Find the videos of a CSV file.

    Args:
        clips: the rows.
        index: of the existing videos. None: all videos are taken to exist, under their usual paths.
    """
    matched = MatchedClips()
    classes: dict[str, str | None] = {}
    missing: dict[str, None] = {}
    for clip in clips:
        if index is None:
            path: str | None = clip.path
        else:
            path = next(filter(None, (index.find(name, clip.class_name) for name in clip.names)), None)
        if path is None:
            matched.repeated += clip.path in missing
            missing[clip.path] = None
        elif path not in classes:
            classes[path] = clip.class_name
        elif classes[path] == clip.class_name:
            matched.repeated += 1
        elif path not in matched.contradictory:
            matched.contradictory.append(path)
    matched.missing = list(missing)
    left_out = set(matched.contradictory)
    matched.videos = [(path, class_name) for path, class_name in classes.items() if path not in left_out]
    return matched


def videos_by_folder(paths: Iterable[str], how_else: str) -> list[tuple[str, str]]:
    """(path, class) of videos in class folders. ``answering questions`` and ``answering_questions`` are one class.

    Args:
        paths: relative to the folder of the class folders.
        how_else: remedy for videos in no class folder, for the error.

    Raises:
        PreparationError: a video is in no class folder.
    """
    videos = []
    for path in paths:
        class_name, _, rest = path.partition(os.sep)
        if not rest:
            raise PreparationError(f'{path} lies in no class folder; {how_else}')
        videos.append((path, normal_class(class_name)))
    return videos
