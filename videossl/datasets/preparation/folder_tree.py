"""Random split of a folder of class folders into lists."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from .writing import PreparationError


def check_fractions(fractions: Mapping[str, float]) -> None:
    """Raise a PreparationError unless the keys are names of lists and the shares add up to 1."""
    if not fractions:
        raise PreparationError('name at least one part, e.g. --fractions train=0.8 test=0.2')
    for name, share in fractions.items():
        if not re.fullmatch(r'[\w.-]+', name) or name.startswith('.'):
            raise PreparationError(f'--fractions: "{name}" cannot be the name of a list; use letters, digits, - and _')
        if not 0 < share <= 1:
            raise PreparationError(f'--fractions: the share of {name} must be above 0 and at most 1, but is {share:g}')
    if abs(sum(fractions.values()) - 1) > 1e-6:
        raise PreparationError(f'--fractions: the shares must add up to 1, but do to {sum(fractions.values()):g}')


def group_keys(paths: Sequence[str], pattern: str) -> list[str]:
    """The source of each video: the text in its path that matches the pattern's first bracketed part, or all of it.

    Raises:
        PreparationError: the pattern is not a regular expression, or does not match a path. A video without a group would
            be assigned alone, and could share its source with a video of another part.
    """
    keys = [group_key(path, pattern) for path in paths]
    without = [path for path, key in zip(paths, keys) if key is None]
    if without:
        raise PreparationError(
            f'the pattern of groups "{pattern}" is not found in {len(without)} of {len(paths)} paths, the first being '
            f'{without[0]}; name another with --group'
        )
    return [key for key in keys if key is not None]


def group_key(path: str, pattern: str) -> str | None:
    """As :func:`group_keys`, of one video; None where the pattern does not match."""
    try:
        match = re.search(pattern, path)
    except re.error as error:
        raise PreparationError(f'the pattern of groups "{pattern}" is no regular expression: {error}') from None
    return match and match[1 if match.re.groups else 0]


def split_folder_tree(
    videos: Sequence[tuple[str, str]],
    fractions: Mapping[str, float],
    seed: int = 0,
    groups: Sequence[str] | None = None,
) -> dict[str, list[tuple[str, str]]]:
    """Split videos at random, class by class, so that each part gets its share of every class.

    All videos of a group go into one part, also if they have different classes. The groups of a class are assigned from the
    largest to the smallest, equal ones in random order, each to the part that is furthest below its share. Without groups
    the numbers differ from the exact shares by less than 1.

    Args:
        videos: (path, class).
        fractions: share of each part, adding up to 1.
        seed: of the split. NumPy guarantees that the draws of this generator never change.
        groups: the group of each video. None: each video is a group.

    Returns:
        From the name of a part to its sorted (path, class).
    """
    check_fractions(fractions)
    groups = [str(number) for number in range(len(videos))] if groups is None else list(groups)
    by_class: dict[str, Counter[str]] = defaultdict(Counter)
    for (_, class_name), group in zip(videos, groups):
        by_class[class_name][group] += 1
    generator = np.random.RandomState(seed)
    part_of: dict[str, str] = {}
    for class_name in sorted(by_class):
        sizes = by_class[class_name]
        lacking = {part: share * sum(sizes.values()) for part, share in fractions.items()}
        for group, size in sizes.items():
            if group in part_of:  # assigned with another class
                lacking[part_of[group]] -= size
        free = [group for group in sizes if group not in part_of]
        shuffled = [free[index] for index in generator.permutation(len(free))]
        for group in sorted(shuffled, key=lambda group: -sizes[group]):
            part = max(lacking, key=lambda part: lacking[part])
            part_of[group] = part
            lacking[part] -= sizes[group]
    parts: dict[str, list[tuple[str, str]]] = {part: [] for part in fractions}
    for video, group in zip(videos, groups):
        parts[part_of[group]].append(video)
    return {part: sorted(chosen) for part, chosen in parts.items()}
