"""Left and right in the names of a teacher's classes."""

import re
from collections.abc import Sequence


def find_left_right_pairs(class_names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Pairs of classes that are swapped in a mirror image, as (left, right) indices in ascending order.

    "Left" and "right" count as words, however the words of a name are joined: ``Left-arm``, ``left_leg``, ``LeftShoe``,
    ``shoe (left)``. A class on the left without a counterpart has no pair.
    """
    words = [tuple(re.findall('[A-Z]?[a-z0-9]+|[A-Z]+', name)) for name in class_names]
    words = [tuple(word.lower() for word in name) for name in words]
    indices = {name: index for index, name in enumerate(words)}
    pairs = []
    for index, name in enumerate(words):
        mirrored = tuple('right' if word == 'left' else word for word in name)
        if mirrored != name and mirrored in indices:
            pairs.append((index, indices[mirrored]))
    return tuple(pairs)
