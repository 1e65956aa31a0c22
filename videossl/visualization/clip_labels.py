"""The labels of a sample, in the words of the sampler and the other transforms that wrote them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from videossl.datasets import ClipLabeller, ClipSampler


@dataclass(frozen=True)
class Sampling:
    """What has labelled a sample, and the roles of its views.

    Args:
        sampler: says what the labels mean; None: not a :class:`~videossl.datasets.ClipSampler`, labels are shown as numbers.
        roles: what each view is for, e.g. ``('student', 'teacher')``; views beyond them have no role.
        labellers: the transforms behind the sampler that label clips, too.
    """

    sampler: ClipSampler | None = None
    roles: Sequence[str] = ()
    labellers: Sequence[ClipLabeller] = ()

    def describe_clip(self, labels: Mapping[str, Any], view: int) -> str:
        """The labels of one clip in words; empty without labels. Those of each transform behind the sampler begin a line."""
        words = '' if self.sampler is None else self.sampler.describe_clip(labels, view)
        return '\n'.join(
            part for part in (words, *(labeller.describe_clip(labels, view) for labeller in self.labellers)) if part
        )

    def draw(self, frames: np.ndarray, labels: Mapping[str, Any], view: int) -> np.ndarray:
        """The frames of a clip, uint8 RGB [T, H, W, 3], as the transforms behind the sampler mark them."""
        for labeller in self.labellers:
            frames = labeller.draw(frames, labels, view)
        return frames

    def describe_sample(self, labels: Mapping[str, Any]) -> str:
        """The labels of the sample as a whole in words: its action class and pretext labels; empty without labels.

        Examples:
            >>> Sampling().describe_sample(dict(gt_label=[7], gt_scene=3))
            'class 7; scene 3'
        """
        words = []
        if 'gt_label' in labels:
            classes = np.atleast_1d(labels['gt_label']).tolist()
            words.append(('class ' if len(classes) == 1 else 'classes ') + ', '.join(map(str, classes)))
        known = {} if self.sampler is None else self.sampler.labels
        for name, label in labels.items():
            # A mask, which has many numbers for each clip, is left out.
            if name != 'gt_label' and name not in known and np.ndim(label) < 2:
                words.append(f'{name.removeprefix("gt_")} {np.asarray(label).tolist()}')
        if self.sampler is not None:
            words.append(self.sampler.describe_sample(labels))
        return '; '.join(part for part in words if part)

    def describe_view(self, labels: Mapping[str, Any], view: int) -> str:
        """One view's number, role and labels in words.

        Examples:
            >>> Sampling(roles=('student', 'teacher')).describe_view({}, 1)
            'view 2 (teacher)'
        """
        role = f' ({self.roles[view]})' if view < len(self.roles) else ''
        words = self.describe_clip(labels, view)
        return f'view {view + 1}{role}' + (f': {words}' if words else '')

    def altered_positions(self, labels: Mapping[str, Any], view: int, clip_len: int) -> np.ndarray:
        """Which frames of a view the pretext task has altered, bool [clip_len]."""
        return np.zeros(clip_len, bool) if self.sampler is None else self.sampler.altered_positions(labels, view)

    def marked_positions(self, labels: Mapping[str, Any], view: int, clip_len: int) -> np.ndarray:
        """Which frames of a view are altered, or named by a label of a transform behind the sampler, bool [clip_len]."""
        marked = self.altered_positions(labels, view, clip_len)
        for labeller in self.labellers:
            marked = marked | labeller.named_positions(labels, view, clip_len)
        return marked


def frame_ranges(frames: Sequence[int], chosen: Sequence[bool] | np.ndarray) -> list[tuple[int, int]]:
    """First and last frame number of each stretch of chosen frames.

    A clip that wraps around to the first frames of its video, or restarts there, has more than one. Frames that run
    backwards are stretches of one frame each.

    Examples:
        >>> frame_ranges([4, 6, 8, 9], [False, True, True, False])
        [(6, 8)]
        >>> frame_ranges([36, 38, 0, 2], [True] * 4)
        [(36, 38), (0, 2)]
    """
    ranges: list[tuple[int, int]] = []
    before = None
    for frame, is_chosen in zip((int(frame) for frame in frames), chosen):
        if is_chosen and before is not None and frame > before:
            ranges[-1] = (ranges[-1][0], frame)
        elif is_chosen:
            ranges.append((frame, frame))
        before = frame if is_chosen else None
    return ranges
