"""Features of videos: decode, run the backbone, pool; what was done survives an interruption."""

import argparse
import logging
import os
import os.path as osp
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager

import cv2
import numpy as np
import torch
from mmengine.config import ConfigDict, DictAction
from mmengine.logging import print_log
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn
from torch.utils.data import DataLoader

from videossl.apis.running.launch import keep_freed_memory, load_config, share_cores
from videossl.checkpoints.hand_off import HandOffError
from videossl.checkpoints.load_model import init_model
from videossl.datasets.video_dataset import VideoDataset
from videossl.engine.hooks.precision_hook import PRECISIONS
from videossl.errors import ConfigError
from videossl.evaluation.feature_sets import numbered
from videossl.features.clip_features import ClipFeatures, file_format
from videossl.wrappers import unwrap

from .clip_encoder import ClipEncoder, describe_pixels, digest_of
from .clip_protocol import CROPS, POOLINGS, ClipProtocol
from .parts import NAMES_ONLY, PartialFeatures, differences
from .video_list import ListedVideos, list_videos

SHOWN_VIDEOS = 10  # unreadable ones, in the summary


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
    out: str | os.PathLike | None = None,
    save_every: int = 32,
    progress: bool = True,
) -> ClipFeatures:
    """The backbone's features of videos, pooled, one for each view of each video, in the order of the list.

    A video that cannot be read is named in the log; it keeps its place and its label, with zeros for features. Where
    views, pixels and precision are not given they are those of ``model.cfg``: its test pipeline, or its training
    pipeline.

    Args:
        model: from :func:`~videossl.apis.init_model` or :func:`~videossl.apis.load_backbone`, or any model with
            ``backbone`` and ``data_preprocessor``. It is in eval mode meanwhile, and as it was afterwards.
        videos: a video, a sequence of paths of videos, a folder (all videos below it), a list of videos (see
            :func:`~videossl.datasets.read_annotations`), a data set, or the config of a data set, such as
            ``config.test_dataloader.dataset``; its pipeline is not used.
        data_root: folder that the paths are relative to. None: for a list, its own folder.
        num_clips, crops, clip_len, frame_interval, size, resize, pooling: see :class:`~.clip_protocol.ClipProtocol`. Of
            a map of several parts (the branches of a :class:`~videossl.models.BranchedBackbone`), each part is pooled,
            and the results are joined.
        batch_size: clips at once.
        num_workers: processes that decode; fewer where the cores are needed otherwise.
        precision: ``'auto'``, ``'bf16'``, ``'fp32'`` or ``'fp16'``, see :class:`~videossl.engine.PrecisionHook`.
            Pooling is in fp32.
        device: where to move the model; None: where it is.
        split: name of the list, for the record. None: the file's or folder's name.
        out: a ``.npz`` or ``.parquet`` file to write. What is finished is kept in ``OUT.part`` beside it, so that the
            same call goes on where one before it stopped; other settings, videos or weights are refused there.
        save_every: with ``out``, so many videos are lost at most.
        progress: show a bar.

    Raises:
        ConfigError: there are no such videos, an argument is out of range, or ``out`` holds other features.
    """
    model = unwrap(model)
    for name, value, least in (
        ('batch_size', batch_size, 1),
        ('num_workers', num_workers, 0),
        ('save_every', save_every, 1),
    ):
        if type(value) is not int or value < least:
            raise ConfigError(f'{name} must be an integer of at least {least}, got {value!r}')
    config = getattr(model, 'cfg', None)
    protocol = ClipProtocol.like(
        config,
        clips=num_clips,
        crops=crops,
        clip_len=clip_len,
        frame_interval=frame_interval,
        size=size,
        resize=resize,
        pooling=pooling,
    )
    listed = list_videos(videos, data_root)
    if device is not None:
        model.to(device)
    encoder = ClipEncoder(model, protocol, batch_size, precision)
    pixels = dict(describe_pixels(encoder.preprocessor), **dict(assumed=True) if encoder.pixels_assumed else {})
    record = dict(
        protocol.record(),
        precision=encoder.precision,
        pixels=pixels,
        split=split or listed.name,
        config=osp.basename(getattr(config, 'filename', None) or '') or None,
        checkpoint=getattr(model, 'checkpoint', None),
        videos_sha256=listed.digest(),
        weights_sha256=digest_of(encoder.backbone),
    )
    try:
        finished = finished_features(out, record)
        if finished is not None:
            print_log(f'{out} is there already, of the same videos, settings and weights', logger='current')
            return finished
        settings = {key: value for key, value in record.items() if key not in NAMES_ONLY}
        parts = PartialFeatures(out, settings, len(listed.paths), save_every)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if parts.num_found:
        print_log(f'{parts.num_found} of {len(listed.paths)} videos were done before', logger='current')

    dataset = ListedVideos(listed, protocol.pipeline())
    with evaluating(model), progress_bar(len(listed.paths), parts.num_found, progress) as advance:
        extract_missing(dataset, encoder, parts, num_workers, advance)
    merged, readable = parts.merged()
    features = ClipFeatures(merged, listed.labels, listed.paths, readable, record)
    if not np.isfinite(merged).all():
        print_log(
            'some features are infinite or not a number; try precision=fp32, or look whether the training diverged',
            logger='current',
            level=logging.WARNING,
        )
    if out is not None:
        features.save(out)
        parts.remove()
    return features


