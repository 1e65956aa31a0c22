"""Checks of model, hooks and data together, before any video is decoded."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from mmengine.dist import all_gather_object, get_world_size
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from videossl.datasets.transforms.formatting import META_KEYS
from videossl.engine.hooks.momentum_hooks import check_hooks
from videossl.engine.resumable_loops import is_endless, sampler_of
from videossl.errors import ConfigError
from videossl.memory import device_memory
from videossl.random_states import kept_random_states
from videossl.wrappers import innermost_datasets, unwrap

MADE_UP_FRAMES = 300
MADE_UP_SIZE = (251, 317)  # height and width that no pipeline asks for
DRAWS = 64  # of a sampler, to see which labels it gives
DRAWS_PER_CLASS = 50  # while the last class has not come up: one as likely as the others then stays away with exp(-50)
LONG_VIDEO = 10_000  # frames, so that no class is left out because the video is too short for it
SHOWN = 20
MANY_FRAMES = 1000


@dataclass
class Draws:
    """What the samplers of a pipeline draw.

    Attributes:
        sampler: names of the samplers' classes.
        num_clips: clips of a sample.
        clip_len: frames of a clip.
        size: (height, width) of a clip's frames; None: that of the video.
        labels: for each name the largest label that was drawn; None: not a number.
    """

    sampler: str
    num_clips: int
    clip_len: int
    size: tuple[int, int] | None
    labels: dict[str, int | None]


def check_training(runner: Runner) -> None:
    """Check model, hooks and data together, when all are built.

    It warns of classes without a video, of long clips, and of batches of one sample.

    Raises:
        ConfigError: training cannot work, or would end with an error: no whole batch, an epoch without an end, a hook or a
            label that the model needs is missing, a head that has other classes than are drawn, too few clips, clips for which
            there is no memory, clips shorter than a transform needs, a batch of one that a batch norm refuses, ranks with
            different numbers of samples. The message names the key.
    """
    model, loader = unwrap(runner.model), runner.train_loop.dataloader
    check_batches(runner)
    check_ranks(loader)
    check_hooks(model, runner.hooks)
    datasets = innermost_datasets(loader.dataset)
    drawn = [draw_labels(dataset) for dataset in datasets]
    for dataset, draws in zip(datasets, drawn):
        if draws is not None:
            check_clip_len(dataset, draws)
            check_labels(model, draws)
            check_views(model, draws)
            check_memory(model, draws, loader.batch_size or 1)
            warn_of_long_clips(runner, draws)
    check_classes(runner, model, datasets)
    check_batch_norm(runner, model, loader, min((draws.num_clips for draws in drawn if draws), default=1))
    for dataset in datasets:
        warn_of_missing_classes(runner, dataset)


def check_batches(runner: Runner) -> None:
    """Refuse epochs without an iteration, fewer samples than a batch with ``drop_last``, and epochs without an end."""
    loader = runner.train_loop.dataloader
    endless = is_endless(sampler_of(loader))
    if endless and isinstance(runner.train_loop, EpochBasedTrainLoop):
        raise ConfigError(
            f'train_dataloader.sampler: a pass over {type(sampler_of(loader)).__name__} never ends, so the first epoch would '
            "not end either; use DrawSampler without endless=True, or train_cfg=dict(type='IterBasedTrainLoop', max_iters=N)"
        )
    if len(loader) > 0 or endless and len(loader.dataset) > 0:  # batches extend over the ends of the passes
        return
    samples, count, size = len(loader.sampler), len(loader.dataset), loader.batch_size
    repeats = getattr(loader.sampler, 'repeats', None)
    needed = -(-size * get_world_size() // max(count, 1))
    draws = '' if repeats is None else f' ({count} in the data set, each drawn {repeats} times an epoch)'
    more = '' if repeats is None else f'train_dataloader.sampler.repeats={needed} (or more), '
    raise ConfigError(
        f'{samples} samples make no batch of {size}{draws}. Set one of these with --cfg-options: {more}'
        f'train_dataloader.batch_size={samples} (or less), or train_dataloader.drop_last=False, by which the small batch counts'
    )


def check_ranks(loader) -> None:
    """Refuse ranks with different numbers of batches, which would wait for each other at the end of the epoch for ever."""
    if get_world_size() == 1:
        return
    lengths = all_gather_object((len(loader), len(loader.sampler)))
    if len(set(lengths)) > 1:
        raise ConfigError(
            f'train_dataloader.sampler: {type(loader.sampler).__name__} gives the processes different numbers '
            f'of samples, {[samples for _, samples in lengths]}; use DrawSampler, or round_up=True'
        )


def draw_labels(dataset) -> Draws | None:
    """What the samplers of a pipeline write for a made-up video. No file is opened.

    Returns:
        What was drawn; None where the pipeline has a step before its decoder that needs more than the number of frames.
    """
    samplers, later = split_pipeline(dataset)
    if not samplers:
        return None
    labels: dict[str, int | None] = {}
    with kept_random_states():
        try:
            for _ in range(DRAWS):
                results = drawn_by(samplers, MADE_UP_FRAMES)
                for name, value in results.items():
                    if name.startswith('gt_'):
                        labels[name] = max(int(np.max(value)), labels.get(name) or 0)
            num_clips, clip_len = int(results['num_clips']), int(results['clip_len'])
        except Exception:  # an unusual pipeline, about which nothing can be said here
            return None
        size = clip_size(later[1:], num_clips)
    for transform in later:
        labels.update(dict.fromkeys(getattr(transform, 'fields_written', ())))
    return Draws(names_of(samplers), num_clips, clip_len, size, labels)


def split_pipeline(dataset) -> tuple[list[Callable], list[Callable]]:
    """The steps before the decoder that open no file, and those from the decoder on."""
    transforms = getattr(getattr(dataset, 'pipeline', None), 'transforms', None) or []
    names = [type(transform).__name__ for transform in transforms]
    decoder = next((index for index, name in enumerate(names) if 'Decode' in name), 0)
    samplers = [transform for transform, name in zip(transforms[:decoder], names) if not name.endswith('Init')]
    return samplers, transforms[decoder:]


def drawn_by(samplers: Sequence[Callable], frames: int) -> dict:
    """What samplers make of a video of so many frames."""
    results: dict = dict(total_frames=frames, start_index=0)
    for transform in samplers:
        results = transform(results)
    return results


def names_of(samplers: Sequence[Callable]) -> str:
    """The names of samplers' classes."""
    return ', '.join(type(sampler).__name__ for sampler in samplers)


