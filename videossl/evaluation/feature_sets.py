"""Two sets of features, checked against each other, and the text of the protocol of a number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videossl.checks import check_choice
from videossl.features.clip_features import ClipFeatures
from videossl.features.protocols import VIEW_SETTINGS, views_text

AVERAGES = ('features', 'normalised')
NAMED_VIDEOS = 5


@dataclass
class FeatureSets:
    """Two sets that fit together, without the gallery's unreadable videos.

    Attributes:
        gallery, gallery_labels: float32 [N, K, D] and int64 [N], of readable videos.
        queries, query_labels: float32 [M, L, D] and int64 [M], of all videos, zeros for unreadable ones.
        readable: bool [M], of the queries.
        notes: sentences for the reader of the result.
    """

    gallery: np.ndarray
    gallery_labels: np.ndarray
    queries: np.ndarray
    query_labels: np.ndarray
    readable: np.ndarray
    notes: list[str]


def pair_sets(
    gallery: ClipFeatures, queries: ClipFeatures, names: tuple[str, str] = ('gallery', 'queries')
) -> FeatureSets:
    """Check two sets against each other.

    Unreadable gallery videos are left out. Unreadable queries stay and count as wrong. The notes name both, and the
    classes of queries that the gallery lacks.

    Raises:
        ValueError: a set is empty, has no labels, no readable video, or NaN or infinite values, or the two sets have
            features of different lengths.
    """
    check_pair(gallery, queries, names)
    labels = _labels_of(gallery, names[0]), _labels_of(queries, names[1])
    notes = []
    for name, features, consequence in zip(names, (gallery, queries), ('left out', 'counted as wrong')):
        unreadable = features.unreadable
        if unreadable:
            notes.append(
                f'{name}: {len(unreadable)} of {len(features.paths)} videos could not be read and are '
                f'{consequence}: {first_few(unreadable)}'
            )
    gallery_labels, query_labels = labels[0][gallery.readable], labels[1]
    missing = sorted(set(query_labels.tolist()) - set(gallery_labels.tolist()))
    if missing:
        count = int(np.isin(query_labels, missing).sum())
        verb, noun = ('is', 'class') if len(missing) == 1 else ('are', 'classes')
        notes.append(
            f'{len(missing)} {noun} of the {names[1]} {verb} not in the {names[0]}, so that {count} of '
            f'{len(query_labels)} videos cannot be right: {noun} {first_few(missing)}'
        )
    differing = differing_settings(gallery.protocol, queries.protocol)
    if differing:
        notes.append(f'{names[0]} and {names[1]} were not extracted alike; they differ in {", ".join(differing)}')
    return FeatureSets(
        gallery.features[gallery.readable], gallery_labels, queries.features, query_labels, queries.readable, notes
    )


def check_pair(gallery: ClipFeatures, queries: ClipFeatures, names: tuple[str, str] = ('gallery', 'queries')) -> None:
    """Check that neighbours of the queries can be found in the gallery, with labels or without.

    Raises:
        ValueError: a set is empty, has no readable video, or NaN or infinite values, or the two sets have features of
            different lengths.
    """
    for features, name in zip((gallery, queries), names):
        if features.features.ndim != 3:
            raise ValueError(f'{name}: features must be [videos, views, channels], got shape {features.features.shape}')
        if len(features.features) == 0 or features.features.shape[1] == 0:
            raise ValueError(f'{name}: the split is empty ({list_name(features)}); name a list with videos in it')
        if not features.readable.any():
            raise ValueError(
                f'{name}: none of the {len(features.readable)} videos of {list_name(features)} could be read; '
                'check the data root'
            )
        if not np.isfinite(features.features).all():
            raise ValueError(
                f'{name}: some features of {list_name(features)} are infinite or not a number; did the '
                'training that made the checkpoint diverge?'
            )
    lengths = gallery.features.shape[2], queries.features.shape[2]
    if lengths[0] != lengths[1]:
        raise ValueError(
            f'the features of the {names[0]} have {lengths[0]} channels and those of the {names[1]} '
            f'{lengths[1]}: they are of different nets or poolings; extract both with one'
        )


def differing_settings(first: dict, second: dict) -> list[str]:
    """The settings for which two extractions give one video other features. The number of views is none of them."""
    keys = [key for key in VIEW_SETTINGS if key not in ('num_clips', 'crops')] + ['precision', 'pixels']
    # One file's weights may have several names, and other weights the same.
    keys.append('weights_sha256' if 'weights_sha256' in first and 'weights_sha256' in second else 'checkpoint')
    return [key.removesuffix('_sha256') for key in keys if first.get(key) != second.get(key)]


def _labels_of(features: ClipFeatures, name: str) -> np.ndarray:
    """The labels of a set that can be evaluated."""
    if features.labels is None:
        raise ValueError(
            f'{name}: {list_name(features)} has no labels, and without them nothing can be right or wrong; '
            'give each video a label in the list'
        )
    return features.labels


def unit_videos(
    features: np.ndarray, average: str = 'features', center: bool = False, counted: np.ndarray | None = None
) -> np.ndarray:
    """One vector of length 1 for each video.

    Args:
        features: [N, K, D].
        average: ``'features'``: the mean of the views as they are; ``'normalised'``: of the views scaled to length 1.
        center: subtract the mean over the videos of this set, as CoCLR's released code does.
        counted: bool [N], videos that the mean is computed from. None: all.

    Returns:
        float32 [N, D]. A vector of zeros stays zeros.
    """
    check_choice('average', average, AVERAGES)
    views = features.astype(np.float32, copy=False)
    videos = (unit(views) if average == 'normalised' else views).mean(axis=1)
    if center:
        videos = videos - videos[slice(None) if counted is None else counted].mean(axis=0)
        if counted is not None:
            videos[~counted] = 0
    return unit(videos)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors scaled to length 1 along the last axis; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def protocol_text(gallery: ClipFeatures, queries: ClipFeatures, names: Sequence[str], *steps: str) -> str:
    """The protocol of a number: the views, the steps from features to the number, and the lists."""
    settings = dict(queries.protocol)
    settings.setdefault('num_clips', queries.features.shape[1])
    parts = [*views_text(settings), *steps]
    if 'precision' in settings:
        parts.append(str(settings['precision']))
    if isinstance(settings.get('pixels'), dict) and settings['pixels'].get('assumed'):
        parts.append("pixels assumed to be RGB with ImageNet's mean and std")
    if gallery.features.shape[1] != queries.features.shape[1]:
        parts.insert(1, f'{gallery.features.shape[1]} views of each {names[0]} video')
    parts += [
        f'{name} {list_name(features)} ({len(features.paths)} videos)'
        for name, features in zip(names, (gallery, queries))
    ]
    return ', '.join(parts)


def checkpoint_text(features: ClipFeatures) -> str:
    """Checkpoint and pooling of a set, for a title."""
    checkpoint = features.protocol.get('checkpoint')
    # With the folder: many runs have an epoch_20.pth.
    where = 'an unnamed checkpoint' if checkpoint is None else '/'.join(str(checkpoint).split('/')[-2:])
    return f'{where}, {features.protocol.get("pooling", "?")} pooling'


def list_name(features: ClipFeatures) -> str:
    """The name of the list of the videos."""
    return str(features.protocol.get('split') or 'an unnamed list')


def first_few(entries: Sequence) -> str:
    """The first entries, and the number of the others."""
    first = ', '.join(map(str, entries[:NAMED_VIDEOS]))
    return first if len(entries) <= NAMED_VIDEOS else f'{first} and {len(entries) - NAMED_VIDEOS} more'
