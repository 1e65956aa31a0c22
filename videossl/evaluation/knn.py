"""k nearest neighbours: the class that the nearest training videos vote for."""

from typing import TYPE_CHECKING

import numpy as np

from .feature_sets import described, prepare, unit_videos
from .retrieval import how_averaged

if TYPE_CHECKING:
    from videossl.features.clip_features import ClipFeatures


def knn(
    gallery: 'ClipFeatures',
    queries: 'ClipFeatures',
    k: int = 20,
    temperature: float = 0.07,
    centre: bool = False,
    average: str = 'features',
) -> dict:
    """Top-1 and top-5 accuracy of a vote of the k nearest gallery videos, each of weight exp(similarity / temperature).

    The vote of "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", Wu, Xiong, Yu, Lin, 2018,
    section 3.4, on one vector a video. An unreadable query counts as wrong. Of classes with equal votes the smaller
    number wins; a class without a vote is never among the five.

    Args:
        gallery, queries: features with labels.
        k: how many neighbours vote. More than the gallery has: all of it.
        temperature: of the votes; Wu et al.: 0.07.
        centre, average: see :func:`~videossl.evaluation.clip_retrieval`.

    Returns:
        ``top1`` and ``top5``, in 0..1; ``protocol``, a text; ``notes``, a list of texts.

    Raises:
        ValueError: the sets do not fit (:func:`~videossl.evaluation.feature_sets.prepare`) or an argument is unusable.
    """
    from sklearn.neighbors import KNeighborsClassifier  # here: it takes a second to import

    if type(k) is not int or k < 1:
        raise ValueError(f'k must be a whole number of at least 1, got {k!r}')
    if not temperature > 0:
        raise ValueError(f'temperature must be positive, got {temperature!r}')
    sets = prepare(gallery, queries)
    voters = min(k, len(sets.gallery))
    notes = list(sets.notes)
    if voters < k:
        notes.append(f'k = {k}: the gallery has {voters} videos, so that all of them vote')

    def weights(distances: np.ndarray) -> np.ndarray:
        # The distance is 1 - similarity. A factor common to a query's votes cancels, and this one prevents overflow.
        return np.exp((distances.min(axis=1, keepdims=True) - distances) / temperature)

    classifier = KNeighborsClassifier(voters, weights=weights, algorithm='brute', metric='cosine')
    classifier.fit(unit_videos(sets.gallery, average, centre).astype(np.float64), sets.gallery_labels)
    votes = classifier.predict_proba(unit_videos(sets.queries, average, centre, sets.readable).astype(np.float64))
    accuracies = top_k_accuracies(votes, classifier.classes_, sets.query_labels, sets.readable, voted=votes > 0)
    how = (*how_averaged(average, centre), f'{voters} nearest by cosine, votes exp(similarity / {temperature:g})')
    return {**accuracies, 'protocol': described(gallery, queries, ('gallery', 'queries'), *how), 'notes': notes}


def top_k_accuracies(
    scores: np.ndarray,
    classes: np.ndarray,
    labels: np.ndarray,
    readable: np.ndarray,
    voted: np.ndarray | None = None,
    ks: tuple[int, ...] = (1, 5),
) -> dict[str, float]:
    """The share of videos whose label is among the k classes of highest score; of equal ones the first class counts.

    Args:
        scores: [M, C].
        classes: [C], the label that each column stands for.
        labels, readable: [M]. An unreadable video is wrong.
        voted: bool [M, C], which classes may count. None: all.
    """
    order = np.argsort(-scores, axis=1, kind='stable')
    hits = classes[order] == labels[:, None]
    if voted is not None:
        hits &= np.take_along_axis(voted, order, axis=1)
    hits &= readable[:, None]
    return {f'top{k}': float(hits[:, :k].any(axis=1).mean()) for k in ks}
