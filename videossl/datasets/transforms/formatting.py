"""Packing: from frames and labels to the model's input."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from mmaction.structures import ActionDataSample

from videossl.errors import ConfigError
from videossl.registry import TRANSFORMS

from .base import Transform

META_KEYS = (
    *('filename', 'sample_idx', 'total_frames', 'avg_fps', 'original_shape', 'img_shape', 'num_clips', 'clip_len'),
    *('frame_interval', 'frame_inds', 'clip_geometry'),
)


@TRANSFORMS.register_module()
class PackClips(Transform):
    """Packs the clips of a sample and its labels; the last transform of a pipeline.

    Returns ``inputs``, a contiguous uint8 tensor [V, 3, T, H, W], and ``data_samples``, an mmaction2
    ``ActionDataSample``, so that a batch goes into our pretrainers and into mmaction2's ``Recognizer3D`` alike. Pixels
    stay uint8: a quarter of the bytes to move to the device, where the data preprocessor converts and normalises them.

    Reads: ``imgs`` (V * T uint8 arrays [H, W, 3], clip after clip), ``clip_len`` (T), every ``gt_*`` (a pretext label, becomes
    a field of that name, int64), ``label`` (the action class or classes, becomes ``gt_label``), ``middle_frames`` ([V, H,
    W, 3], becomes a field of that name, uint8 [V, 3, H, W]), ``target_frames`` ([N, H, W, 3], becomes a field of that name,
    uint8 [3, N, H, W]), ``parsing_logits`` ([V or 1, C, h, w], becomes a float32 field), ``parsing_mask`` ([V or 1, H, W],
    becomes an int64 field), ``clip_sampler`` (says which labels are per clip) and the meta keys; of these only ``imgs`` and
    ``clip_len`` must be there. V is counted from the frames: after mmaction2's
    ``ThreeCrop`` it is the number of clips times the number of crops.

    Args:
        meta_keys: What the data sample remembers as meta information, where it is known.

    Raises:
        ValueError: if the frames are not uint8, differ in size or are no multiple of the clip length, or a label
            has the wrong length or is not a whole number.
    """

    def __init__(self, meta_keys: Sequence[str] = META_KEYS) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        inputs = _pack_frames(results['imgs'], results['clip_len'])
        num_clips = len(inputs)

        sample = ActionDataSample()
        if 'label' in results:
            sample.set_gt_label(results['label'])
        known_labels = results['clip_sampler'].labels if 'clip_sampler' in results else {}
        for key, label in results.items():
            if key.startswith('gt_') and label is not None:
                per_clip = key in known_labels and known_labels[key].per_clip
                sample.set_field(_pack_label(key, label, num_clips if per_clip else None), key)
        if results.get('middle_frames') is not None:
            frames = np.ascontiguousarray(np.asarray(results['middle_frames']).transpose(0, 3, 1, 2))
            sample.set_field(torch.from_numpy(frames), 'middle_frames')
        if results.get('target_frames') is not None:
            frames = np.ascontiguousarray(np.asarray(results['target_frames']).transpose(3, 0, 1, 2))
            sample.set_field(torch.from_numpy(frames), 'target_frames')
        for key, dtype, num_axes in (('parsing_logits', np.float32, 4), ('parsing_mask', np.int64, 3)):
            if results.get(key) is not None:
                sample.set_field(_pack_maps(key, results[key], dtype, num_axes, num_clips), key)
        for key in self.meta_keys:
            if key in results:  # set_metainfo would copy values that nothing else holds
                sample.set_field(results[key], key, field_type='metainfo')
        return dict(inputs=inputs, data_samples=sample)


def _pack_label(key: str, label: Any, num_clips: int | None) -> torch.Tensor:
    """A copy of a label as a tensor; with ``num_clips`` it must have one entry for each clip."""
    label = np.asarray(label)
    if not np.issubdtype(label.dtype, np.integer):
        raise ValueError(f'{key} must be of whole numbers, got {label.dtype}')
    if num_clips is not None and label.shape[:1] != (num_clips,):
        raise ValueError(
            f'{key} needs one entry for each of the {num_clips} clips, got shape {label.shape}; if it '
            f'describes the sample as a whole, its sampler must say so: ClipLabel(per_clip=False)'
        )
    return torch.from_numpy(label.astype(np.int64))  # astype copies: the tensor is the sample's own


def _pack_maps(key: str, maps: Any, dtype: type, num_axes: int, num_clips: int) -> torch.Tensor:
    """A copy of the maps of each clip, or of one clip, as a tensor."""
    maps = np.asarray(maps)
    if maps.ndim != num_axes or len(maps) not in (1, num_clips):
        raise ValueError(
            f'{key} needs {num_axes} axes, the first as long as there are clips ({num_clips}) or 1, got shape '
            f'{maps.shape}'
        )
    if dtype is np.int64 and not np.issubdtype(maps.dtype, np.integer):
        raise ValueError(f'{key} must be of whole numbers, got {maps.dtype}')
    return torch.from_numpy(maps.astype(dtype))


def _pack_frames(frames: Sequence[np.ndarray] | np.ndarray, clip_len: int) -> torch.Tensor:
    """V * T arrays [H, W, 3] to one tensor [V, 3, T, H, W]."""
    if len(frames) == 0 or len(frames) % clip_len:
        raise ValueError(f'{len(frames)} frames are not a whole number of clips of {clip_len} frames')
    height, width = frames[0].shape[:2]
    if not height or not width:
        raise ConfigError(
            f'frames have {width}x{height} pixels; set the size of the crop in the pipeline, as in '
            'train_dataloader.dataset.pipeline.clips.transforms.crop, to 1 or more'
        )
    packed = np.empty((len(frames) // clip_len, 3, clip_len, height, width), dtype=np.uint8)
    # Writing each frame to its destination moves every byte once; stacking and then transposing moves it twice.
    for index, frame in enumerate(frames):
        if frame.dtype != np.uint8:
            raise ValueError(f'frames must be uint8, got {frame.dtype}: the data preprocessor converts and normalises')
        if frame.shape != (height, width, 3):
            raise ValueError(
                f'frames must have one size, but {frame.shape} follows {(height, width, 3)}: add a Resize '
                'or a crop of fixed size'
            )
        planes = packed[index // clip_len, :, index % clip_len]
        if not _split(frame, planes):
            planes[:] = frame.transpose(2, 0, 1)
    return torch.from_numpy(packed)


def _split(frame: np.ndarray, planes: np.ndarray) -> bool:
    """Write a frame [H, W, 3] to [3, H, W], in half of NumPy's time. Returns whether OpenCV wrote to this memory."""
    outputs = list(planes)
    # A view is copied first: row by row OpenCV takes ten times as long. It returns the arrays that it has written to.
    return cv2.split(np.ascontiguousarray(frame), outputs)[0] is outputs[0]
