"""Any folder of class folders, divided at random into lists."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from .writing import PreparationError


def check_fractions(fractions: Mapping[str, float]) -> None:
    """Raise a PreparationError unless these are names of parts with shares that add up to 1."""
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
    """What of each path says which source it is of: the pattern's first bracketed part, or all that it matches.

    Raises:
        PreparationError: the pattern is no regular expression, or is not found in some path. A video without a group
            would be dealt out alone, and could be of the same source as one of another part.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise PreparationError(f'--group "{pattern}" is no regular expression: {error}') from None
    matches = [compiled.search(path) for path in paths]
    keys = [None if match is None else match[1 if compiled.groups else 0] for match in matches]
    without = [path for path, key in zip(paths, keys) if key is None]
    if without:
        raise PreparationError(
            f'--group "{pattern}" is not found in {len(without)} of {len(paths)} paths, the first being {without[0]}'
        )
    return keys


def split_folder_tree(
    videos: Sequence[tuple[str, str]],
    fractions: Mapping[str, float],
    seed: int = 0,
    groups: Sequence[str] | None = None,
) -> dict[str, list[tuple[str, str]]]:
    """Divide videos at random, class by class, so that each part gets its share of every class.

    All videos of a group go into one part, even if they are of several classes. Groups are dealt out the largest first, in
    random order otherwise, each to the part that lacks most of its share of the class; without groups the numbers are so
    within one of the exact shares.

    Args:
        videos: (path, class).
        fractions: share of each part, adding up to 1.
        seed: of the division. The generator is one whose draws NumPy has promised never to change.
        groups: the group of each video; None: each video is alone.

    Returns:
        (path, class) by the name of a part, sorted.
    """
    check_fractions(fractions)
    groups = [str(number) for number in range(len(videos))] if groups is None else list(groups)
    by_class = defaultdict(lambda: defaultdict(int))
    for (_, class_name), group in zip(videos, groups):
        by_class[class_name][group] += 1
    generator = np.random.RandomState(seed)
    part_of = {}
    for class_name in sorted(by_class):
        sizes = by_class[class_name]
        lacking = {part: share * sum(sizes.values()) for part, share in fractions.items()}
        for group, size in sizes.items():
            if group in part_of:  # dealt out with another class
                lacking[part_of[group]] -= size
        free = [group for group in sizes if group not in part_of]
        for place in sorted(generator.permutation(len(free)), key=lambda place: -sizes[free[place]]):
            part = max(lacking, key=lacking.get)
            part_of[free[place]] = part
            lacking[part] -= sizes[free[place]]
    parts = {part: [] for part in fractions}
    for video, group in zip(videos, groups):
        parts[part_of[group]].append(video)
    return {part: sorted(chosen) for part, chosen in parts.items()}
