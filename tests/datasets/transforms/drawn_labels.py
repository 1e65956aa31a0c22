"""The labels that samplers of speeds have drawn, those of videos that are too short to show them included."""

from contextlib import contextmanager
from unittest.mock import patch

from videossl.datasets.transforms import pace, relative_speed, segment_pace, transformations


@contextmanager
def as_drawn():
    with (
        patch.object(pace, 'visible_labels', lambda labels, *_: labels),
        patch.object(segment_pace, 'visible_labels', lambda labels, *_: labels),
        patch.object(relative_speed, 'visible_labels', lambda labels, *_: labels),
        patch.object(transformations, 'visible_labels', lambda labels, *_: labels),
    ):
        yield
