"""What every evaluation asks of its two sets of features, and how it says what it measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from videossl.features.clip_features import ClipFeatures

AVERAGES = ('features', 'normalised')
NAMED_VIDEOS = 5


@dataclass
class FeatureSets:
    """Two sets that fit together, without the gallery's unreadable videos.

    Attributes:
        gallery, gallery_labels: float32 [N, K, D] and int64 [N], of readable videos.
        queries, query_labels: float32 [M, L, D] and int64 [M], of all videos; an unreadable one has zeros.
        readable: bool [M], which queries could be read.
        notes: what a reader of the result has to know.
    """

    gallery: np.ndarray
    gallery_labels: np.ndarray
    queries: np.ndarray
    query_labels: np.ndarray
    readable: np.ndarray
    notes: list[str]


def prepare(
    gallery: 'ClipFeatures', queries: 'ClipFeatures', names: tuple[str, str] = ('gallery', 'queries')
) -> FeatureSets:
    """Check two sets against each other.

    Unreadable gallery videos are left out, unreadable queries stay, to count as wrong; both are named in the notes, as
    are the classes of queries that the gallery lacks.

    Raises:
        ValueError: a set is empty, has no labels, no readable video or values that are no numbers, or the two have
            features of different lengths.
    """
    for name, features in zip(names, (gallery, queries)):
        if features.features.ndim != 3:
            raise ValueError(f'{name}: features must be [videos, views, channels], got shape {features.features.shape}')
        if len(features.features) == 0 or features.features.shape[1] == 0:
            raise ValueError(f'{name}: the split is empty ({listed(features)}); name a list with videos in it')
        if features.labels is None:
            raise ValueError(
                f'{name}: {listed(features)} has no labels, and without them nothing can be right or wrong; '
                'give each video a label in the list'
            )
        if not features.readable.any():
            raise ValueError(
                f'{name}: none of the {len(features.readable)} videos of {listed(features)} could be read; '
                'check the data root'
            )
        if not np.isfinite(features.features).all():
            raise ValueError(
                f'{name}: some features of {listed(features)} are infinite or not a number; did the '
                'training that made the checkpoint diverge?'
            )
    lengths = gallery.features.shape[2], queries.features.shape[2]
    if lengths[0] != lengths[1]:
        raise ValueError(
            f'the features of the {names[0]} have {lengths[0]} channels and those of the {names[1]} '
            f'{lengths[1]}: they are of different nets or poolings; extract both with one'
        )

    notes = []
    for name, features, consequence in zip(names, (gallery, queries), ('left out', 'counted as wrong')):
        unreadable = [path for path, readable in zip(features.paths, features.readable) if not readable]
        if unreadable:
            notes.append(
                f'{name}: {len(unreadable)} of {len(features.paths)} videos could not be read and are '
                f'{consequence}: {shortened(unreadable)}'
            )
    labels = gallery.labels[gallery.readable]
    missing = sorted(set(queries.labels.tolist()) - set(labels.tolist()))
    if missing:
        count = int(np.isin(queries.labels, missing).sum())
        verb, noun = ('is', 'class') if len(missing) == 1 else ('are', 'classes')
        notes.append(
            f'{len(missing)} {noun} of the {names[1]} {verb} not in the {names[0]}, so that {count} of '
            f'{len(queries.labels)} videos cannot be right: {noun} {shortened(missing)}'
        )
    differing = [
        key
        for key in ('clip_len', 'frame_interval', 'size', 'pooling', 'checkpoint')
        if gallery.protocol.get(key) != queries.protocol.get(key)
    ]
    if differing:
        notes.append(f'{names[0]} and {names[1]} were not extracted alike; they differ in {", ".join(differing)}')
    return FeatureSets(
        gallery.features[gallery.readable], labels, queries.features, queries.labels, queries.readable, notes
    )


def unit_videos(
    features: np.ndarray, average: str = 'features', centre: bool = False, counted: np.ndarray | None = None
) -> np.ndarray:
    """One vector of length 1 a video.

    Args:
        features: [N, K, D].
        average: ``'features'``: the mean of the views as they are; ``'normalised'``: of the views scaled to length 1.
        centre: subtract the mean over the videos of this set (CoCLR's released code does so).
        counted: bool [N], the videos that the mean is of. None: all.

    Returns:
        float32 [N, D]; a vector of zeros stays one.
    """
    if average not in AVERAGES:
        raise ValueError(f'average must be one of {AVERAGES}, got {average!r}')
    views = features.astype(np.float32, copy=False)
    videos = (unit(views) if average == 'normalised' else views).mean(axis=1)
    if centre:
        videos = videos - videos[slice(None) if counted is None else counted].mean(axis=0)
        if counted is not None:
            videos[~counted] = 0
    return unit(videos)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors scaled to length 1 along the last axis; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def described(gallery: 'ClipFeatures', queries: 'ClipFeatures', names: Sequence[str], *how: str) -> str:
    """The protocol of a number: how the clips were taken, and what became of their features."""
    made = queries.protocol

    def value(key: str, otherwise='?') -> str:
        return str(made.get(key, otherwise))

    clips = (
        f'{numbered(made.get("clips", queries.features.shape[1]), "clip")} x {numbered(made.get("crops", 1), "crop")}'
    )
    pixels = (
        f'{value("size")} px' if 'resize' not in made else f'resized to {sides(made["resize"])}, {value("size")} px'
    )
    parts = [
        clips,
        f'{value("clip_len")} frames at interval {value("frame_interval")}',
        pixels,
        f'{value("pooling")} pooling',
        *how,
    ]
    if 'precision' in made:
        parts.append(value('precision'))
    if isinstance(made.get('pixels'), dict) and made['pixels'].get('assumed'):
        parts.append("pixels assumed to be RGB with ImageNet's mean and std")
    if gallery.features.shape[1] != queries.features.shape[1]:
        parts.insert(1, f'{gallery.features.shape[1]} views of each {names[0]} video')
    parts += [
        f'{name} {listed(features)} ({len(features.paths)} videos)' for name, features in zip(names, (gallery, queries))
    ]
    return ', '.join(parts)


def made_with(features: 'ClipFeatures') -> str:
    """Checkpoint and pooling of a set, for a title."""
    checkpoint = features.protocol.get('checkpoint')
    # Folder and name: by its name alone one epoch_20.pth is like the other.
    where = 'an unnamed checkpoint' if checkpoint is None else '/'.join(str(checkpoint).split('/')[-2:])
    return f'{where}, {features.protocol.get("pooling", "?")} pooling'


def numbered(number: int, noun: str) -> str:
    """``1 clip``, ``10 clips``."""
    return f'{number} {noun}' + ('' if number == 1 else 's')


def sides(resize: int | Sequence[int]) -> str:
    """A short side, or width and height, in words: ``128``, ``171x128``."""
    return str(resize) if isinstance(resize, int) else 'x'.join(map(str, resize))


def listed(features: 'ClipFeatures') -> str:
    """The name of the list that the videos are from."""
    return str(features.protocol.get('split') or 'an unnamed list')


def shortened(entries: Sequence) -> str:
    """The first few of many, and how many more there are."""
    first = ', '.join(map(str, entries[:NAMED_VIDEOS]))
    return first if len(entries) <= NAMED_VIDEOS else f'{first} and {len(entries) - NAMED_VIDEOS} more'