def clip_size(transforms: Sequence[Callable], num_clips: int) -> tuple[int, int] | None:
    """Height and width of frames after the transforms behind a decoder; None: not known, or those of the video."""
    height, width = MADE_UP_SIZE
    frame = np.zeros((height, width, 3), np.uint8)
    results: dict = dict(
        imgs=[frame] * num_clips, num_clips=num_clips, clip_len=1, original_shape=MADE_UP_SIZE, img_shape=MADE_UP_SIZE
    )
    for transform in transforms:
        try:
            results = transform(results)
            height, width = results['imgs'][0].shape[:2]
        except Exception:  # it needs more than frames, or has packed them
            break
    return None if (height, width) == MADE_UP_SIZE else (height, width)


def check_memory(model: nn.Module, draws: Draws, batch_size: int) -> None:
    """Refuse batches for which there is no memory: clips as float32, and the output of the first convolution in 16 bits,
    which every training holds at once."""
    memory = device_memory()
    if draws.size is None or memory is None:
        return
    clips = batch_size * (len(getattr(model, 'student_views', ())) or draws.num_clips)
    values = clips * draws.clip_len * math.prod(draws.size)
    needed = 4 * 3 * values
    stem = next((module for module in model.modules() if isinstance(module, nn.Conv3d)), None)
    if stem is not None:
        needed += 2 * stem.out_channels * values // math.prod(stem.stride)
    if needed > memory:
        raise ConfigError(
            f'train_dataloader: a batch of {batch_size} samples has {clips} clips of {draws.clip_len} frames of '
            f'{draws.size[1]}x{draws.size[0]} pixels. The clips and the output of the first layer alone take '
            f'{needed / 2**30:.1f} GiB, and there are {memory / 2**30:.1f} GiB; lower clip_len of {draws.sampler}, or '
            'train_dataloader.batch_size'
        )


