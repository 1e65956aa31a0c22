"""Retrieval sheets: a query video a row, and its nearest neighbours beside it, with labels framed by right and wrong."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from videossl.checks import check_integer
from videossl.datasets.readers.opening import open_as_training_does
from videossl.datasets.transforms import DecodeClips, VideoReadError
from videossl.evaluation.feature_sets import check_pair, unit_videos
from videossl.features.clip_features import ClipFeatures

from .clip_sheet import thumbnail_row
from .figures import new_figure

RIGHT, WRONG, QUERY = '#1f9d3a', '#d62020', '#555555'
UNLABELLED = '#888888'
FRAME_WIDTH = 4  # pixels
LONGEST_NAME = 18  # characters of a file's name


@dataclass
class RetrievalRow:
    """A query and its neighbours, nearest first.

    Args:
        query: the video.
        query_class: its class in words; without labels the name of its file.
        neighbours: videos.
        neighbour_classes: the same of each.
        right: whether each is of the query's class; None without labels.
        similarities: of each, cosine.
    """

    query: str
    query_class: str
    neighbours: list[str]
    neighbour_classes: list[str]
    right: list[bool | None]
    similarities: list[float]


def nearest(gallery: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest gallery vectors of each query by dot product, nearest first; of equal ones the first in the gallery.

    Args:
        gallery: [N, D] of length 1.
        queries: [M, D] of length 1.
        k: at least 1; more than N: N.

    Returns:
        Indices into the gallery, int64 [M, k], and their similarities, [M, k].
    """
    check_integer('k', k)
    similarities = queries @ gallery.T
    indices = np.argsort(-similarities, axis=1, kind='stable')[:, :k]
    return indices, np.take_along_axis(similarities, indices, axis=1)


def retrieval_rows(
    gallery: ClipFeatures,
    queries: ClipFeatures,
    data_root: str = '',
    class_names: Sequence[str] | None = None,
    *,
    shown: int = 8,
    k: int = 5,
    average: str = 'features',
    center: bool = False,
    seed: int = 0,
) -> list[RetrievalRow]:
    """The rows of a sheet. Queries that could not be read have no row.

    Where one of the two sets has no labels, no neighbour is right or wrong, and videos without a label go by their names.

    Args:
        gallery, queries: features, with labels or without.
        data_root: folder that their paths are relative to.
        class_names: words by label.
        shown: number of queries, drawn at random.
        k: neighbours of each.
        average, center: see :func:`~videossl.evaluation.feature_sets.unit_videos`.
        seed: of the choice of queries.

    Raises:
        ValueError: the two sets do not fit, or ``shown`` is not positive.
    """
    if shown < 1:
        raise ValueError(f'the number of queries to show must be at least 1, got {shown}')
    check_pair(gallery, queries)
    indices = np.flatnonzero(gallery.readable)
    places, similarities = nearest(
        unit_videos(gallery.features[indices], average, center),
        unit_videos(queries.features, average, center, queries.readable),
        k,
    )
    candidates = np.flatnonzero(queries.readable)
    rows = []
    for query in np.sort(np.random.default_rng(seed).permutation(candidates)[:shown]):
        found = indices[places[query]]
        right: list[bool | None] = [None] * len(found)
        if gallery.labels is not None and queries.labels is not None:
            right = (gallery.labels[found] == queries.labels[query]).tolist()
        rows.append(
            RetrievalRow(
                query=os.path.join(data_root, queries.paths[query]),
                query_class=video_name(queries, query, class_names),
                neighbours=[os.path.join(data_root, gallery.paths[place]) for place in found],
                neighbour_classes=[video_name(gallery, place, class_names) for place in found],
                right=right,
                similarities=similarities[query].tolist(),
            )
        )
    return rows


def video_name(features: ClipFeatures, place: int, class_names: Sequence[str] | None = None) -> str:
    """The class of a video in words; without labels the name of its file, without ending, and of a long one the two ends."""
    if features.labels is not None:
        return class_name(int(features.labels[place]), class_names)
    name = os.path.splitext(os.path.basename(features.paths[place]))[0]
    return name if len(name) <= LONGEST_NAME else f'{name[: LONGEST_NAME - 10]}...{name[-7:]}'


def class_name(label: int, class_names: Sequence[str] | None = None) -> str:
    """A class in words; its number where there are none."""
    return class_names[label] if class_names and 0 <= label < len(class_names) else f'class {label}'


def thumbnail(filename: str, size: int = 96) -> np.ndarray:
    """The middle frame of a video, as a square with the whole frame in it: uint8 RGB [size, size, 3].

    A video that cannot be read is grey, with a cross.
    """
    square = np.full((size, size, 3), 255, dtype=np.uint8)
    try:
        results = open_as_training_does(str(filename))
        frame = DecodeClips()(dict(results, frame_inds=np.array([results['total_frames'] // 2])))['imgs'][0]
    except VideoReadError:
        square[:] = 190
        cv2.line(square, (0, 0), (size - 1, size - 1), (90, 90, 90), 2)
        cv2.line(square, (size - 1, 0), (0, size - 1), (90, 90, 90), 2)
        return square
    scale = size / max(frame.shape[:2])
    height, width = (max(round(side * scale), 1) for side in frame.shape[:2])
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    return square


def draw_retrieval_sheet(rows: Sequence[RetrievalRow], title: str = ''):
    """A retrieval sheet as a matplotlib figure: the query, grey-framed, then its neighbours, green right and red wrong.

    Neighbours of which it is not known have frames of a lighter grey.

    Raises:
        ValueError: there are no rows.
    """
    if not rows:
        raise ValueError('there are no queries to show')
    columns = 1 + max(len(row.neighbours) for row in rows)
    figure = new_figure(1.4 * columns, 1.75 * len(rows) + 0.5)
    figure.suptitle(title, fontsize=10)
    for number, row in enumerate(rows):
        texts = [f'query: {row.query_class}'] + [
            f'{name}\n{similarity:.4f}' for name, similarity in zip(row.neighbour_classes, row.similarities)
        ]
        colours = [QUERY] + [UNLABELLED if right is None else RIGHT if right else WRONG for right in row.right]
        for column, (video, text, colour) in enumerate(zip([row.query, *row.neighbours], texts, colours)):
            axes = figure.add_subplot(len(rows), columns, number * columns + column + 1)
            axes.imshow(thumbnail_row(thumbnail(video)[None], [True], colour, FRAME_WIDTH))
            axes.set_axis_off()
            axes.set_title(text, fontsize=7, color=colour)
    return figure
