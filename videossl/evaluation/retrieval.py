"""Clip retrieval: whether the nearest training videos have the class of a test video."""

from collections.abc import Sequence

import numpy as np

from videossl.errors import ConfigError
from videossl.features.clip_features import ClipFeatures

from .feature_sets import pair_sets, protocol_text, unit_videos

ROWS_AT_ONCE = 512


def clip_retrieval(
    gallery: ClipFeatures,
    queries: ClipFeatures,
    ks: Sequence[int] = (1, 5, 10, 20, 50),
    center: bool = False,
    average: str = 'features',
) -> dict:
    """Recall at k: the share of queries with a video of their class among the k nearest of the gallery.

    The protocol of "Self-supervised Spatiotemporal Learning via Video Clip Order Prediction", Xu et al., 2019: one
    vector for each video, the mean over its views; cosine similarity; the train split is the gallery, the test split the
    queries. No video is dropped: an unreadable query counts as wrong. Of equally similar gallery videos the first of the
    list is the nearest.

    Args:
        gallery, queries: features with labels.
        ks: numbers of neighbours. A number above the gallery's size means the whole gallery.
        center: subtract from each set its mean first ("Self-supervised Co-training for Video Representation
            Learning", Han, Xie, Zisserman, 2020, released code).
        average: ``'features'``: the mean over a video's views of the features as they are; ``'normalised'``: of the
            features scaled to length 1.

    Returns:
        ``R@k`` for each k, in 0..1; ``protocol``, a text; ``notes``, a list of texts.

    Raises:
        ValueError: the sets do not fit (:func:`~videossl.evaluation.feature_sets.pair_sets`) or an argument is unusable.
    """
    check_ks('ks', ks)
    sets = pair_sets(gallery, queries)
    ranks = first_hits(
        unit_videos(sets.gallery, average, center),
        sets.gallery_labels,
        unit_videos(sets.queries, average, center, sets.readable),
        sets.query_labels,
    )
    ranks = np.where(sets.readable, ranks, len(sets.gallery))
    size = len(sets.gallery)
    notes = sets.notes + [
        f'R@{k}: the gallery has {size} videos, so that all of it is looked at' for k in ks if k > size
    ]
    protocol = protocol_text(
        gallery, queries, ('gallery', 'queries'), *average_text(average, center), 'cosine similarity'
    )
    return {**{f'R@{k}': float((ranks < min(k, size)).mean()) for k in ks}, 'protocol': protocol, 'notes': notes}


def first_hits(
    gallery: np.ndarray, gallery_labels: np.ndarray, queries: np.ndarray, query_labels: np.ndarray
) -> np.ndarray:
    """Rank of the first gallery vector of each query's class, by descending dot product.

    Args:
        gallery, gallery_labels: [N, D] and [N].
        queries, query_labels: [M, D] and [M].

    Returns:
        int64 [M], 0 where the nearest vector is of the class, N where the gallery lacks the class.
    """
    indices = np.arange(len(gallery))
    ranks = np.empty(len(queries), dtype=np.int64)
    for start in range(0, len(queries), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        similarities = queries[rows] @ gallery.T
        same = gallery_labels[None] == query_labels[rows, None]
        candidates = np.where(same, similarities, -np.inf)
        hits = candidates.argmax(axis=1)[:, None]  # of equal similarities the first
        best = np.take_along_axis(candidates, hits, axis=1)
        before = (similarities > best) | ((similarities == best) & (indices < hits))
        ranks[rows] = np.where(same.any(axis=1), before.sum(axis=1), len(gallery))
    return ranks


def average_text(average: str, center: bool) -> list[str]:
    """The steps from the views of a video to one vector, in words."""
    return [
        f"mean of the views' {'normalised ' if average == 'normalised' else ''}features",
        *(['each set centered on its mean'] if center else []),
        'L2',
    ]


def check_ks(name: str, ks: Sequence[int]) -> None:
    """Refuse anything but a list of integers of at least 1."""
    is_list = isinstance(ks, Sequence) and not isinstance(ks, str) and len(ks) > 0
    if not is_list or not all(type(k) is int and k >= 1 for k in ks):
        raise ConfigError(f'{name} must be a list of integers of at least 1, got {ks!r}')
