"""The videos and lists of a study: found, divided, held out and checked."""

import argparse
import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from videossl.datasets.annotations import read_annotations, scan_videos
from videossl.datasets.moving_shapes import write_moving_shapes
from videossl.datasets.preparation.folder_tree import group_key, group_keys, split_folder_tree
from videossl.datasets.preparation.writing import write_lines, write_list
from videossl.errors import ConfigError
from videossl.evaluation.feature_sets import first_few


@dataclass
class VideoCounts:
    """What the lists of a study hold.

    Attributes:
        train: number of videos that classifiers and fine-tuning learn from.
        test: number of videos that accuracies are measured on.
        classes: number of classes, the largest label plus one.
        chance: accuracy of guessing the most frequent class of the training videos.
        digest: changes with the paths in the lists and their labels, not with their order or the folder of the videos.
    """

    train: int
    test: int
    classes: int
    chance: float
    digest: str


def find_videos(config: Config, data_root: str | None, work_dir: Path, render: bool = True) -> str:
    """The folder of the videos; made-up ones are rendered where the study has them and no folder is given, or with
    ``render=False`` only their lists written."""
    if data_root is None and config.get('render') is None:
        raise ConfigError('name the folder of the videos with --data-root')
    if data_root is None:
        data_root = str(work_dir / 'videos')
        try:
            write_moving_shapes(data_root, **{'render': render, **config.render})
        except FileExistsError as error:
            raise ConfigError(str(error)) from None
    if not Path(data_root).is_dir():
        raise ConfigError(f'--data-root {data_root}: there is no such folder')
    return os.path.abspath(data_root)  # of one study, however it is named


def find_lists(
    names: dict[str, str],
    args: argparse.Namespace,
    data_root: str,
    pattern: str | None,
    work_dir: Path,
    notes: list[str],
) -> dict[str, Path]:
    """Paths of the lists; without any, a folder of class folders is divided. ``pattern`` finds a video's group in its path."""
    given = {text.partition('=')[0] for text in args.ann_file}
    # One list serves both unless they are named apart.
    follows = names.get('pretrain', '') == names.get('train') and 'train' in given and 'pretrain' not in given
    for text in args.ann_file:
        name, equals, value = text.partition('=')
        if not equals or name not in names:
            raise ConfigError(f'--ann-file {text}: expected NAME=LIST, NAME being one of {sorted(names)}')
        names[name] = value
    if not {'train', 'test'} <= set(names):
        raise ConfigError(f"the study's recipe needs lists called train and test, it has {sorted(names)}")
    lists = {name: Path(data_root) / value for name, value in names.items()}
    if follows and not lists['pretrain'].is_file():
        lists['pretrain'] = lists['train']
    if any(path.exists() for path in lists.values()) or args.ann_file:
        for name, path in lists.items():
            if not path.is_file():
                raise ConfigError(f'there is no list {path}; name it with --ann-file {name}=LIST')
        return lists
    return divide_folder(data_root, names, pattern, work_dir, notes)


def divide_folder(
    data_root: str, names: dict[str, str], pattern: str | None, work_dir: Path, notes: list[str]
) -> dict[str, Path]:
    """Lists of a folder of class folders, divided into training and test videos; ``notes`` says how."""
    paths = scan_videos(data_root)
    videos = [(path, Path(path).parent.name) for path in paths]
    if any(not class_name for _, class_name in videos):
        raise ConfigError(
            f'{data_root} has no list {names["train"]}, and videos outside of class folders. Put each video into the '
            'folder of its class, or write lists ("path label" a line) and name them with --ann-file train=LIST test=LIST'
        )
    classes = sorted({class_name for _, class_name in videos})
    groups = None if pattern is None else group_keys(paths, pattern)
    parts = split_folder_tree(videos, dict(train=0.7, test=0.3), groups=groups)
    for part, entries in parts.items():
        if not entries:
            whole = f'{len(videos)} videos' + ('' if groups is None else f' of {len(set(groups))} groups')
            raise ConfigError(
                f'{data_root} has {whole}, of which none is left for {part}: a study needs several of each class'
            )
    if groups is None:
        notes.append(
            'Training and test videos were divided at random. If several videos show the same person, place or recording, '
            'say so with --group PATTERN; else the accuracies are too high.'
        )
    folders: dict[str, set[str]] = {}
    for video, class_name in videos:
        folders.setdefault(class_name, set()).add(str(Path(video).parent))
    several = [class_name for class_name in classes if len(folders[class_name]) > 1]
    if several:
        notes.append(
            f'A class is named by the folder that a video lies in. {len(several)} classes come from several folders, '
            f'{several[0]} from {", ".join(sorted(folders[several[0]])[:3])}. All of them were divided anew; to keep a '
            'division of your own, write lists and name them with --ann-file.'
        )
    folder = work_dir / 'lists'
    write_lines(folder / 'classes.txt', classes)
    written = {
        part: write_list([(path, classes.index(class_name)) for path, class_name in entries], folder, part).resolve()
        for part, entries in parts.items()
    }
    return {name: written['test' if name == 'test' else 'train'] for name in names}


def place_of(path: str, data_root: str) -> str:
    """Where a video of a list lies: a list may name it from the folder of the videos, or by its absolute path."""
    return os.path.normpath(os.path.join(data_root, path))


