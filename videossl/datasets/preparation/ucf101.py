"""UCF101: the official split files."""

import os
import os.path as osp
from pathlib import Path

from .writing import Entry, PreparationError, SplitFiles, check_splits, read_text

SPLITS = (1, 2, 3)


def list_name(split: int, part: str) -> str:
    """mmaction2's name of a list; the test videos are called "val"."""
    return f'ucf101_{part}_split_{split}_videos'


def read_ucf101(folder: str | os.PathLike) -> SplitFiles:
    """Read ``classInd.txt``, ``trainlist01.txt`` .. ``trainlist03.txt`` and ``testlist01.txt`` .. ``testlist03.txt``.

    A class's label is its number in ``classInd.txt`` minus 1. A line of a list is ``Class/video.avi``, in the training
    lists followed by the class's number.

    Args:
        folder: folder of these files, or the folder above ``ucfTrainTestlist``.

    Raises:
        PreparationError: a file is missing, or two files contradict each other.
    """
    folder = Path(folder)
    if not (folder / 'classInd.txt').exists() and (folder / 'ucfTrainTestlist').is_dir():
        folder = folder / 'ucfTrainTestlist'
    classes = _read_classes(folder / 'classInd.txt')
    labels = {name: label for label, name in enumerate(classes)}
    splits = {}
    for split in SPLITS:
        for part, file in (('train', f'trainlist{split:02d}.txt'), ('val', f'testlist{split:02d}.txt')):
            splits[list_name(split, part)] = [
                _read_line(line, labels, folder / file) for line in read_text(folder / file)
            ]
    check_splits(splits, [(list_name(split, 'train'), list_name(split, 'val')) for split in SPLITS])
    return SplitFiles(classes, splits, total=len({video for entries in splits.values() for video, _ in entries}))


def _read_classes(path: Path) -> list[str]:
    names: dict[int, str] = {}
    for line in read_text(path):
        number, _, name = line.partition(' ')
        if not number.isdigit() or not name.strip() or int(number) in names:
            raise PreparationError(f'{path}: "{line}" is not a new number and the name of a class')
        names[int(number)] = name.strip()
    if sorted(names) != list(range(1, len(names) + 1)):
        raise PreparationError(f'{path}: the numbers of its {len(names)} classes are not 1, 2, 3, ...')
    return [names[number] for number in sorted(names)]


def _read_line(line: str, labels: dict[str, int], path: Path) -> Entry:
    video, _, number = line.rpartition(' ')
    has_number = bool(video) and number.isdigit()
    video = video if has_number else line
    class_name = osp.dirname(video)
    if class_name not in labels:
        raise PreparationError(f'{path}: "{line}" is of a class that classInd.txt does not have')
    if has_number and int(number) - 1 != labels[class_name]:
        raise PreparationError(
            f'{path}: "{line}" has number {number}, but classInd.txt gives {class_name} {labels[class_name] + 1}'
        )
    return video.strip(), labels[class_name]