def check_clip_len(dataset, draws: Draws) -> None:
    """Refuse clips that are shorter than a transform needs them, which it declares by its ``least_clip_len``."""
    for transform in dataset.pipeline.transforms:
        least = getattr(transform, 'least_clip_len', 1)
        if draws.clip_len < least:
            raise ConfigError(
                f'train_dataloader.dataset.pipeline: {type(transform).__name__} needs clips of {least} frames or more, but '
                f'{draws.sampler} gives clips of {draws.clip_len}; set clip_len of the sampler in '
                'train_dataloader.dataset.pipeline.sample'
            )


def check_labels(model: nn.Module, draws: Draws) -> None:
    """Refuse a head, or a memory bank, that reads a label which no transform writes."""
    for label in getattr(getattr(model, 'memory_bank', None), 'labels', ()):
        if label not in (*draws.labels, *META_KEYS):
            raise ConfigError(
                f'model.memory_bank.labels: no transform of train_dataloader.dataset.pipeline writes "{label}" '
                f'({draws.sampler}: {sorted(draws.labels) or "none"}); remove it, or use the sampler that does'
            )
    for name, head in getattr(model, 'heads', {}).items():
        for wanted in getattr(head, 'labels_read', ()):
            alternatives = [wanted] if isinstance(wanted, str) else list(wanted)
            if not draws.labels.keys() & set(alternatives):
                written = sorted(draws.labels) or 'none'
                raise ConfigError(
                    f'model.heads.{name}: {type(head).__name__} reads "{" or ".join(alternatives)}", but no '
                    f'transform of train_dataloader.dataset.pipeline writes it ({draws.sampler}: '
                    f'{written}); use the sampler that does, or take the head out with '
                    f'model.heads=dict(_delete_=True, ...)'
                )


def check_classes(runner: Runner, model: nn.Module, datasets: Sequence) -> None:
    """Refuse a head with other numbers of classes than the samplers draw.

    Classes that are never drawn are no error in a run that goes on: its head cannot change any more.
    """
    for name, head in getattr(model, 'heads', {}).items():
        label, classes = getattr(head, 'label', None), getattr(head, 'num_classes', None)
        if label is None or classes is None:
            continue
        found = [largest_label(dataset, label, classes) for dataset in datasets]
        drawn = [pair for pair in found if pair is not None]
        if not drawn:
            continue
        sampler, largest = max(drawn, key=lambda pair: pair[1])
        words = (
            f'model.heads.{name}: {type(head).__name__} has {classes} classes, but {sampler} draws {label} of {largest + 1} '
            f'(0 to {largest}); give both the same number'
        )
        if largest >= classes:
            raise ConfigError(words)
        if largest < classes - 1 and len(drawn) == len(datasets):
            if not getattr(runner, '_resume', False):
                raise ConfigError(words)
            runner.logger.warning(words)


def largest_label(dataset, label: str, classes: int) -> tuple[str, int] | None:
    """Name of the sampler and the largest class that it draws for a long video. No file is opened.

    Args:
        dataset: with a pipeline.
        label: name of the label, which a sampler writes, or a later step from what the sampler drew.
        classes: of the head. It is drawn until the last one has come up, or should have long ago.

    Returns:
        None where the label depends on more than the number of frames.
    """
    samplers, later = split_pipeline(dataset)
    writers = [transform for transform in later if label in getattr(transform, 'fields_written', ())]
    largest = -1
    with kept_random_states():
        try:
            for count in range(max(DRAWS, DRAWS_PER_CLASS * classes)):
                if largest >= classes - 1 and count >= DRAWS:
                    break
                results = drawn_by(samplers, LONG_VIDEO)
                if writers:
                    results['imgs'] = [np.zeros((8, 8, 3), np.uint8)] * (results['num_clips'] * results['clip_len'])
                for transform in writers:
                    results = transform(results)
                largest = max(largest, int(np.max(results[label])))
        except Exception:  # an unusual pipeline, about which nothing can be said here
            return None
    return None if largest < 0 else (names_of(samplers), largest)


