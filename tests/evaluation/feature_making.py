"""Hand-made features for the tests of what is measured on them."""

import numpy as np

from videossl.features.clip_features import ClipFeatures

PROTOCOL = dict(
    clips=2,
    crops=1,
    clip_len=16,
    frame_interval=1,
    size=112,
    pooling='avg',
    split='list.txt',
    config='c.py',
    checkpoint='c.pth',
)


def features_of(views, labels=None, readable=None, **protocol) -> ClipFeatures:
    """Features from nested lists: [N, K, D], or [N, D] for one view a video."""
    views = np.asarray(views, dtype=np.float32)
    if views.ndim == 2:
        views = views[:, None]
    return ClipFeatures(
        features=views,
        labels=None if labels is None else np.asarray(labels, dtype=np.int64),
        paths=[f'{number}.mp4' for number in range(len(views))],
        readable=np.ones(len(views), dtype=bool) if readable is None else np.asarray(readable, dtype=bool),
        protocol={**PROTOCOL, **protocol},
    )


def at_angles(degrees, length=1.0) -> np.ndarray:
    """Vectors of a plane [N, 2]; two of them are the more alike the closer their angles."""
    radians = np.deg2rad(np.asarray(degrees, dtype=np.float64))
    return length * np.stack([np.cos(radians), np.sin(radians)], axis=-1)
