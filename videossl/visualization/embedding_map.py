"""Maps of embeddings: videos as points in a plane, near where their features are near."""

from collections.abc import Sequence

import numpy as np

from .figures import new_figure

FEWEST_VIDEOS = 4


def embed_in_plane(features: np.ndarray, seed: int = 0, perplexity: float = 30.0) -> np.ndarray:
    """t-SNE ("Visualizing Data using t-SNE", van der Maaten, Hinton, 2008) of features, by scikit-learn.

    Args:
        features: [N, D], one vector a video, at least 4.
        seed: the same features and seed give the same map.
        perplexity: about how many neighbours a point has; lowered to a third of the points where there are few.

    Returns:
        float32 [N, 2].

    Raises:
        ValueError: too few videos, or features that are no numbers.
    """
    from sklearn.manifold import TSNE  # here: it takes a second to import

    if features.ndim != 2 or len(features) < FEWEST_VIDEOS:
        raise ValueError(f'a map needs features [N, D] of at least {FEWEST_VIDEOS} videos, got {features.shape}')
    if not np.isfinite(features).all():
        raise ValueError(
            'some features are infinite or not a number; did the training that made the checkpoint diverge?'
        )
    perplexity = min(perplexity, (len(features) - 1) / 3)
    # Its start from principal components needs two of them.
    init = 'pca' if features.shape[1] >= 2 else 'random'
    return TSNE(perplexity=perplexity, init=init, random_state=seed).fit_transform(features).astype(np.float32)


def draw_embedding_map(
    points: np.ndarray, labels: np.ndarray | None = None, class_names: Sequence[str] | None = None, title: str = ''
):
    """Points in a plane, coloured by class, as a matplotlib figure.

    Args:
        points: [N, 2].
        labels: int [N]; None: one colour.
        class_names: by label; shown, as the labels are, for up to 20 classes.
        title: of the figure.
    """
    import matplotlib

    if labels is not None and len(labels) != len(points):
        raise ValueError(f'{len(labels)} labels do not go with {len(points)} points')
    figure = new_figure(8, 6)
    axes = figure.add_subplot()
    if labels is None:
        axes.scatter(points[:, 0], points[:, 1], s=12)
    else:
        classes = np.unique(labels)
        colours = matplotlib.colormaps['tab20' if len(classes) <= 20 else 'hsv']
        for number, label in enumerate(classes):
            colour = colours(number) if len(classes) <= 20 else colours(number / len(classes))
            name = class_names[label] if class_names is not None and 0 <= label < len(class_names) else str(label)
            axes.scatter(points[labels == label, 0], points[labels == label, 1], s=12, color=colour, label=name)
        if len(classes) <= 20:
            axes.legend(fontsize=8, loc='center left', bbox_to_anchor=(1, 0.5))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=9)
    return figure