def hold_out(
    lists: dict[str, Path], data_root: str, pattern: str | None, share: float, work_dir: Path, notes: list[str]
) -> dict[str, Path]:
    """Lists of the ``select`` split: some groups (actors) of the training list take the place of the test videos.

    The test videos are not used; their list is read to keep them out of the others. The held-out groups are left out of every
    other list.

    Args:
        lists: those of the test split.
        data_root: folder of the videos.
        pattern: finds a video's group in its path; None: each video is a group.
        share: of the training list that is held out.
        work_dir: of the study.
        notes: what was held out is added.
    """
    entries = read_annotations(str(lists['train']))
    paths = [path for path, _ in entries]
    groups = group_keys(paths, pattern) if pattern else None
    parts = split_folder_tree(
        [(path, str(label)) for path, label in entries], dict(train=1 - share, test=share), groups=groups
    )
    held_out = {place_of(path, data_root) for path, _ in parts['test']}
    held_groups = {group for group, path in zip(groups or [], paths) if place_of(path, data_root) in held_out}
    whose = 'groups ' + ', '.join(sorted(held_groups)) if held_groups else 'videos'
    notes.append(
        f'Split "select": {len(held_out)} of the {len(entries)} training videos ({whose}) are held out of every training '
        'and take the place of the test videos. No test video was used.'
    )
    test_videos = set()
    if lists['test'].is_file():  # by name alone, to keep them out of a longer list for pretraining
        test_videos = {place_of(path, data_root) for path, _ in read_annotations(str(lists['test']))}
    folder = work_dir / 'lists'
    result = {}
    for name, path in lists.items():
        kept = []
        for video, label in read_annotations(str(lists['train'] if name == 'test' else path)):
            place = place_of(video, data_root)
            held = place in held_out or pattern is not None and group_key(video, pattern) in held_groups
            if held if name == 'test' else not held and place not in test_videos:
                kept.append((video, label))
        if not kept:
            raise ConfigError(f'split "select": the list {name} would be empty; choose another held_out or group')
        result[name] = write_list(kept, folder, f'select_{name}').resolve()
    return result


def check_groups(lists: dict[str, Path], pattern: str, required: bool, notes: list[str]) -> None:
    """Tell in ``notes`` how many groups (actors) the test videos show, and which of them are trained on, too.

    Args:
        lists: of the study.
        pattern: finds a video's group in its path.
        required: every test video must have a group; otherwise nothing is told where one has none.
        notes: what is found is added.

    Raises:
        PreparationError: a group is required, and the pattern does not match the path of a test video.
    """
    paths = [path for path, _ in read_annotations(str(lists['test']))]
    tested = set(group_keys(paths, pattern)) if required else {group_key(path, pattern) for path in paths}
    if None in tested:
        return
    notes.append(
        f'The test videos show {len(tested)} group{"s" * (len(tested) > 1)}: {first_few(sorted(tested))}. Standard errors '
        'count videos, not groups: with few groups they are too small.'
    )
    for name, path in lists.items():
        shared = tested & {group_key(video, pattern) for video, _ in read_annotations(str(path))}
        if name != 'test' and shared:
            notes.append(
                f'Of the groups of the test videos {len(shared)} are in the {name} list, too: {first_few(sorted(shared))}. '
                'Of groups that no training has seen, the accuracies say nothing.'
            )


def check_lists(lists: dict[str, Path], data_root: str, notes: list[str]) -> VideoCounts:
    """Count videos and classes. ``notes`` tells of classes that are in one of the two lists only.

    Raises:
        ConfigError: a list cannot be read or has no labels, all have one label, or a test video is trained on.
    """
    try:
        entries = {name: read_annotations(str(path)) for name, path in lists.items()}
    except (OSError, ValueError) as error:
        raise ConfigError(str(error)) from None
    for name in ('train', 'test'):
        if any(label is None for _, label in entries[name]):
            raise ConfigError(f'{lists[name]} has no labels, and without them nothing can be right or wrong')
    test = {place_of(path, data_root) for path, _ in entries['test']}
    for name, listed in entries.items():
        shared = [path for path, _ in listed if place_of(path, data_root) in test]
        if name != 'test' and shared:
            raise ConfigError(
                f'{len(shared)} test videos are in {lists[name]} too, the first being {shared[0]}; a study tests on videos '
                'that nothing was trained on'
            )
    classes = {name: {label for _, label in entries[name] if label is not None} for name in ('train', 'test')}
    every = classes['train'] | classes['test']
    if len(every) == 1:
        raise ConfigError(f'{lists["train"]} and {lists["test"]} have one class, so that every answer is right')
    for name, other, effect in (
        ('train', 'test', 'its videos are always wrong'),
        ('test', 'train', 'nothing is known of its accuracy'),
    ):
        lacking = sorted(classes[other] - classes[name])
        if lacking:
            notes.append(
                f'The {name} list has no video of {len(lacking)} of {len(every)} classes, the first being label '
                f'{lacking[0]}: {effect}.'
            )
    commonest = Counter(label for _, label in entries['train']).most_common(1)[0][0]
    chance = sum(label == commonest for _, label in entries['test']) / len(entries['test'])
    text = json.dumps({name: sorted(listed) for name, listed in entries.items()}, sort_keys=True)
    return VideoCounts(
        train=len(entries['train']),
        test=len(entries['test']),
        classes=max(every) + 1,
        chance=max(chance, 1 / len(every)),
        digest=hashlib.sha256(text.encode()).hexdigest()[:16],
    )


def useful_counts(counts: Sequence[int], train: Path) -> list[int]:
    """Those numbers of labels per class that leave some of the training labels out."""
    largest = max(Counter(label for _, label in read_annotations(str(train))).values())
    return sorted(count for count in set(counts) if count < largest)
