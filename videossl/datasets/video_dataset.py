"""Videos, from a list or a folder."""

import hashlib
import os
import os.path as osp
import pickle
import random
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmaction.datasets import VideoDataset as MMActionVideoDataset
from mmaction.datasets.transforms import DecordDecode, DecordInit
from mmcv.transforms import BaseTransform
from torch.utils.data import get_worker_info

from videossl.checks import check_choice, check_integer, check_positive, check_share
from videossl.errors import UserError
from videossl.processes import end_with_parent
from videossl.registry import DATASETS

from .annotations import iterate_annotations, scan_videos
from .broken_videos import BrokenVideos, TooManyBroken
from .pipelines import Pipeline, build_pipeline
from .readers import DecoderLost, VideoReadError
from .readers.opening import VideoReaderInit, decode_video, decodes_video, open_video, opens_video, video_exists
from .transforms.decoding import DecodeClips, scale_while_decoding

if TYPE_CHECKING:
    from .readers.guard import DecoderGuard  # needs a system that can fork

CHECKED_PATHS = 100
GUARDS = ('workers', 'always', 'never')


@DATASETS.register_module()
class VideoDataset(MMActionVideoDataset):
    """Videos to train or test on: mmaction2's ``VideoDataset``, which also reads unlabelled and unlisted videos.

    The random draws of a sample's transforms are a function of the seed and the position that
    :class:`~videossl.engine.DrawSampler` sends with the index. The states of NumPy's, Python's and torch's generators are
    restored afterwards. With another sampler the generators are used as they are.

    A video that cannot be read is named once in the log and, if ``BrokenVideosHook`` is there, in the work folder's
    ``broken_videos.txt``. In training another video replaces it, chosen by seed and position. In test mode it becomes
    black frames with a label that no prediction equals, so that it counts as wrong. Its sample has ``is_blank`` then, by
    which a transform knows not to look for anything that is stored of the video.

    Each of the loader's workers reads videos in a child process. A decoder that crashes or hangs then costs one video and
    not the run. Such a video is not opened again.

    Args:
        ann_file: list of videos, relative to ``data_root``; see :func:`videossl.datasets.read_annotations`. None or
            empty: all videos below ``data_root``.
        pipeline: named steps or a list of transforms; see :func:`videossl.datasets.pipeline_steps`.
        data_prefix: ``dict(video=...)``, folder below ``data_root`` that the paths are relative to.
        multi_class: any number of labels for each video, ``path label label ...``, as mmaction2 reads them.
        num_classes: labels must lie in 0..num_classes - 1. None: any labels, or no labels.
        start_index, modality: mmaction2's.
        test_mode: see above.
        delimiter: between path and label in a text list.
        data_root: folder that the list, and the paths in it, are relative to.
        max_replacements: number of unreadable videos in a row at which training stops.
        max_broken_share: share of unreadable videos, among those that were tried, above which training stops; checked as
            soon as 100 were tried, or all of a smaller data set.
        guard: when to read videos in a child process: ``'workers'``, in the loader's workers (without workers a decoder
            that crashes or hangs ends the run); ``'always'``; ``'never'``. For ``VideoReaderInit`` and mmaction2's
            ``DecordInit``, with ``DecodeClips`` or ``DecordDecode``, on systems that can fork.
        decoder_timeout: seconds that the child process may take to open a video, and to decode frames of it.
        hold_out: divide the list at random into ``number`` held-out videos and the others, always in the same way, and
            take the part that ``use`` names: ``dict(number=800, seed=632, use='train')`` to train on and the same with
            ``use='held_out'`` to validate on. The parts depend on number, seed and the length of the list alone. None:
            all videos.
    """

    def __init__(
        self,
        ann_file: str | None = None,
        pipeline: Pipeline = (),
        data_prefix: dict | None = None,
        multi_class: bool = False,
        num_classes: int | None = None,
        start_index: int = 0,
        modality: str = 'RGB',
        test_mode: bool = False,
        delimiter: str = ' ',
        data_root: str | None = None,
        max_replacements: int = 100,
        hold_out: dict | None = None,
        max_broken_share: float = 0.5,
        guard: str = 'workers',
        decoder_timeout: float = 120.0,
        **kwargs,
    ) -> None:
        check_integer('max_replacements', max_replacements)
        check_share('max_broken_share', max_broken_share)
        check_choice('guard', guard, GUARDS)
        check_positive('decoder_timeout', decoder_timeout)
        self.max_replacements = max_replacements
        self.max_broken_share = max_broken_share
        self.guard = guard
        self.decoder_timeout = decoder_timeout
        self._guard: DecoderGuard | None = None  # this process's decoding process
        if hold_out is not None:
            check_hold_out(hold_out)
        self.hold_out = hold_out
        if multi_class and num_classes is None:
            raise ValueError('VideoDataset(multi_class=True) needs num_classes, the length of its labels')
        if not ann_file and not data_root:
            raise ValueError(
                'VideoDataset needs ann_file, data_root or both; in a config of videossl give them with '
                '--data-root FOLDER and --ann-file LIST'
            )
        transforms = build_pipeline(pipeline)
        scale_while_decoding(transforms)
        super().__init__(
            ann_file or '',
            pipeline=transforms,
            data_prefix=dict(data_prefix or dict(video='')),
            multi_class=multi_class,
            num_classes=num_classes,
            start_index=start_index,
            modality=modality,
            test_mode=test_mode,
            delimiter=delimiter,
            data_root=data_root or '',
            **kwargs,
        )
        stock = next(
            (type(transform).__name__ for transform in self.pipeline.transforms if decodes_video(transform)), None
        )
        if stock and any(
            isinstance(transform, VideoReaderInit) and transform.backend != 'decord'
            for transform in self.pipeline.transforms
        ):
            raise ValueError(
                f'VideoReaderInit needs DecodeClips behind it, not {stock}, which reads what the "Init" of the same '
                'name has opened'
            )

    def full_init(self) -> None:
        """Read the list, once."""
        if not self._fully_initialized:
            super().full_init()
            self.broken = BrokenVideos(len(self))

    @property
    def unreadable(self) -> torch.Tensor:
        """Which videos were found unreadable, bool [len(self)]."""
        return self.broken.named

    def __getstate__(self) -> dict:
        return dict(self.__dict__, _guard=None)  # a process cannot be sent to another one

    def load_data_list(self) -> list[dict]:
        """Read the list, or scan the folder."""
        folder = self.data_prefix['video']
        if self.ann_file and self.ann_file != self.data_root:
            entries = iterate_annotations(self.ann_file, self.delimiter)
            if self.multi_class:
                for _ in entries:  # raises where the list is invalid
                    pass
                videos = super().load_data_list()
            else:
                videos = [
                    dict(filename=osp.join(folder, path), label=label)
                    if label is not None
                    else dict(filename=osp.join(folder, path))
                    for path, label in entries
                ]
            self._check_labels(videos)
            self._check_paths(videos)
            return videos
        if self.num_classes is not None:
            raise ValueError(
                f'without a list, {self.data_root} is scanned for videos, which gives no labels, but '
                f'num_classes={self.num_classes} asks for them; name a list with ann_file (--ann-file, '
                'for validation --val-ann-file)'
            )
        return [dict(filename=osp.join(folder, path)) for path in scan_videos(folder or self.data_root)]

    def filter_data(self) -> list[dict]:
        """The videos of the list that are used, in the list's order: all, or the part that ``hold_out`` names."""
        videos = super().filter_data()
        if self.hold_out is not None:
            try:
                indices = held_out_split(len(videos), **self.hold_out)
            except ValueError as error:
                raise ValueError(f'{self.ann_file or self.data_root}: {error}') from None
            videos = [videos[index] for index in indices]
        self.list_digest = list_digest(videos, self.data_prefix['video'])
        return videos

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        """Serialise the list so that workers share one copy: the concatenated pickles of its entries, uint8, and the end of
        each, int64. mmengine's own method holds an array for each entry meanwhile, 0.3 GiB for a million."""
        content, ends = bytearray(), np.empty(len(self.data_list), dtype=np.int64)
        for index, video in enumerate(self.data_list):
            content += pickle.dumps(video, protocol=4)
            ends[index] = len(content)
        self.data_list.clear()
        return np.frombuffer(content, dtype=np.uint8), ends

    def _check_labels(self, videos: list[dict]) -> None:
        if self.num_classes is None:
            return
        for number, video in enumerate(videos, 1):
            if 'label' not in video:
                raise ValueError(f'{self.ann_file} has no labels, but num_classes={self.num_classes} asks for them')
            for label in video['label'] if self.multi_class else [video['label']]:
                if not 0 <= label < self.num_classes:
                    raise ValueError(
                        f'{self.ann_file}, entry {number}, "{video["filename"]}": label {label} lies '
                        f'outside 0..{self.num_classes - 1}; correct the list or num_classes'
                    )

    def _check_paths(self, videos: list[dict]) -> None:
        first = [video['filename'] for video in videos[:CHECKED_PATHS]]
        if not any(video_exists(path) for path in first):
            raise FileNotFoundError(
                f'none of the first {len(first)} videos of {self.ann_file} exists, the first being '
                f'{first[0]}; correct data_root (--data-root) or data_prefix'
            )

    def prepare_data(self, idx: int) -> dict | None:
        """One sample, through the pipeline. ``rank_position`` is the number of its draw in this process, where known."""
        if get_worker_info() is not None:
            end_with_parent()
        numbered = dict(rank_position=idx.rank_position) if hasattr(idx, 'rank_position') else {}
        if not self.test_mode:
            self.broken.check_share(self.max_broken_share)
        index = int(idx)
        for attempt in range(self.max_replacements):
            with seeded(idx, attempt):
                if attempt:
                    index = np.random.randint(len(self))
                try:
                    return self._run_pipeline({**self.get_data_info(index), **numbered})
                except VideoReadError as error:
                    last = error
                    self._name_unreadable(index, error)
                    if self.test_mode:
                        return self._run_pipeline(self._with_wrong_label(self.get_data_info(index)), blank=True)
            if attempt == 0:
                self.broken.count_replaced()
        raise TooManyBroken(
            f'{self.max_replacements} videos in a row could not be read, so training stops; check data_root '
            f'and the files. The last: {last}'
        )

    def _run_pipeline(self, sample: dict, blank: bool = False) -> dict | None:
        results: dict | None = sample
        for step, transform in enumerate(self.pipeline.transforms):
            if results is None:  # in mmengine: replace this sample by another
                return None
            if opens_video(transform):
                if blank:
                    results.update(
                        is_blank=True, video_reader=BlankVideo(), total_frames=len(BlankVideo()), avg_fps=25.0
                    )
                else:
                    results = self._open_video(step, transform, results)
            elif decodes_video(transform):
                results = DecodeClips()(results) if blank else decode_video(transform, results)
            else:
                results = _applied(transform, results)
        return results

    def _open_video(self, step: int, transform: Callable, results: dict) -> dict:
        index = results['sample_idx']
        self.broken.tried[index] = True
        if self.broken.excluded[index]:
            raise VideoReadError(results['filename'], 'it has crashed or blocked the decoder before')
        if not self._is_guarded(transform):
            return open_video(transform, results)
        if self._guard is None:
            from .readers.guard import DecoderGuard  # needs a system that can fork

            transforms = self.pipeline.transforms
            self._guard = DecoderGuard(
                lambda step, name: open_video(transforms[step], dict(filename=name)), self.decoder_timeout
            )
        return {**results, **self._guard.open(step, results['filename'])}

    def _is_guarded(self, transform: Callable) -> bool:
        return (
            hasattr(os, 'fork')
            and isinstance(transform, (VideoReaderInit, DecordInit))
            and (self.guard == 'always' or self.guard == 'workers' and get_worker_info() is not None)
            and all(
                isinstance(other, DecordDecode) and other.mode == 'accurate'
                for other in self.pipeline.transforms
                if decodes_video(other)
            )
        )

    def _with_wrong_label(self, info: dict) -> dict:
        if self.multi_class:
            return dict(info, label=torch.zeros(self.num_classes))
        # Not -1 if the number of classes is known: mmaction2's confusion matrix reads -1 as the last class.
        return dict(info, label=-1 if self.num_classes is None else self.num_classes) if 'label' in info else info

    def _name_unreadable(self, index: int, error: VideoReadError) -> None:
        if isinstance(error, DecoderLost):
            self.broken.excluded[index] = True
        consequence = 'counts as wrong' if self.test_mode else 'another video takes its place'
        self.broken.record(index, error.filename, error.reason, consequence)


