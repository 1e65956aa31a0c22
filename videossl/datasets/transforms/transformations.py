"""Clips of one video under different transformations (TransRank): speeds, backwards, rotations."""

from collections.abc import Sequence

import numpy as np

from videossl.checks import check_integer
from videossl.errors import ConfigError
from videossl.registry import TRANSFORMS

from .base import Transform
from .clip_sampler import IGNORED_LABEL, ClipLabel, ClipSampler, Labels, speed_in_words, visible_labels
from .pace_indices import place_offsets

NUM_ROTATIONS = 4


@TRANSFORMS.register_module()
class SampleTransformations(ClipSampler):
    """Sample clips of one video, each under another temporal transformation, with the transformation as label.

    Source: Haodong Duan, Nanxuan Zhao, Kai Chen, Dahua Lin, "TransRank: Self-supervised Video Representation Learning via
    Ranking-based Transformation Recognition", 2022. Which transformations, and whether clips share their start, are
    guesses.

    A transformation is a speed and a direction. Speed ``s`` takes every ``s``-th frame; a clip that runs backwards has the
    frames of the forward clip in reverse order. Clips are placed by :func:`~.pace_indices.place_offsets`: uniformly over
    all starts where they fit; in a shorter video they start at frame 0 and wrap around.

    Required and added keys are those of :class:`~.clip_sampler.ClipSampler`. The labels are int64 [V]:
    ``gt_transformation``, the index into ``transformations``, or -100 in videos that are too short for its speed
    (:func:`~.pace_indices.hides_speed`: at most twice its frames), and with ``with_rotation`` ``gt_rotation``, the number of
    quarter turns, 0 to 3. One rotation is drawn for a sample, so that it tells nothing about the order of its clips.
    :class:`RotateClips` then does it.

    Args:
        clip_len: Frames per clip T.
        transformations: Pairs of a speed, an integer of at least 1, and whether the clip runs backwards; at least two, each
            once. A clip of each is drawn, in this order.
        num_views: None: the clips above. K: K clips, each under a transformation drawn uniformly: the views of an auxiliary
            stage in front of this method.
        with_rotation: Whether to draw a rotation.
        shared_start: Whether all clips cover frames from the same first frame on. Otherwise their places are independent.

    Raises:
        ConfigError: at build time; the message names the parameter.
    """

    def __init__(
        self,
        clip_len: int = 16,
        transformations: Sequence[Sequence] = ((1, False), (2, False), (1, True)),
        num_views: int | None = None,
        with_rotation: bool = False,
        shared_start: bool = False,
    ) -> None:
        self.transformations = checked_transformations(transformations)
        super().__init__(clip_len, len(self.transformations) if num_views is None else num_views)
        self.num_views = num_views
        self.with_rotation = with_rotation
        self.shared_start = self.clips_move_together = shared_start
        labels = dict(gt_transformation=ClipLabel(self._in_words, of_spacing=True))
        if with_rotation:
            labels['gt_rotation'] = ClipLabel(rotation_in_words)
        self.labels = labels

    def sample(self, total_frames: int, results: dict) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        classes = np.arange(len(self.transformations))
        if self.num_views is not None:
            classes = np.random.randint(len(classes), size=self.num_views)
        speeds = [self.transformations[number][0] for number in classes.tolist()]
        labels = dict(gt_transformation=visible_labels(classes, total_frames, speeds))
        if self.with_rotation:
            labels['gt_rotation'] = np.full(len(classes), np.random.randint(NUM_ROTATIONS))
        offsets = np.stack([self._offsets(*self.transformations[number]) for number in classes.tolist()])
        if self.shared_start:
            return list(place_offsets(offsets, total_frames)), labels
        return [place_offsets(row, total_frames) for row in offsets], labels

    def _offsets(self, speed: int, backwards: bool) -> np.ndarray:
        offsets = np.arange(self.clip_len) * speed
        return offsets[::-1] if backwards else offsets

    def _in_words(self, label: int) -> str:
        speed, backwards = self.transformations[label]
        return speed_in_words(speed) + (', backwards' if backwards else '')

    def altered_positions(self, labels: Labels, view: int) -> np.ndarray:
        label = int(labels['gt_transformation'][view]) if 'gt_transformation' in labels else IGNORED_LABEL
        return np.full(self.clip_len, label != IGNORED_LABEL and self.transformations[label] != (1, False))


def checked_transformations(transformations: Sequence[Sequence]) -> tuple[tuple[int, bool], ...]:
    """Pairs of speed and direction; anything else is refused."""
    checked = []
    if isinstance(transformations, Sequence):
        for pair in transformations:
            if not isinstance(pair, Sequence) or len(pair) != 2 or not isinstance(pair[1], bool):
                raise ConfigError(
                    'each of transformations must be a speed and whether the clip runs backwards, such as (2, False), '
                    f'got {pair!r}'
                )
            check_integer('the speed in each of transformations', pair[0])
            checked.append((int(pair[0]), pair[1]))
    if len(checked) < 2 or len(set(checked)) < len(checked):
        raise ConfigError(f'transformations must be two or more, each once, got {transformations!r}')
    return tuple(checked)


def rotation_in_words(label: int) -> str:
    """Quarter turns in words."""
    return f'rotated by {90 * label} degrees' if label else 'upright'


@TRANSFORMS.register_module()
class RotateClips(Transform):
    """Rotate all frames of each clip by the quarter turns in ``gt_rotation``, counter-clockwise.

    Goes behind the crops, since frames must be square.

    Reads: ``imgs`` (V * T arrays [H, W, 3]), ``clip_len``, ``gt_rotation``.
    Writes: ``imgs``. Drops ``clip_geometry``, which cannot describe a rotation.

    Raises:
        ConfigError: in use, if frames are not square or no rotation was drawn; the message names what to set.
    """

    def transform(self, results: dict) -> dict:
        if 'gt_rotation' not in results:
            raise ConfigError(
                "RotateClips needs gt_rotation: set with_rotation=True of sample=dict(type='SampleTransformations'), or "
                'remove the step'
            )
        frames = results['imgs']
        height, width = frames[0].shape[:2]
        if height != width:
            raise ConfigError(
                f'RotateClips needs square frames, got {width}x{height}: crop before it, for instance '
                "dict(type='RandomCrop', size=112)"
            )
        turns = np.repeat(results['gt_rotation'], results['clip_len']).tolist()
        results['imgs'] = [np.ascontiguousarray(np.rot90(frame, turn)) for frame, turn in zip(frames, turns)]
        results.pop('clip_geometry', None)
        return results
