"""HMDB51: the official split files."""

import os
import re
from pathlib import Path

from videossl.datasets.annotations import is_hidden

from .writing import Entry, PreparationError, SplitFiles, check_splits, read_text

SPLITS = (1, 2, 3)
# The number after a video. A video with 0 is in neither part of the split.
PARTS = {'0': '', '1': 'train', '2': 'val'}


def list_name(split: int, part: str) -> str:
    """mmaction2's name of a list; the test videos are called "val"."""
    return f'hmdb51_{part}_split_{split}_videos'


def read_hmdb51(folder: str | os.PathLike) -> SplitFiles:
    """Read ``CLASS_test_split1.txt`` .. ``CLASS_test_split3.txt`` of every class, lines ``video.avi 0``, ``1`` or ``2``.

    Labels number the classes as Python sorts their names, as in mmaction2. (The class list on the data set's page
    differs: ``kick_ball`` before ``kick``.)

    Args:
        folder: folder of these files, or the folder above ``testTrainMulti_7030_splits``.

    Raises:
        PreparationError: a file is missing, or a line cannot be read.
    """
    folder = Path(folder)
    files = _split_files(folder) or _split_files(folder / 'testTrainMulti_7030_splits')
    if not files:
        raise PreparationError(
            f'{folder} holds no files CLASS_test_split1.txt; name the folder that the archive '
            'test_train_splits.rar was unpacked to with --annotations'
        )
    classes = sorted({class_name for class_name, _ in files})
    splits: dict[str, list[Entry]] = {list_name(split, part): [] for split in SPLITS for part in ('train', 'val')}
    videos = set()
    for split in SPLITS:
        for label, class_name in enumerate(classes):
            if (class_name, split) not in files:
                raise PreparationError(
                    f'{class_name}_test_split{split}.txt is missing in {folder}; unpack the archive of '
                    'the split files again'
                )
            path = files[class_name, split]
            for line in read_text(path):
                video, _, number = line.rpartition(' ')
                if not video or number not in PARTS:
                    raise PreparationError(f'{path}: "{line}" is not a video and 0, 1 or 2')
                video = f'{class_name}/{video.strip()}'
                videos.add(video)
                if PARTS[number]:
                    splits[list_name(split, PARTS[number])].append((video, label))
    check_splits(splits, [(list_name(split, 'train'), list_name(split, 'val')) for split in SPLITS])
    return SplitFiles(classes, splits, total=len(videos))


def _split_files(folder: Path) -> dict[tuple[str, int], Path]:
    if not folder.is_dir():
        return {}
    visible = (path for path in folder.iterdir() if not is_hidden(path.name))
    named = ((re.fullmatch(r'(.+)_test_split([123])\.txt', path.name), path) for path in visible)
    return {(match[1], int(match[2])): path for match, path in named if match}
