"""Extract features of videos: decode, run the backbone, pool. An interrupted extraction goes on where it stopped."""

import logging
import os
import os.path as osp
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.logging import print_log
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn
from torch.utils.data import DataLoader

from videossl.checks import check_integer
from videossl.cores import share_cores
from videossl.datasets.video_dataset import VideoDataset
from videossl.errors import ConfigError
from videossl.wrappers import unwrap

from .clip_encoder import ClipEncoder, describe_pixels, digest_of
from .clip_features import ClipFeatures, file_format
from .parts import NAMES_ONLY, OtherFeatures, PartialFeatures, differences
from .protocols import Protocol
from .video_list import ListedVideos, list_videos


def extract_features(
    model: nn.Module,
    videos: str | os.PathLike | Sequence | dict | VideoDataset,
    data_root: str | os.PathLike | None = None,
    *,
    num_clips: int | None = None,
    crops: int | None = None,
    clip_len: int | None = None,
    frame_interval: int | None = None,
    size: int | None = None,
    resize: int | Sequence[int] | None = None,
    pooling: str = 'avg',
    batch_size: int = 32,
    num_workers: int = 8,
    precision: str | None = None,
    device: str | torch.device | None = None,
    split: str | None = None,
    out: str | os.PathLike | Callable[[dict], str | os.PathLike] | None = None,
    save_every: int = 32,
    progress: bool = True,
) -> ClipFeatures:
    """Extract the backbone's features of videos: pooled, one for each view of each video, in the order of the list.

    An unreadable video is named in the log and keeps its index and its label; its features are zeros. Views, pixels and
    precision that are not given are those of ``model.cfg``: of its test pipeline, or of its training pipeline.

    Args:
        model: from :func:`~videossl.apis.init_model` or :func:`~videossl.apis.load_backbone`, or any model with
            ``backbone`` and ``data_preprocessor``. It is put into eval mode during the call, and back afterwards.
        videos: a video, a sequence of paths of videos, a folder (all videos below it), a list of videos (see
            :func:`~videossl.datasets.read_annotations`), a data set, or the config of a data set, such as
            ``config.test_dataloader.dataset``, whose pipeline is not used.
        data_root: folder that the paths are relative to. None: for a list, its own folder.
        num_clips, crops, clip_len, frame_interval, size, resize, pooling: see
            :class:`~videossl.evaluation.Protocol`. Of a map of several parts (the branches of a
            :class:`~videossl.models.BranchedBackbone`), each part is pooled, and the results are concatenated.
        batch_size: clips per forward pass.
        num_workers: number of decoding processes, lowered where the machine has few cores.
        precision: ``'auto'``, ``'bf16'``, ``'fp32'`` or ``'fp16'``, see :class:`~videossl.engine.PrecisionHook`.
            Pooling is in fp32.
        device: device to move the model to. None: the model stays where it is.
        split: name of the list, for the record. None: the file's or folder's name.
        out: a ``.npz`` or ``.parquet`` file to write. Finished videos are kept in ``OUT.part`` until then, so that the
            same call goes on after an interruption; other settings, videos or weights are refused there. Or a function
            that gives the file by the settings: a dict of all that the features depend on, in JSON's types.
        save_every: with ``out``, the most videos that an interruption costs.
        progress: show a bar.

    Raises:
        ConfigError: there are no such videos, an argument is out of range, or ``out`` holds other features.
    """
    model = unwrap(model)
    check_integer('batch_size', batch_size)
    check_integer('num_workers', num_workers, 0)
    check_integer('save_every', save_every)
    config = getattr(model, 'cfg', None)
    views = dict(num_clips=num_clips, crops=crops, clip_len=clip_len, frame_interval=frame_interval, size=size)
    protocol = Protocol.like(config, **views, resize=resize, pooling=pooling)
    listed = list_videos(videos, data_root)
    if device is not None:
        model.to(device)
    encoder = ClipEncoder(model, protocol, batch_size, precision)
    pixels = dict(describe_pixels(encoder.preprocessor), **dict(assumed=True) if encoder.pixels_assumed else {})
    record = dict(
        protocol.views(),
        precision=encoder.precision,
        pixels=pixels,
        split=split or listed.name,
        config=osp.basename(getattr(config, 'filename', None) or '') or None,
        checkpoint=getattr(model, 'checkpoint', None),
        videos_sha256=listed.digest(),
        weights_sha256=digest_of(encoder.backbone),
    )
    settings = {key: value for key, value in record.items() if key not in NAMES_ONLY}
    if callable(out):
        out = out(settings)
    count, done, parts = len(listed.paths), 0, None
    missing = [range(count)]
    if out is not None:
        try:
            finished = finished_features(out, record)
            if finished is not None:
                print_log(f'{out} is there already, of the same videos, settings and weights', logger='current')
                return finished
            parts = PartialFeatures(out, settings, count, save_every)
        except OtherFeatures:
            raise
        except ValueError as error:
            raise ConfigError(str(error)) from error
        missing, done = parts.missing, parts.num_found
        if done:
            print_log(f'{done} of {count} videos were done before', logger='current')

    dataset = ListedVideos(listed, protocol.pipeline())
    with evaluating(model), progress_bar(count, done, progress) as advance:
        for part, encoded, readable in encode_videos(dataset, encoder, missing, num_workers, advance):
            if parts is not None:
                parts.put(part, encoded, readable)
    if parts is not None:
        encoded, readable = parts.merged()
    labels = None if listed.labels is None else np.array(listed.labels)
    features = ClipFeatures(encoded, labels, listed.paths, readable, record)
    if not np.isfinite(features.features).all():
        print_log(
            'some features are infinite or not a number; try precision=fp32, or look whether the training diverged',
            logger='current',
            level=logging.WARNING,
        )
    if out is not None and parts is not None:
        features.save(out)
        parts.remove()
    return features


