"""Stored maps of pixels' classes, cut, resized and flipped as the clip was."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videossl.checks import check_integer, checked_size
from videossl.datasets.moving_shapes import load_masks
from videossl.datasets.parsing_store import HOW_TO_MAKE, ParsingStoreError, map_path, read_map
from videossl.datasets.readers import VideoReadError
from videossl.registry import TRANSFORMS

from .base import Transform


@TRANSFORMS.register_module()
class LoadParsingMap(Transform):
    """Reads the stored human parsing of a clip's middle frame. It runs after ``EachClip``.

    The alternative to running the parsing network in training (Wang et al., Human-Centered Prior-Guided and
    Task-Dependent Multi-Task Representation Learning for Action Recognition Pre-Training, 2022, Equation 2):
    ``tools/data/extract_parsing.py`` runs it beforehand on every n-th frame. The stored map nearest to frame
    ``clip_len // 2`` of the clip is cut to the clip's part of the frame, resized to ``size`` (bilinear, of the logarithms),
    and flipped like the clip. In a mirror image a left arm looks like a right one, so the classes of ``left_right_pairs``
    are swapped there, as if the network saw the flipped frame.

    Black frames in the place of a video that cannot be read (``is_blank``) have logits of 0: no class is likelier than another.

    Reads: ``filename``, ``frame_inds``, ``clip_len``, ``clip_geometry``, ``total_frames``, ``start_index`` and ``is_blank`` if
    there.
    Writes: ``parsing_logits``, float32 [1, C, h, w]: logarithms of probabilities, which are logits.

    Args:
        folder: The stored maps.
        view: Which clip of the sample.
        size: (height, width) of the result, or one number for both; None: the clip's own. The default is that of
            :class:`~videossl.models.ParsingDistillHead`, so that nothing is resized twice.
        left_right_pairs: Classes that are swapped in a mirror image; None: those that the stored maps name.
        data_root: The folder of the videos, which the paths of the maps are relative to. None: the shortest leading part
            of a video's path whose rest leads to a map.

    Raises:
        FileNotFoundError: In use, if there is no such folder.
        VideoReadError: In use, if this video has no map; in training another video then replaces it.
        ParsingStoreError: In use, if a file is damaged or of another video.
    """

    fields_written = ('parsing_logits',)

    def __init__(
        self,
        folder: str,
        view: int = 0,
        size: int | tuple[int, int] | None = 56,
        left_right_pairs: Sequence[tuple[int, int]] | None = None,
        data_root: str | None = None,
    ) -> None:
        if not folder or not isinstance(folder, (str, os.PathLike)):
            raise ValueError(
                f'LoadParsingMap: folder must name the folder of the stored maps, got {folder!r}. Make them '
                f'with: {HOW_TO_MAKE}'
            )
        check_integer('LoadParsingMap: view', view, 0)
        self.folder = str(folder)
        self.view = view
        self.size = checked_size('LoadParsingMap: size', size)
        self.left_right_pairs = (
            None if left_right_pairs is None else tuple((left, right) for left, right in left_right_pairs)
        )
        self.data_root = data_root
        self._roots: list[tuple[str, ...]] = []  # of videos whose map was found

    def transform(self, results: dict) -> dict:
        geometry = _geometry(results, self.view, type(self).__name__)
        if results.get('is_blank'):
            shape = (1, self._num_classes(), *(self.size or geometry['size']))
            results['parsing_logits'] = np.zeros(shape, dtype=np.float32)
            return results
        path = self._path(str(results['filename']))
        maps, info = read_map(path, _middle_frame(results, self.view))
        if results.get('total_frames', info.total_frames) != info.total_frames:
            raise ParsingStoreError(
                f'{path} is of a video with {info.total_frames} frames, {results["filename"]} has '
                f'{results["total_frames"]}. Delete it and make it again with: {HOW_TO_MAKE}'
            )
        maps = follow_clip(maps, geometry, self.size or geometry['size'])
        pairs = info.left_right_pairs if self.left_right_pairs is None else self.left_right_pairs
        # Upside down is a mirror image too; both flips together are a rotation.
        if geometry['flip'] != geometry['vertical_flip']:
            maps = swap_classes(maps, pairs)
        results['parsing_logits'] = np.ascontiguousarray(maps[None], dtype=np.float32)
        return results

    def _num_classes(self) -> int:
        """Classes of the stored maps, by any of them."""
        stored = next(Path(self.folder).rglob('*.npz'), None)
        if stored is None:
            raise FileNotFoundError(
                f'LoadParsingMap: there are no maps in {self.folder}. Make them with: {HOW_TO_MAKE}'
            )
        return len(read_map(stored, 0)[1].class_names)

    def _path(self, filename: str) -> Path:
        parts = Path(filename).parts
        if self.data_root is not None:
            candidates = [map_path(self.folder, os.path.relpath(filename, self.data_root))]
        else:
            known = [root for root in self._roots if parts[: len(root)] == root]
            starts = [len(root) for root in known] or [
                start for start in range(int(Path(filename).is_absolute()), len(parts)) if '..' not in parts[start:]
            ]
            candidates = [map_path(self.folder, Path(*parts[start:])) for start in starts]
        for candidate in candidates:
            if candidate.is_file():
                if self.data_root is None and not known:
                    self._roots.append(parts[: len(parts) - len(candidate.relative_to(self.folder).parts)])
                return candidate
        if not os.path.isdir(self.folder):
            raise FileNotFoundError(f'LoadParsingMap: there is no folder {self.folder}. Make it with: {HOW_TO_MAKE}')
        raise VideoReadError(
            filename,
            f'{self.folder} has no parsing of it, such as {candidates[-1]}; to complete the folder: {HOW_TO_MAKE}',
        )


@TRANSFORMS.register_module()
class LoadShapeMask(Transform):
    """Reads MovingShapes' mask of a clip's middle frame. It runs after ``EachClip``.

    Stands in for human parsing where there are no humans: class 1 is the moving shape, class 0 the background. The mask
    is cut, resized (to the nearest pixel) and flipped as the clip was. Black frames in the place of a video that cannot be read
    (``is_blank``) are background.

    Reads: ``filename``, ``frame_inds``, ``clip_len``, ``clip_geometry``, ``start_index`` and ``is_blank`` if there.
    Writes: ``parsing_mask``, uint8 [1, h, w].

    Args:
        view: Which clip of the sample.
        size: (height, width) of the result, or one number for both; None: the clip's own.

    Raises:
        FileNotFoundError: In use, if the video has no mask beside it as :func:`videossl.datasets.write_moving_shapes`
            writes it.
    """

    fields_written = ('parsing_mask',)

    def __init__(self, view: int = 0, size: int | tuple[int, int] | None = None) -> None:
        check_integer('LoadShapeMask: view', view, 0)
        self.view = view
        self.size = checked_size('LoadShapeMask: size', size)

    def transform(self, results: dict) -> dict:
        geometry = _geometry(results, self.view, type(self).__name__)
        if results.get('is_blank'):
            results['parsing_mask'] = np.zeros((1, *(self.size or geometry['size'])), dtype=np.uint8)
            return results
        try:
            masks = load_masks(results['filename'])
        except (FileNotFoundError, IndexError):  # a short path has no folder where the masks could be
            raise FileNotFoundError(
                f'LoadShapeMask: {results["filename"]} has no masks where MovingShapes has them. Make a '
                'set with: videossl shapes FOLDER'
            ) from None
        mask = masks[_middle_frame(results, self.view)].astype(np.uint8)
        results['parsing_mask'] = np.ascontiguousarray(
            follow_clip(mask, geometry, self.size or geometry['size'], nearest=True)[None]
        )
        return results


def follow_clip(maps: np.ndarray, geometry: dict, size: Sequence[int], nearest: bool = False) -> np.ndarray:
    """Cut, resize and flip maps of a whole frame as a clip was.

    Args:
        maps: [..., h, w], of any size: the frame's own or another.
        geometry: One record of ``clip_geometry``, see :class:`EachClip`.
        size: (height, width) of the result.
        nearest: Take the nearest pixel, for classes, instead of interpolating linearly between pixels.

    Returns:
        [..., height, width].
    """
    x, y, width, height = geometry['crop_quadruple']
    for axis, start, length, new in ((-2, y, height, size[0]), (-1, x, width, size[1])):
        old = maps.shape[axis]
        # Centers of the new pixels in old pixels; a center is half a pixel from the pixel's edge.
        centers = (start + (np.arange(new) + 0.5) / new * length) * old
        if nearest:
            maps = np.take(maps, np.clip(np.floor(centers), 0, old - 1).astype(int), axis=axis)
            continue
        centers = np.clip(centers - 0.5, 0, old - 1)
        before = np.floor(centers).astype(int)
        share = (centers - before).astype(maps.dtype).reshape((-1, 1) if axis == -2 else (-1,))
        after = np.minimum(before + 1, old - 1)
        maps = (1 - share) * np.take(maps, before, axis=axis) + share * np.take(maps, after, axis=axis)
    if geometry['flip']:
        maps = maps[..., ::-1]
    if geometry['vertical_flip']:
        maps = maps[..., ::-1, :]
    return maps


def swap_classes(maps: np.ndarray, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Maps [C, ...] with the classes of each pair swapped."""
    order = np.arange(len(maps))
    for left, right in pairs:
        if not 0 <= min(left, right) <= max(left, right) < len(maps):
            raise ValueError(f'left_right_pairs names the classes {(left, right)}, the maps have {len(maps)}')
        order[[left, right]] = right, left
    return maps[order]


def _middle_frame(results: dict, view: int) -> int:
    """Index in the video of the frame that ``EachClip(keep_middle_frame=True)`` keeps."""
    clip_len = results['clip_len']
    return int(np.asarray(results['frame_inds'])[view * clip_len + clip_len // 2]) - results.get('start_index', 0)


def _geometry(results: dict, view: int, reader: str) -> dict:
    if 'clip_geometry' not in results:
        raise KeyError(f'{reader} follows the crop and flip of a clip, which EachClip records; put it after EachClip')
    if view >= len(results['clip_geometry']):
        raise ValueError(f'{reader}: view={view}, but the sample has {len(results["clip_geometry"])} clips')
    return results['clip_geometry'][view]
