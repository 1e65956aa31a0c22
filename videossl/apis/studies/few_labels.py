"""Lists with few labels of each class, each a subset of the next larger one."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from videossl.apis.user_errors import run_command
from videossl.datasets.annotations import read_annotations
from videossl.datasets.preparation.writing import write_list
from videossl.evaluation.statistics import nested_subsets


def write_few_labels(path: str | Path, counts: Sequence[int], seed: int, folder: str | Path) -> dict[int, Path]:
    """Write a list for each number of labelled videos per class.

    Args:
        path: list of labelled videos, see :func:`~videossl.datasets.read_annotations`.
        counts: videos of each class. A class that has fewer gives all it has.
        seed: of the choice.
        folder: for the lists, which are called ``LIST_NUMBER_per_class_seed_SEED``.

    Returns:
        The lists, by count. A list's paths are relative to the same folder as before.

    Raises:
        ValueError: the list has no labels, or a count is not a positive integer.
    """
    entries = read_annotations(str(path))
    labels = [label for _, label in entries if label is not None]
    if len(labels) < len(entries):
        raise ValueError(f'{path} has no labels, so that there is nothing to choose by')
    subsets = nested_subsets(labels, counts, seed)
    return {
        count: write_list(
            [entries[place] for place in places], folder, f'{Path(path).stem}_{count}_per_class_seed_{seed}'
        )
        for count, places in subsets.items()
    }


def main(argv: list[str] | None = None) -> None:
    """Do what the arguments say; errors are raised as they are."""
    parser = argparse.ArgumentParser(
        description='Choose few labelled videos of each class at random. The lists are nested: the videos of a small one '
        'are in every larger one of the same seed.'
    )
    parser.add_argument('list', help='list of labelled videos')
    parser.add_argument(
        '--per-class',
        type=int,
        nargs='+',
        default=[1, 2, 5, 10],
        help='labels of each class, one list for each number; default: 1 2 5 10',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the choice; default: 0')
    parser.add_argument('--out', help="folder for the lists; default: the list's own")
    args = parser.parse_args(argv)
    lists = write_few_labels(args.list, args.per_class, args.seed, args.out or Path(args.list).parent)
    for count, path in lists.items():
        print(f'{path}: {len(read_annotations(str(path)))} videos, up to {count} of each class')


def command() -> None:
    """Entry point of ``tools/data/few_labels.py``."""
    run_command(main, own_errors=True)
