"""HMDB51: the official split files."""

import os
import re
from pathlib import Path

from .writing import PreparationError, SplitFiles, check_splits, read_text

SPLITS = (1, 2, 3)
# What the number behind a video means. 0: the video is in neither part of this split.
USES = {'0': None, '1': 'train', '2': 'val'}


def list_name(split: int, part: str) -> str:
    """mmaction2's name of a list; the test videos are called "val"."""
    return f'hmdb51_{part}_split_{split}_videos'


def read_hmdb51(folder: str | os.PathLike) -> SplitFiles:
    """Read ``CLASS_test_split1.txt`` .. ``CLASS_test_split3.txt`` of every class, lines ``video.avi 0``, ``1`` or ``2``.

    Labels follow the names of the classes as Python sorts them, as in mmaction2. (The class list on the data set's page
    is in another order in places: ``kick_ball`` before ``kick``.)

    Args:
        folder: that holds them, or holds ``testTrainMulti_7030_splits`` with them.

    Raises:
        PreparationError: a file is missing, or has something else in it.
    """
    folder = Path(folder)
    files = _split_files(folder) or _split_files(folder / 'testTrainMulti_7030_splits')
    if not files:
        raise PreparationError(
            f'{folder} holds no files CLASS_test_split1.txt; name the folder that the archive '
            'test_train_splits.rar was unpacked to with --annotations'
        )
    classes = sorted({class_name for class_name, _ in files})
    splits = {list_name(split, part): [] for split in SPLITS for part in ('train', 'val')}
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
                if not video or number not in USES:
                    raise PreparationError(f'{path}: "{line}" is not a video and 0, 1 or 2')
                video = f'{class_name}/{video.strip()}'
                videos.add(video)
                if USES[number] is not None:
                    splits[list_name(split, USES[number])].append((video, label))
    check_splits(splits, [(list_name(split, 'train'), list_name(split, 'val')) for split in SPLITS])
    return SplitFiles(classes, splits, total=len(videos))


def _split_files(folder: Path) -> dict[tuple[str, int], Path]:
    if not folder.is_dir():
        return {}
    named = ((re.fullmatch(r'(.+)_test_split([123])\.txt', path.name), path) for path in folder.iterdir())
    return {(match[1], int(match[2])): path for match, path in named if match}
