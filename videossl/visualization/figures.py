"""Parts of the matplotlib figures of this package. matplotlib is imported when it is used."""

from collections.abc import Sequence

import numpy as np


def new_figure(width: float, height: float):
    """An empty matplotlib figure, in inches, that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def show_frames(axes, picture: np.ndarray, columns: int, numbers: Sequence | np.ndarray) -> None:
    """Show frames side by side on matplotlib axes, with their numbers below.

    Args:
        axes: the axes.
        picture: uint8 RGB [H, W, 3], ``columns`` frames of equal width.
        columns: number of frames that fit into the picture's width.
        numbers: of the first frames; empty: no numbers.
    """
    axes.imshow(picture)
    cell = picture.shape[1] / columns
    axes.set_xticks((np.arange(len(numbers)) + 0.5) * cell - 0.5, [str(number) for number in numbers], fontsize=7)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
