"""k nearest neighbours: accuracy of a vote of the nearest training videos."""

import numpy as np

from videossl.checks import check_integer, check_positive
from videossl.features.clip_features import ClipFeatures

from .feature_sets import pair_sets, protocol_text, unit_videos
from .retrieval import average_text


def knn(
    gallery: ClipFeatures,
    queries: ClipFeatures,
    k: int = 20,
    temperature: float = 0.07,
    center: bool = False,
    average: str = 'features',
) -> dict:
    """Top-1 and top-5 accuracy of a vote of the k nearest gallery videos, each of weight exp(similarity / temperature).

    The vote of "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", Wu, Xiong, Yu, Lin, 2018,
    section 3.4, on one vector for each video. An unreadable query counts as wrong. Of classes with equal votes the
    smallest label wins. A class without a vote is never among the five.

    Args:
        gallery, queries: features with labels.
        k: number of neighbours that vote, at most the whole gallery.
        temperature: of the votes; 0.07 in the paper.
        center, average: see :func:`~videossl.evaluation.clip_retrieval`.

    Returns:
        ``top1`` and ``top5``, in 0..1; ``protocol``, a text; ``notes``, a list of texts.

    Raises:
        ValueError: the sets do not fit (:func:`~videossl.evaluation.feature_sets.pair_sets`) or an argument is unusable.

    Examples:
        >>> def features(vectors, labels):  # as if extracted: one view of each video
        ...     return ClipFeatures(
        ...         np.array(vectors, np.float32)[:, None], np.array(labels), list('abc')[:len(labels)],
        ...         np.ones(len(labels), bool), {}
        ...     )
        >>> train = features([[1, 0], [0, 1]], [0, 1])
        >>> knn(train, features([[3, 1], [1, 9], [1, 2]], [0, 1, 0]), k=1)['top1']  # two of three
        0.6666666666666666
    """
    from sklearn.neighbors import KNeighborsClassifier  # here: it takes a second to import

    check_integer('k', k)
    check_positive('temperature', temperature)
    sets = pair_sets(gallery, queries)
    voters = min(k, len(sets.gallery))
    notes = list(sets.notes)
    if voters < k:
        notes.append(f'k = {k}: the gallery has {voters} videos, so that all of them vote')

    def weights(distances: np.ndarray) -> np.ndarray:
        # distance = 1 - similarity. A common factor of a query's votes cancels; this one prevents overflow.
        return np.exp((distances.min(axis=1, keepdims=True) - distances) / temperature)

    classifier = KNeighborsClassifier(voters, weights=weights, algorithm='brute', metric='cosine')
    classifier.fit(unit_videos(sets.gallery, average, center).astype(np.float64), sets.gallery_labels)
    votes = classifier.predict_proba(unit_videos(sets.queries, average, center, sets.readable).astype(np.float64))
    accuracies = top_k_accuracies(votes, classifier.classes_, sets.query_labels, sets.readable, voted=votes > 0)
    steps = (*average_text(average, center), f'{voters} nearest by cosine, votes exp(similarity / {temperature:g})')
    return {**accuracies, 'protocol': protocol_text(gallery, queries, ('gallery', 'queries'), *steps), 'notes': notes}


def top_k_accuracies(
    scores: np.ndarray, classes: np.ndarray, labels: np.ndarray, readable: np.ndarray, voted: np.ndarray | None = None
) -> dict[str, float]:
    """``top1`` and ``top5``: the share of videos whose label is among the k classes with the highest scores. Of equal scores
    the first class wins.

    Args:
        scores: [M, C].
        classes: [C], label of each column.
        labels, readable: [M]. An unreadable video counts as wrong.
        voted: bool [M, C], classes that may count. None: all.
    """
    order = np.argsort(-scores, axis=1, kind='stable')
    hits = classes[order] == labels[:, None]
    if voted is not None:
        hits &= np.take_along_axis(voted, order, axis=1)
    hits &= readable[:, None]
    return {f'top{k}': float(hits[:, :k].any(axis=1).mean()) for k in (1, 5)}