def extract_missing(
    dataset: ListedVideos,
    encoder: ClipEncoder,
    parts: PartialFeatures,
    num_workers: int,
    advance: Callable[[int], None],
) -> None:
    """Encode every video that ``parts`` lacks, part by part."""
    missing = parts.missing()
    videos_at_once = max(1, encoder.batch_size // encoder.protocol.views)
    batches = [
        list(part[start : start + videos_at_once]) for part in missing for start in range(0, len(part), videos_at_once)
    ]
    loader = iter(open_loader(dataset, batches, num_workers, encoder.device))
    for part in missing:
        features, readable = [], []
        for start in range(0, len(part), videos_at_once):
            indices = list(part[start : start + videos_at_once])
            encoded = encoder(next(loader))
            seen = ~dataset.named[indices].numpy()  # what the log has named is not readable
            encoded[~seen] = 0
            features.append(encoded)
            readable.append(seen)
            advance(len(indices))
        parts.put(part, np.concatenate(features), np.concatenate(readable))


def open_loader(dataset: ListedVideos, batches: list[list[int]], num_workers: int, device: torch.device) -> Iterable:
    """Batches of views, each a list of tensors."""
    settings = ConfigDict(num_workers=num_workers, pin_memory=device.type == 'cuda')
    share_cores(settings, 'feature extraction')
    return DataLoader(
        dataset,
        batch_sampler=batches,
        collate_fn=list,
        worker_init_fn=_use_one_thread,
        num_workers=settings.num_workers,
        pin_memory=settings.pin_memory,
    )


def _use_one_thread(worker: int) -> None:
    cv2.setNumThreads(0)


def finished_features(out: str | os.PathLike | None, record: dict) -> ClipFeatures | None:
    """What ``out`` holds, if the file is there.

    Raises:
        ValueError: it is of other settings, or no file of features, or cannot be written.
        ImportError: it needs a package that is missing.
    """
    if out is None:
        return None
    file_format(out)
    if not osp.exists(out):
        return None
    features = ClipFeatures.load(out)
    differing = differences(features.protocol, record)
    if differing:
        raise ValueError(
            f'{out} is there already, with other features ({differing}). Choose another file (--out), or '
            'move this one away'
        )
    return features


@contextmanager
def evaluating(model: nn.Module):
    """Put a model in eval mode, and back."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


@contextmanager
def progress_bar(total: int, done: int, visible: bool):
    """Gives a function that moves the bar on by a number of videos."""
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not visible) as bar:
        task = bar.add_task('Extracting features', total=total, completed=done)
        yield lambda count: bar.advance(task, count)


def summary(features: ClipFeatures, out: str) -> str:
    """What was extracted, how, and what could not be read."""
    count, views, channels = features.features.shape
    how = features.protocol
    lines = [
        f'{out}: {count} videos of {how["split"]}, {views} views each, {channels} numbers a view',
        f'  {numbered(how["clips"], "clip")} x {numbered(how["crops"], "crop")} of {how["clip_len"]} frames at interval '
        f'{how["frame_interval"]}, resized to {how["resize"]}, cropped to {how["size"]} px, {how["pooling"]} pooling, '
        f'{how["precision"]}',
    ]
    if how['pixels'].get('assumed'):
        lines.append("  nothing says which pixels the net expects; assumed are RGB with ImageNet's mean and std")
    if features.unreadable:
        lines.append(f'  {len(features.unreadable)} could not be read; their features are zeros:')
        lines += [f'    {path}' for path in features.unreadable[:SHOWN_VIDEOS]]
        if len(features.unreadable) > SHOWN_VIDEOS:
            lines.append(f'    and {len(features.unreadable) - SHOWN_VIDEOS} more, named in the log')
    return '\n'.join(lines)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Write the backbone's features of videos to one file. The same command goes on with what was cut "
        'off.'
    )
    parser.add_argument('config', help='config file of the model')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--data-root', help='folder of videos; alone, it is scanned recursively')
    parser.add_argument('--ann-file', help='list of videos, relative to --data-root')
    parser.add_argument('--out', required=True, help='file to write, .npz or .parquet')
    parser.add_argument('--num-clips', type=int, help='clips of each video; default: as the config tests, or 10')
    parser.add_argument('--crops', type=int, choices=list(CROPS), help='of each clip; default: as the config, or 1')
    parser.add_argument('--clip-len', type=int, help='frames of a clip; default: as the config')
    parser.add_argument('--frame-interval', type=int, help='distance of these frames; default: as the config, or 1')
    parser.add_argument('--size', type=int, help='side of the crop in pixels; default: as the config')
    parser.add_argument(
        '--resize',
        type=int,
        nargs='+',
        metavar='SIDE',
        help='before the crop: the short side, or width and height; default: as the config',
    )
    parser.add_argument('--pooling', choices=POOLINGS, default='avg', help='over time and space; default: avg')
    parser.add_argument('--batch-size', type=int, default=32, help='clips at once; default: 32')
    parser.add_argument('--num-workers', type=int, default=8, help='processes that decode, at most; default: 8')
    parser.add_argument('--precision', choices=PRECISIONS, help='default: as the config, or auto')
    parser.add_argument('--device', help='default: the accelerator, if there is one')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings of the config')
    return parser.parse_args(argv)


def videos_of(args: argparse.Namespace) -> tuple[str, str | None]:
    """The list or folder that the arguments name, and the folder that its paths are relative to."""
    if args.ann_file is not None:
        return osp.join(args.data_root or '', args.ann_file), args.data_root
    if args.data_root is None:
        raise ConfigError('name the videos: --data-root FOLDER, --ann-file LIST, or both')
    if not osp.isdir(args.data_root):
        raise ConfigError(f'the folder {args.data_root} does not exist; check --data-root')
    return args.data_root, None


def check_name(out: str) -> None:
    """Refuse a file of another format before a model is built."""
    try:
        file_format(out)
    except ValueError as error:
        raise ConfigError(f'--out: {error}') from None


def main(argv: list[str] | None = None) -> None:
    """Entry point of ``tools/extract_features.py``."""
    args = parse_args(argv)
    resize = args.resize[0] if args.resize is not None and len(args.resize) == 1 else args.resize
    try:
        keep_freed_memory()
        config = load_config(args.config, args.cfg_options)
        videos, data_root = videos_of(args)
        check_name(args.out)
        features = extract_features(
            init_model(config, args.checkpoint, args.device),
            videos,
            data_root,
            num_clips=args.num_clips,
            crops=args.crops,
            clip_len=args.clip_len,
            frame_interval=args.frame_interval,
            size=args.size,
            resize=resize,
            pooling=args.pooling,
            batch_size=args.batch_size,
            num_workers=args.num_workers,
            precision=args.precision,
            out=args.out,
        )
    except (ConfigError, HandOffError, ImportError, OSError) as error:  # also a full disk
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit('\nstopped; run the same command again to go on') from None
    print(summary(features, args.out))


if __name__ == '__main__':
    main()
