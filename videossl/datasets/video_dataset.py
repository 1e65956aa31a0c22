"""Videos, from a list or a folder."""
import os.path as osp
import random
from collections.abc import Callable, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from mmaction.datasets import VideoDataset as MMActionVideoDataset
from mmengine.logging import print_log

from videossl.registry import DATASETS, TRANSFORMS

from .annotations import read_annotations, scan_videos
from .transforms.decoding import VideoReadError

CHECKED_PATHS = 100


@DATASETS.register_module()
class VideoDataset(MMActionVideoDataset):
    """Videos to train or test on: mmaction2's ``VideoDataset``, which also reads unlabelled and unlisted videos.

    The random draws of a sample's transforms are a function of the seed and the position that
    :class:`~videossl.engine.DrawSampler` sends with the index; NumPy's, Python's and torch's generators are put back
    afterwards. With another sampler they go on from wherever they are.

    A video that cannot be read is named in the log. In training another one takes its place. In test mode it stays,
    as black frames with a label that no prediction equals, so that it counts as wrong.

    Args:
        ann_file: list of videos, relative to ``data_root``; see :func:`videossl.datasets.read_annotations`. None or
            empty: all videos below ``data_root``.
        pipeline: transforms.
        data_root: folder that the list, and the paths in it, are relative to.
        data_prefix: ``dict(video=...)``, folder below ``data_root`` that the paths are relative to.
        num_classes: labels must lie in 0..num_classes - 1. None: any label, or none.
        max_replacements: so many videos in a row may be unreadable before training stops.
        delimiter: between path and label in a text list.
        test_mode: see above.
    """

    def __init__(self,
                 ann_file: str | None = None,
                 pipeline: Sequence[dict | Callable] = (),
                 data_root: str | None = None,
                 data_prefix: dict | None = None,
                 num_classes: int | None = None,
                 max_replacements: int = 100,
                 delimiter: str = ' ',
                 test_mode: bool = False,
                 **kwargs) -> None:
        self.max_replacements = max_replacements
        self.unreadable: set[str] = set()
        if not ann_file and not data_root:
            raise ValueError('VideoDataset needs ann_file, data_root or both; in a config of videossl give them with '
                             '--data-root FOLDER and --ann-file LIST')
        super().__init__(
            ann_file or '',
            pipeline=[TRANSFORMS.build(dict(transform, _scope_=transform.get('_scope_', 'videossl')))
                      if isinstance(transform, dict) else transform for transform in pipeline],
            data_root=data_root or '',
            data_prefix=dict(data_prefix or dict(video='')),
            num_classes=num_classes,
            delimiter=delimiter,
            test_mode=test_mode,
            **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read the list, or scan the folder."""
        folder = self.data_prefix['video']
        if self.ann_file and self.ann_file != self.data_root:
            entries = read_annotations(self.ann_file, self.delimiter)
            self._check_labels(entries)
            self._check_paths(entries, folder)
        else:
            entries = [(path, None) for path in scan_videos(folder or self.data_root)]
            if self.num_classes is not None:
                raise ValueError(f'{self.data_root} was scanned for videos, which gives no labels, but num_classes='
                                 f'{self.num_classes} asks for them; name a list with ann_file (--ann-file)')
        return [dict(filename=osp.join(folder, path)) if label is None else
                dict(filename=osp.join(folder, path), label=label) for path, label in entries]

    def _check_labels(self, entries: list[tuple[str, int | None]]) -> None:
        if self.num_classes is None:
            return
        for number, (path, label) in enumerate(entries, 1):
            if label is None:
                raise ValueError(f'{self.ann_file} has no labels, but num_classes={self.num_classes} asks for them')
            if not 0 <= label < self.num_classes:
                raise ValueError(f'{self.ann_file}, entry {number}, "{path}": label {label} lies outside '
                                 f'0..{self.num_classes - 1}; correct the list or num_classes')

    def _check_paths(self, entries: list[tuple[str, int | None]], folder: str) -> None:
        first = [osp.join(folder, path) for path, _ in entries[:CHECKED_PATHS]]
        if not any(osp.exists(path) for path in first):
            raise FileNotFoundError(f'none of the first {len(first)} videos of {self.ann_file} exists, the first being '
                                    f'{first[0]}; correct data_root (--data-root) or data_prefix')

    def prepare_data(self, idx: int) -> dict:
        """One sample, through the pipeline."""
        with seeded(idx):
            for _ in range(self.max_replacements):
                info = self.get_data_info(int(idx))
                try:
                    return self._run_pipeline(info)
                except VideoReadError as error:
                    self._name_unreadable(error)
                    if self.test_mode:
                        return self._run_pipeline(dict(info, label=-1) if 'label' in info else info, blank=True)
                    last = error
                    idx = np.random.randint(len(self))
            raise RuntimeError(f'{self.max_replacements} videos in a row could not be read, so training stops. '
                               f'The last: {last}')

    def _run_pipeline(self, results: dict, blank: bool = False) -> dict:
        for transform in self.pipeline.transforms:
            if not opens_video(transform):
                results = transform(results)
            elif blank:
                results.update(video_reader=BlankVideo(), total_frames=len(BlankVideo()))
            else:
                results = open_video(transform, results)
        return results

    def _name_unreadable(self, error: VideoReadError) -> None:
        if error.filename not in self.unreadable:
            self.unreadable.add(error.filename)
            consequence = 'counts as wrong' if self.test_mode else 'another video takes its place'
            print_log(f'cannot read {error}; {consequence}', logger='current', level='WARNING')


def opens_video(transform: Callable) -> bool:
    """Whether a transform is one of mmaction2's that open a file (``DecordInit``, ``PyAVInit``, ``OpenCVInit``)."""
    return type(transform).__name__.endswith('Init')


def open_video(transform: Callable, results: dict) -> dict:
    """Open a file; whatever a decoder raises for it becomes one kind of error that names it."""
    filename = results['filename']
    try:
        results = transform(results)
    except Exception as error:
        reason = 'the file does not exist' if not osp.exists(filename) else f'{type(error).__name__}: {error}'
        raise VideoReadError(filename, reason) from error
    if results['total_frames'] < 1:
        raise VideoReadError(filename, 'it has no frames')
    return results


class BlankVideo:
    """Stands in for a video that cannot be read, where its place has to be kept: black frames."""

    size = (128, 171)

    def __len__(self) -> int:
        return 64

    def get_batch(self, indices: Sequence[int]) -> np.ndarray:
        """Black frames, uint8 [len(indices), H, W, 3]."""
        return np.zeros((len(indices), *self.size, 3), dtype=np.uint8)


@contextmanager
def seeded(draw: int):
    """Seed NumPy's, Python's and torch's generators from a draw's seed and position, and put them back afterwards; do
    nothing for a plain index."""
    position = getattr(draw, 'position', None)
    if position is None:
        yield
        return
    numpy_state, python_state, torch_state = np.random.get_state(), random.getstate(), torch.get_rng_state()
    words = np.random.SeedSequence([draw.seed, position]).generate_state(4)
    np.random.seed(words)
    random.seed(int(words[0]))
    torch.manual_seed(int(words[1]))
    try:
        yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        torch.set_rng_state(torch_state)