class TransformRefusal(UserError, ValueError):
    """A transform cannot work on a sample as it is."""


def _applied(transform: Callable, results: dict) -> dict | None:
    """Apply a transform. mmaction2's transforms refuse some samples, such as frames smaller than a crop, by a bare
    assertion."""
    try:
        return transform(results)
    except AssertionError as error:
        raise _refusal(error, transform, results) from error


def _refusal(error: AssertionError, transform: Callable, results: dict) -> TransformRefusal:
    """The error for a failed assertion. It names the innermost transform, where transforms are nested."""
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)]
    inner = [names for names in frames if isinstance(names.get('self'), BaseTransform) and 'results' in names]
    refusing, given = (inner[-1]['self'], inner[-1]['results']) if inner else (transform, results)
    size = ' x '.join(map(str, given['img_shape'][::-1])) if 'img_shape' in given else 'unknown'
    return TransformRefusal(
        f'{results["filename"]} does not get through the pipeline: {refusing} refuses frames of '
        f'(width x height) {size}' + (f': {error}' if str(error) else '')
    )


def list_digest(videos: Sequence[dict], folder: str) -> str:
    """16 hexadecimal digits that change with the paths below ``folder``, their order and labels."""
    digest, prefix = hashlib.sha256(), osp.join(folder, '')
    for video in videos:
        entry = f'{video["filename"].removeprefix(prefix)}\0{video.get("label")}\n'
        digest.update(entry.encode(errors='surrogatepass'))
    return digest.hexdigest()[:16]