def encode_videos(
    dataset: ListedVideos,
    encoder: ClipEncoder,
    parts: Sequence[range],
    num_workers: int,
    advance: Callable[[int], None],
) -> Iterator[tuple[range, np.ndarray, np.ndarray]]:
    """Encode the videos of some parts of the list: (part, features [N, K, D], readable bool [N]) for each part."""
    videos_at_once = max(1, encoder.batch_size // encoder.protocol.num_views)
    batches = [
        list(part[start : start + videos_at_once]) for part in parts for start in range(0, len(part), videos_at_once)
    ]
    loader = iter(open_loader(dataset, batches, num_workers, encoder.device))
    for part in parts:
        features, readable = [], []
        for start in range(0, len(part), videos_at_once):
            indices = list(part[start : start + videos_at_once])
            encoded = encoder(next(loader))
            seen = ~dataset.unreadable[indices].numpy()  # what the log has named is not readable
            encoded[~seen] = 0
            features.append(encoded)
            readable.append(seen)
            advance(len(indices))
        yield part, np.concatenate(features), np.concatenate(readable)


def open_loader(dataset: ListedVideos, batches: list[list[int]], num_workers: int, device: torch.device) -> Iterable:
    """Batches of views, each a list of tensors."""
    settings = ConfigDict(num_workers=num_workers, pin_memory=device.type == 'cuda')
    share_cores(settings, 'feature extraction')
    workers = dict(num_workers=settings.num_workers, pin_memory=settings.pin_memory, worker_init_fn=_use_one_thread)
    return DataLoader(dataset, batch_sampler=batches, collate_fn=list, **workers)


def _use_one_thread(worker: int) -> None:
    cv2.setNumThreads(0)


def finished_features(out: str | os.PathLike, record: dict) -> ClipFeatures | None:
    """The features in ``out``, or None where there is no such file.

    Raises:
        OtherFeatures: they have other settings.
        ValueError: the file has another content, or its format is unknown.
        ImportError: it needs a package that is not installed.
    """
    file_format(out)
    if not osp.exists(out):
        return None
    features = ClipFeatures.load(out)
    differing = differences(features.protocol, record)
    if differing:
        raise OtherFeatures(
            f'{out} is there already, with other features ({differing}). Choose another file (--out), or '
            'move this one away'
        )
    return features


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into eval mode, and each of its modules back into its own mode."""
    modes = {module: module.training for module in model.modules()}
    try:
        for module in modes:
            module.training = False  # not eval(): a backbone's own train() also sets requires_grad
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def progress_bar(total: int, done: int, visible: bool) -> Iterator[Callable[[int], None]]:
    """A function that advances a bar by a number of videos."""
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not visible) as bar:
        task = bar.add_task('Extracting features', total=total, completed=done)
        yield lambda count: bar.advance(task, count)
