"""Spatial and colour transforms with a separate draw for every clip, and a record of crops and flips."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmaction.datasets.transforms import ColorJitter
from mmcv.transforms import Compose

from videossl.datasets.pipelines import Pipeline, build_pipeline
from videossl.errors import ConfigError
from videossl.registry import TRANSFORMS

from .base import Transform

# Keys in which mmaction2's transforms record crops and flips. Each child starts without them, so that a record found after
# it is its own.
_TRACES = ('crop_bbox', 'crop_quadruple', 'flip', 'flip_direction')


@dataclass
class ClipGeometry:
    """Which part of the decoded frame a clip shows, and how it is flipped.

    A pixel map of the decoded frame follows the clip when it is cut to ``crop_box``, resized to ``size``, and flipped.

    Args:
        crop_quadruple: (x, y, width, height) of the part shown, as fractions of the decoded frame, not flipped.
        original_size: (height, width) of the decoded frame.
        size: (height, width) of the clip's frames.
        flip: Mirrored left to right, after the crop.
        vertical_flip: Mirrored top to bottom, after the crop.
    """

    crop_quadruple: tuple[float, float, float, float]
    original_size: tuple[int, int]
    size: tuple[int, int]
    flip: bool = False
    vertical_flip: bool = False

    def after(self, traces: dict, size: Sequence[int]) -> 'ClipGeometry':
        """The geometry after one more transform.

        Args:
            traces: What the transform recorded: ``crop_quadruple`` (fractions of its input frame) or
                ``crop_bbox`` (pixels of it), ``flip`` and ``flip_direction``.
            size: (height, width) of the frames that it returned.
        """
        x, y, width, height = self._relative_crop(traces)
        # The new crop is relative to the current frame; a flip mirrors its position in the decoded frame.
        if self.flip:
            x = 1 - x - width
        if self.vertical_flip:
            y = 1 - y - height
        left, top, old_width, old_height = self.crop_quadruple
        flipped = bool(traces.get('flip', False))
        vertical = traces.get('flip_direction') == 'vertical'
        return ClipGeometry(
            crop_quadruple=(left + x * old_width, top + y * old_height, width * old_width, height * old_height),
            original_size=self.original_size,
            size=(int(size[0]), int(size[1])),
            flip=self.flip ^ (flipped and not vertical),
            vertical_flip=self.vertical_flip ^ (flipped and vertical),
        )

    def _relative_crop(self, traces: dict) -> tuple[float, float, float, float]:
        if 'crop_quadruple' in traces:
            x, y, width, height = (float(number) for number in traces['crop_quadruple'])
            return x, y, width, height
        if 'crop_bbox' in traces:
            left, top, right, bottom = (float(number) for number in traces['crop_bbox'])
            rows, columns = self.size
            return left / columns, top / rows, (right - left) / columns, (bottom - top) / rows
        return 0.0, 0.0, 1.0, 1.0

    @property
    def crop_box(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) of the part shown, in pixels of the decoded frame."""
        x, y, width, height = self.crop_quadruple
        rows, columns = self.original_size
        return x * columns, y * rows, (x + width) * columns, (y + height) * rows

    def to_dict(self) -> dict:
        return dict(vars(self), crop_box=self.crop_box)

    @classmethod
    def from_dict(cls, record: dict) -> 'ClipGeometry':
        return cls(**{key: value for key, value in record.items() if key != 'crop_box'})


def changes_colour_only(transform: Any) -> bool:
    """Whether a transform leaves the geometry of the frames alone.

    True for a transform with an attribute ``changes_colour_only = True`` (ours; set it on your own), for mmaction2's
    ``ColorJitter``, and for a wrapper such as mmcv's ``RandomApply`` whose ``transforms`` are all of that kind. Every
    other transform counts as geometric.
    """
    if isinstance(transform, (list, tuple, Compose)):
        return all(changes_colour_only(child) for child in transform)
    if hasattr(transform, 'changes_colour_only'):
        return bool(transform.changes_colour_only)
    if isinstance(getattr(transform, 'transforms', None), (list, tuple, Compose)):
        return changes_colour_only(transform.transforms)
    return isinstance(transform, ColorJitter)


def checked_groups(groups: Sequence[Sequence[int]]) -> list[list[int]]:
    """Groups of clips as lists; refused unless each of the clips 0, 1, ... is in one group, and no group is empty."""
    lists = [list(group) if isinstance(group, Sequence) else [] for group in groups]
    clips = [clip for group in lists for clip in group]
    if not clips or not all(lists) or sorted(clips, key=str) != sorted(range(len(clips)), key=str):
        raise ConfigError(f'EachClip: groups must name each of the clips 0, 1, ... exactly once, got {groups!r}')
    return lists


