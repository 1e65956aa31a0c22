"""The effective rank of features: in how many directions they vary."""

import numpy as np


def effective_rank(features: np.ndarray) -> float:
    """exp of the entropy of the singular values of a matrix of features, divided by their sum.

    "The Effective Rank: a Measure of Effective Dimensionality", Roy, Vetterli, 2007; "RankMe: Assessing the Downstream
    Performance of Pretrained Self-Supervised Representations by Their Rank", Garrido, Balestriero, Najman, LeCun, 2023,
    which adds 1e-7 to each share. The features are not centred, so their mean counts as a direction. Ranks compare
    between matrices of one shape only.

    Args:
        features: [N, D], or [..., D]: N videos, clips or embeddings.

    Returns:
        From 1, where all rows are multiples of one another, to min(N, D). 0 for a matrix of zeros.

    Raises:
        ValueError: there are no features, or some are infinite or not a number.

    Examples:
        >>> round(effective_rank(np.eye(4)), 3)
        4.0
        >>> round(effective_rank(np.ones((4, 8))), 3)
        1.0
    """
    matrix = np.asarray(features, dtype=np.float64)
    if matrix.ndim < 2 or matrix.size == 0 or not np.isfinite(matrix).all():
        raise ValueError(f'the effective rank needs finite features [N, D], got an array of shape {matrix.shape}')
    values = np.linalg.svd(matrix.reshape(-1, matrix.shape[-1]), compute_uv=False)
    shares = values[values > 0] / max(values.sum(), np.finfo(np.float64).tiny)
    return float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 0.0
