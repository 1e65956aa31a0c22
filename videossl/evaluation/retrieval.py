"""Clip retrieval: are the nearest training videos of a test video of its class?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .feature_sets import described, prepare, unit_videos

if TYPE_CHECKING:
    from videossl.features.clip_features import ClipFeatures

ROWS_AT_ONCE = 512


def clip_retrieval(
    gallery: 'ClipFeatures',
    queries: 'ClipFeatures',
    ks: Sequence[int] = (1, 5, 10, 20, 50),
    centre: bool = False,
    average: str = 'features',
) -> dict:
    """Recall at k: the share of queries with a video of their class among the k nearest of the gallery.

    The protocol of "Self-supervised Spatiotemporal Learning via Video Clip Order Prediction", Xu et al., 2019: one
    vector a video, the mean over its views; cosine similarity; the train split is the gallery, the test split the
    queries. No video is dropped: an unreadable query counts as wrong. Of equally similar gallery videos the one that
    stands first in the list is the nearer one.

    Args:
        gallery, queries: features with labels.
        ks: how many neighbours count. One that exceeds the gallery looks at all of it.
        centre: subtract from each set its own mean first ("Self-supervised Co-training for Video Representation
            Learning", Han, Xie, Zisserman, 2020, released code).
        average: ``'features'``: the mean over a video's views of the features as they are; ``'normalised'``: of the
            features scaled to length 1.

    Returns:
        ``R@k`` for each k, in 0..1; ``protocol``, a text; ``notes``, a list of texts.

    Raises:
        ValueError: the sets do not fit (:func:`~videossl.evaluation.feature_sets.prepare`) or an argument is unusable.
    """
    check_ks('ks', ks)
    sets = prepare(gallery, queries)
    ranks = first_hits(
        unit_videos(sets.gallery, average, centre),
        sets.gallery_labels,
        unit_videos(sets.queries, average, centre, sets.readable),
        sets.query_labels,
    )
    ranks = np.where(sets.readable, ranks, len(sets.gallery))
    size = len(sets.gallery)
    notes = sets.notes + [
        f'R@{k}: the gallery has {size} videos, so that all of it is looked at' for k in ks if k > size
    ]
    protocol = described(gallery, queries, ('gallery', 'queries'), *how_averaged(average, centre), 'cosine similarity')
    return {**{f'R@{k}': float((ranks < min(k, size)).mean()) for k in ks}, 'protocol': protocol, 'notes': notes}


def first_hits(
    gallery: np.ndarray, gallery_labels: np.ndarray, queries: np.ndarray, query_labels: np.ndarray
) -> np.ndarray:
    """How many gallery vectors come before the first one of the query's class, by descending dot product.

    Args:
        gallery, gallery_labels: [N, D] and [N].
        queries, query_labels: [M, D] and [M].

    Returns:
        int64 [M], 0 where the nearest one is of the class, N where none is.
    """
    places = np.arange(len(gallery))
    ranks = np.empty(len(queries), dtype=np.int64)
    for start in range(0, len(queries), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        similarities = queries[rows] @ gallery.T
        same = gallery_labels[None] == query_labels[rows, None]
        candidates = np.where(same, similarities, -np.inf)
        hits = candidates.argmax(axis=1)[:, None]  # of equal ones the first
        best = np.take_along_axis(candidates, hits, axis=1)
        before = (similarities > best) | ((similarities == best) & (places < hits))
        ranks[rows] = np.where(same.any(axis=1), before.sum(axis=1), len(gallery))
    return ranks


def how_averaged(average: str, centre: bool) -> list[str]:
    """The words for how a video's views became one vector."""
    return [
        f"mean of the views' {'normalised ' if average == 'normalised' else ''}features",
        *(['each set centred on its mean'] if centre else []),
        'L2',
    ]


def check_ks(name: str, ks: Sequence[int]) -> None:
    """Refuse anything but a list of whole numbers of at least 1."""
    is_list = isinstance(ks, Sequence) and not isinstance(ks, str) and len(ks) > 0
    if not is_list or not all(type(k) is int and k >= 1 for k in ks):
        raise ValueError(f'{name} must be a list of whole numbers of at least 1, got {ks!r}')