def check_hold_out(hold_out: dict) -> None:
    """Raise a ValueError unless these are the arguments of :func:`held_out_split` behind the first."""
    if not isinstance(hold_out, dict) or set(hold_out) != {'number', 'seed', 'use'}:
        raise ValueError(f'hold_out must be a dict of number, seed and use, but is {hold_out!r}')
    check_integer('hold_out: number', hold_out['number'])
    check_integer('hold_out: seed', hold_out['seed'], 0)
    check_choice('hold_out: use', hold_out['use'], ('train', 'held_out'))


def held_out_split(length: int, number: int, seed: int, use: str) -> list[int]:
    """Divide a list of videos into two parts at random, and return the ascending indices of one of them.

    Args:
        length: of the list.
        number: how many videos are held out.
        seed: of the division. NumPy guarantees that the draws of this generator never change.
        use: ``'held_out'`` for these, ``'train'`` for the others.

    Raises:
        ValueError: nothing would be left to train on.
    """
    if number >= length:
        raise ValueError(f'hold_out: number={number} of {length} videos leaves none to train on; hold fewer out')
    order = np.random.RandomState(seed).permutation(length)
    return sorted((order[:number] if use == 'held_out' else order[number:]).tolist())


class BlankVideo:
    """Black frames, in place of a video that cannot be read and has to stay in the test."""

    size = (128, 171)

    def __len__(self) -> int:
        return 64

    def get_batch(self, indices: Sequence[int]) -> np.ndarray:
        """Black frames, uint8 [len(indices), H, W, 3]."""
        return np.zeros((len(indices), *self.size, 3), dtype=np.uint8)


@contextmanager
def seeded(draw: Any, attempt: int = 0) -> Iterator[None]:
    """Seed NumPy's, Python's and torch's generators from a draw's seed and position and the number of the attempt, and
    restore their states afterwards. Does nothing for a plain index."""
    position = getattr(draw, 'position', None)
    if position is None:
        yield
        return
    # Not kept_random_states: its plain types are for checkpoints, and this runs once for each sample.
    numpy_state, python_state, torch_state = np.random.get_state(), random.getstate(), torch.get_rng_state()
    words = np.random.SeedSequence([draw.seed, position] + [attempt] * (attempt > 0)).generate_state(4)
    np.random.seed(words)
    random.seed(int(words[0]))
    torch.default_generator.manual_seed(int(words[1]))  # torch.manual_seed would also seed the accelerator's
    try:
        yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        torch.set_rng_state(torch_state)