@TRANSFORMS.register_module()
class EachClip(Transform):
    """Runs spatial and colour transforms with a fresh random draw for each clip, or for each group of clips.

    The frames of a group run through the transforms as one long clip (``num_clips`` 1), so mmaction2's crops,
    ``Resize`` and ``Flip`` draw once for it; a colour transform that draws for every frame goes on to do so. The
    transforms work on ``imgs`` alone: boxes and keypoints do not follow, and other keys that a transform writes are
    dropped. The label is the exception (``Flip(flip_label_map=...)``): it is kept if all groups agree on it.

    Reads: ``imgs`` (V * T arrays [H, W, 3]), ``num_clips``, ``clip_len``, ``original_shape``; ``frame_inds`` if there, of
    which a group gets those of its clips.
    Writes: ``imgs``, ``img_shape``, ``clip_geometry`` and, if asked for, ``middle_frames`` (uint8 [V, H, W, 3]).

    ``clip_geometry`` is a list of V dicts: ``crop_quadruple`` (x, y, width, height of the part of the decoded frame
    that the clip shows, as fractions of it), ``crop_box`` (the same as left, top, right, bottom in pixels of the
    decoded frame), ``original_size`` and ``size`` ((height, width) of the decoded frame and of the clip), ``flip`` and
    ``vertical_flip``. A map of the decoded frame follows a clip when it is cut to the crop box, resized, and flipped
    last. The record is composed over all transforms, whatever their order, and over an ``EachClip`` before this one.
    Transforms that warp frames without telling (imgaug, torchvision) cannot be recorded.

    Args:
        transforms: Pipeline of the transforms, named steps or a list: configs (built in scope videossl) or built transforms.
        groups: Clips that share a draw, e.g. ``[[0], [1, 2]]``; every clip is in exactly one group. None: each clip is a
            group.
        keep_middle_frame: Keep frame ``clip_len // 2`` of each clip as it is before the first colour
            transform (see :func:`changes_colour_only`). Colour transforms must then follow the geometric ones.

    Raises:
        ValueError: at build time if a clip is in two groups, or a colour transform comes before a geometric
            one and the middle frame is asked for; in use if the groups do not cover the clips, the clips come out in
            different sizes, or a transform changes the number of frames.
    """

    def __init__(
        self, transforms: Pipeline, groups: Sequence[Sequence[int]] | None = None, keep_middle_frame: bool = False
    ) -> None:
        self.transforms: list[Any] = build_pipeline(transforms)
        self.groups = None if groups is None else checked_groups(groups)
        self.keep_middle_frame = keep_middle_frame

        colour = [changes_colour_only(child) for child in self.transforms]
        self._first_colour = colour.index(True) if True in colour else len(colour)
        if keep_middle_frame and not all(colour[self._first_colour :]):
            late = self.transforms[self._first_colour + colour[self._first_colour :].index(False)]
            raise ValueError(
                f'keep_middle_frame: {type(late).__name__} moves pixels after a colour transform, so no '
                'frame has the final geometry and the original colours; put the colour transforms last'
            )

    @property
    def fields_written(self) -> tuple[str, ...]:
        """Fields that this transform adds to the data sample."""
        return ('middle_frames',) if self.keep_middle_frame else ()

    def transform(self, results: dict) -> dict | None:
        clips = self._split(results)
        groups = [[clip] for clip in range(len(clips))] if self.groups is None else self.groups
        if sum(map(len, groups)) != len(clips):
            raise ConfigError(
                f'EachClip: groups {groups} are for {sum(map(len, groups))} clips, the sample has {len(clips)}; name each of its '
                'clips in train_dataloader.dataset.pipeline.clips.groups, or set it to None'
            )

        geometries = self._initial_geometries(results, clips)
        middle_frames: list[Any] = [None] * len(clips)
        labels = []
        for group in groups:
            outcome = self._run_group(
                _of_clips(results, group), [clips[clip] for clip in group], [geometries[clip] for clip in group]
            )
            if outcome is None:  # mmcv's way of rejecting a sample
                return None
            for clip, frames, geometry, middle_frame in zip(group, *outcome[:3]):
                clips[clip], geometries[clip], middle_frames[clip] = frames, geometry, middle_frame
            labels.append(outcome[3])

        sizes = sorted({frame.shape[:2] for frames in clips for frame in frames})
        if len(sizes) > 1:
            raise ValueError(
                f'the clips of a sample came out in different sizes (height, width): {sizes}. End the '
                'geometric transforms of EachClip with a fixed size: '
                "dict(type='Resize', scale=(112, 112), keep_ratio=False) or a crop such as "
                "dict(type='RandomCrop', size=112)"
            )

        self._take_over_label(results, labels)
        results['imgs'] = [frame for frames in clips for frame in frames]
        results['img_shape'] = sizes[0]
        results['clip_geometry'] = [geometry.to_dict() for geometry in geometries]
        if self.keep_middle_frame:
            results['middle_frames'] = np.stack(middle_frames)
        return results

    @staticmethod
    def _split(results: dict) -> list[list[np.ndarray]]:
        for key in ('keypoint', 'gt_bboxes'):
            if key in results:
                raise ValueError(f'EachClip moves pixels only: {key} would not follow the crops and flips of the clips')
        frames, num_clips, clip_len = _with_own_memory(results['imgs']), results['num_clips'], results['clip_len']
        if len(frames) != num_clips * clip_len:
            raise ValueError(
                f'{num_clips} clips of {clip_len} frames need {num_clips * clip_len} frames, got {len(frames)}'
            )
        return [frames[clip * clip_len : (clip + 1) * clip_len] for clip in range(num_clips)]

    @staticmethod
    def _initial_geometries(results: dict, clips: list[list[np.ndarray]]) -> list[ClipGeometry]:
        if len(results.get('clip_geometry', ())) == len(clips):
            return [ClipGeometry.from_dict(record) for record in results['clip_geometry']]
        size = clips[0][0].shape[:2]
        height, width = results.get('original_shape', size)
        original_size = (int(height), int(width))
        # Transforms before EachClip may have cropped and flipped all clips alike.
        traces = {key: results[key] for key in ('crop_quadruple', 'flip', 'flip_direction') if key in results}
        return [ClipGeometry((0.0, 0.0, 1.0, 1.0), original_size, original_size).after(traces, size)] * len(clips)

    def _run_group(
        self, results: dict, clips: list[list[np.ndarray]], geometries: list[ClipGeometry]
    ) -> tuple[list[list[np.ndarray]], list[ClipGeometry], list[np.ndarray | None], Any] | None:
        """Runs one group: (its clips, their geometries, their middle frames, its label), or None if rejected."""
        clip_len = results['clip_len']
        group = {key: value for key, value in results.items() if key not in _TRACES}
        group.setdefault('modality', 'RGB')  # Flip asks for it
        group.update(
            imgs=[frame for frames in clips for frame in frames],
            img_shape=clips[0][0].shape[:2],
            num_clips=1,
            clip_len=clip_len * len(clips),
        )
        middle_frames = None
        for index, child in enumerate(self.transforms):
            if index == self._first_colour:
                middle_frames = self._middle_frames(group, clip_len)
            transformed = child(group)
            if transformed is None:
                return None
            group = transformed
            if len(group['imgs']) != clip_len * len(clips):
                raise ValueError(f'{type(child).__name__} changed the number of frames: put it outside of EachClip')
            if 'lazy' not in group:  # a lazy transform announces the size before the frames have it
                group['img_shape'] = group['imgs'][0].shape[:2]
            traces = {key: group.pop(key) for key in _TRACES if key in group}
            geometries = [geometry.after(traces, group['img_shape']) for geometry in geometries]
        if 'lazy' in group:
            raise ValueError("lazy transforms inside EachClip must be followed by dict(type='Fuse') inside it")
        if middle_frames is None:
            middle_frames = self._middle_frames(group, clip_len)
        clips = [group['imgs'][start : start + clip_len] for start in range(0, len(group['imgs']), clip_len)]
        return clips, geometries, middle_frames, group.get('label')

    def _middle_frames(self, group: dict, clip_len: int) -> list[np.ndarray | None]:
        frames = group['imgs'][clip_len // 2 :: clip_len]
        # Copies, because colour transforms of other packages may work in place.
        return [frame.copy() for frame in frames] if self.keep_middle_frame else [None] * len(frames)

    @staticmethod
    def _take_over_label(results: dict, labels: list[Any]) -> None:
        if 'label' not in results:
            return
        if any(not np.array_equal(label, labels[0]) for label in labels[1:]):
            raise ValueError(
                f'a transform gave the clips of one sample different labels ({labels}); let all clips '
                'share one draw, e.g. groups=[[0, 1]] for two clips'
            )
        results['label'] = labels[0]


def _of_clips(results: dict, clips: Sequence[int]) -> dict:
    """The sample with the frame numbers of some of its clips alone."""
    frames = np.asarray(results.get('frame_inds', ()))
    if frames.size != results['num_clips'] * results['clip_len']:
        return results
    return {**results, 'frame_inds': frames.reshape(results['num_clips'], -1)[list(clips)].reshape(-1)}


def _with_own_memory(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The frames, each writable and in its own memory: mmaction2's Flip works in place."""
    owned, addresses = [], set()
    for frame in frames:
        address = frame.__array_interface__['data'][0]
        owned.append(frame.copy() if address in addresses or not frame.flags.writeable else frame)
        addresses.add(address)
    return owned
