"""Confusion matrices."""

from collections.abc import Sequence

import numpy as np

from .figures import new_figure

MOST_NUMBERS = 20  # classes whose counts are written into the cells


def count_confusions(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> tuple[np.ndarray, int]:
    """The confusion matrix, by scikit-learn.

    Args:
        labels: int [N]; one outside ``0 .. num_classes - 1`` marks a video that could not be read.
        predictions: int [N], from 0.
        num_classes: C.

    Returns:
        int64 [C, C], rows the true class, columns the predicted one; and the number of videos that could not be read and
        are in no row.

    Raises:
        ValueError: there is nothing to count, or a prediction is not a class.
    """
    from sklearn.metrics import confusion_matrix  # here: it takes a second to import

    labels, predictions = np.asarray(labels).reshape(-1), np.asarray(predictions).reshape(-1)
    if len(labels) == 0 or len(labels) != len(predictions):
        raise ValueError(f'{len(labels)} labels and {len(predictions)} predictions: there must be as many, and some')
    if predictions.min() < 0 or predictions.max() >= num_classes:
        raise ValueError(
            f'predictions run from {predictions.min()} to {predictions.max()}, outside 0..{num_classes - 1}'
        )
    known = (labels >= 0) & (labels < num_classes)
    counts = np.zeros((num_classes, num_classes), dtype=np.int64)
    if known.any():
        counts += confusion_matrix(labels[known], predictions[known], labels=range(num_classes))
    return counts, int((~known).sum())


def draw_confusion_matrix(
    counts: np.ndarray, class_names: Sequence[str] | None = None, unreadable: int = 0, title: str = ''
):
    """A confusion matrix as a matplotlib figure; colours are shares of the true class's videos.

    Args:
        counts: int [C, C], see :func:`count_confusions`.
        class_names: C words; None: numbers.
        unreadable: number of videos in no row; they count as wrong in the accuracy.
        title: of the figure; the accuracy follows.
    """
    num_classes = len(counts)
    if counts.shape != (num_classes, num_classes) or (class_names is not None and len(class_names) != num_classes):
        raise ValueError(
            f'a matrix {counts.shape} must be square and have a name for each class, got '
            f'{None if class_names is None else len(class_names)} names'
        )
    names = list(class_names or map(str, range(num_classes)))
    total = int(counts.sum()) + unreadable
    side = min(max(4.5, 0.45 * num_classes + 2), 24)
    figure = new_figure(side + 1, side)
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    picture = axes.imshow(shares, cmap='Blues', vmin=0, vmax=1)
    figure.colorbar(picture, label='share of the true class')
    size = 8 if num_classes <= 40 else 4
    axes.set_xticks(range(num_classes), names, rotation=90, fontsize=size)
    axes.set_yticks(range(num_classes), names, fontsize=size)
    axes.set_xlabel('predicted')
    axes.set_ylabel('true')
    if num_classes <= MOST_NUMBERS:
        for row, column in np.argwhere(counts):
            color = 'white' if shares[row, column] > 0.5 else 'black'
            axes.text(column, row, str(counts[row, column]), ha='center', va='center', fontsize=8, color=color)
    right = int(np.trace(counts))
    line = f'{right} of {total} right ({right / max(total, 1):.1%})'
    if unreadable:
        line += f'; {unreadable} could not be read: wrong, and in no row'
    axes.set_title('\n'.join(text for text in (title, line) if text), fontsize=9)
    return figure