def check_views(model: nn.Module, draws: Draws) -> None:
    """Refuse samples of too few clips for the views of teacher and student, and clips too short for an adversary."""
    adversary = getattr(model, 'adversary', None)
    if adversary is not None:
        adversary.num_dropped(draws.clip_len)
    views = [*getattr(model, 'student_views', ()), *getattr(model, 'teacher_views', ())]
    if views and max(views) >= draws.num_clips:
        raise ConfigError(
            f'model: student_views={model.student_views} and teacher_views={model.teacher_views} need '
            f'{max(views) + 1} clips of a sample, but {draws.sampler} gives {draws.num_clips}; set '
            'num_views of the sampler in train_dataloader.dataset.pipeline'
        )


def check_batch_norm(runner: Runner, model: nn.Module, loader, num_clips: int) -> None:
    """Refuse a batch norm over one row, for which torch raises an error in the middle of an epoch; warn of batches of one."""
    size, samples = loader.batch_size, len(loader.sampler)
    if size is None:
        return
    rest = 0 if loader.drop_last or is_endless(sampler_of(loader)) else samples % size
    if 1 not in (size, rest):
        return
    model.train()
    norms = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and module.training and not isinstance(module, nn.SyncBatchNorm)
    }
    views = len(getattr(model, 'student_views', ())) or num_clips
    heads = getattr(model, 'heads', {}).items()
    # They take one view after another.
    one_by_one = ('teacher.', *(f'heads.{name}.' for name, head in heads if getattr(head, 'views_one_by_one', False)))
    for name, module in norms.items():
        if isinstance(module, nn.BatchNorm1d) and (views == 1 or name.startswith(one_by_one)):
            what = (
                'a batch is of one sample'
                if size == 1
                else (f'{samples} samples in batches of {size} leave a last batch of one sample')
            )
            key = 'train_dataloader.batch_size' + (
                '' if size == 1 else ' (another), or train_dataloader.drop_last=True'
            )
            raise ConfigError(f'{what}, of which the batch norm model.{name} can take no statistics; set {key}')
    if size == 1 and norms:
        runner.logger.warning(
            'train_dataloader.batch_size=1: the batch norms take their statistics from one sample at a '
            'time, which trains badly; raise it, or keep the statistics with '
            'model.backbone.norm_eval=True'
        )


def warn_of_long_clips(runner: Runner, draws: Draws) -> None:
    """Say what very long clips cost before the first one is decoded."""
    frames = draws.num_clips * draws.clip_len
    if frames > MANY_FRAMES:
        runner.logger.warning(
            f'{draws.sampler}: a sample has {frames} frames (clip_len={draws.clip_len}), which take seconds to decode; in '
            'videos that are shorter frames repeat'
        )


def warn_of_missing_classes(runner: Runner, dataset) -> None:
    """Warn of classes without a training video, which are never predicted."""
    num_classes = getattr(dataset, 'num_classes', None)
    if num_classes is None or not hasattr(dataset, 'get_data_info'):
        return
    found: set[int] = set()
    for index in range(len(dataset)):
        label = dataset.get_data_info(index).get('label')
        if label is not None:  # labels of several classes are rows of zeros and ones
            found.update(np.flatnonzero(label).tolist() if getattr(dataset, 'multi_class', False) else [int(label)])
    missing = sorted(set(range(num_classes)) - found)
    if missing and found:
        classes = dataset.metainfo.get('classes')
        names = [str(label) if classes is None else f'{label} ({classes[label]})' for label in missing]
        more = f' and {len(names) - SHOWN} more' if len(names) > SHOWN else ''
        runner.logger.warning(
            f'{dataset.ann_file}: {len(missing)} of {num_classes} classes have no video to train on, and '
            f'will not be predicted: {", ".join(names[:SHOWN])}{more}. Classes are counted from 0; correct '
            'the list, or model.cls_head.num_classes'
        )
