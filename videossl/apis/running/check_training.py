"""Faults of a config that only show when its parts are put together, found before any video is decoded."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dataset import InfiniteSampler
from mmengine.dist import all_gather_object, get_world_size
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from videossl.errors import ConfigError
from videossl.wrappers import innermost_datasets, unwrap

MADE_UP_FRAMES = 300
DRAWS = 64  # of a sampler, to see which labels it gives
SHOWN = 20


def check_training(runner: Runner) -> None:
    """Look at model, hooks and data together, when all are built.

    It warns of a memory bank larger than the data, of classes without a video, and of batches of one sample.

    Raises:
        ConfigError: training cannot work, or would end with an error: no whole batch, a hook or a label that the model
            needs is missing, too few clips, a batch of one that a batch norm refuses, ranks with different numbers of
            samples. The message names the key.
    """
    model, loader = unwrap(runner.model), runner.train_loop.dataloader
    check_batches(runner)
    check_ranks(loader)
    check_hooks(model, runner.hooks)
    datasets = innermost_datasets(loader.dataset)
    drawn = [draw_labels(dataset) for dataset in datasets]
    for sample in drawn:
        if sample is not None:
            check_labels(model, sample)
            check_views(model, sample)
    check_batch_norm(runner, model, loader, min((sample['num_clips'] for sample in drawn if sample), default=1))
    warn_of_large_bank(runner, model, sum(len(dataset) for dataset in datasets))
    for dataset in datasets:
        warn_of_missing_classes(runner, dataset)


def check_batches(runner: Runner) -> None:
    """Refuse to train on nothing: with ``drop_last``, fewer samples than a batch give an epoch without an iteration."""
    loader = runner.train_loop.dataloader
    if len(loader) == 0:
        raise ConfigError(
            f'{len(loader.dataset)} samples make no batch of {loader.batch_size}: lower '
            'train_dataloader.batch_size, or let small batches count with '
            'train_dataloader.drop_last=False'
        )


def check_ranks(loader) -> None:
    """Refuse ranks of different lengths: they would wait for each other at the end of the epoch, for ever."""
    if get_world_size() == 1:
        return
    lengths = all_gather_object((len(loader), len(loader.sampler)))
    if len(set(lengths)) > 1:
        raise ConfigError(
            f'train_dataloader.sampler: {type(loader.sampler).__name__} gives the processes different numbers '
            f'of samples, {[samples for _, samples in lengths]}; use DrawSampler, or round_up=True'
        )


def check_hooks(model: nn.Module, hooks: Sequence) -> None:
    """Refuse a model without the hooks, or the bank, that are a part of its method."""
    attached = {parent.__name__ for hook in hooks for parent in type(hook).__mro__}
    missing = [name for name in getattr(model, 'required_hooks', ()) if name not in attached]
    if 'MemoryBankHook' in getattr(model, 'required_hooks', ()) and getattr(model, 'memory_bank', 0) is None:
        raise ConfigError(
            f'model.memory_bank is None, but {type(model).__name__} compares with the embeddings in it; give it '
            "dict(type='MemoryBank', size=..., dim=...)"
        )
    if missing:
        raise ConfigError(
            f'custom_hooks: {type(model).__name__} needs {" and ".join(missing)}; add '
            + ', '.join(f"dict(type='{name}')" for name in missing)
            + '. (A config that sets custom_hooks '
            'replaces those of its _base_, and has to name them all)'
        )


def draw_labels(dataset) -> dict[str, Any] | None:
    """What a pipeline's samplers write for a made-up video, without opening one.

    Returns:
        ``num_clips``; ``sampler``, the names of the transforms; ``labels``, for each name the largest label that was
        drawn, or None where it is no number; ``packed``, the names that a data sample then has. None: the pipeline
        holds something before its decoder that does not work with the number of frames alone.
    """
    transforms = getattr(getattr(dataset, 'pipeline', None), 'transforms', None)
    if not transforms:
        return None
    names = [type(transform).__name__ for transform in transforms]
    decoders = [place for place, name in enumerate(names) if 'Decode' in name]
    samplers = [
        transform
        for transform in transforms[: decoders[0] if decoders else 0]
        if not type(transform).__name__.endswith('Init')
    ]
    if not samplers:
        return None
    states = random.getstate(), np.random.get_state()
    labels: dict[str, int | None] = {}
    try:
        for _ in range(DRAWS):
            results: dict = dict(total_frames=MADE_UP_FRAMES, start_index=0)
            for transform in samplers:
                results = transform(results)
            for name, value in results.items():
                if name.startswith('gt_'):
                    labels[name] = max(int(np.max(value)), labels.get(name, 0))
        num_clips = int(results['num_clips'])
    except Exception:  # an unusual pipeline, about which nothing can be said here
        return None
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    for transform in transforms[decoders[0] :]:
        labels.update(dict.fromkeys(getattr(transform, 'fields_written', ())))
    pack = next((transform for transform in transforms if hasattr(transform, 'label_keys')), None)
    packed = (
        set(labels)
        if pack is None
        else {name for name in labels if not name.startswith('gt_') or name in pack.label_keys}
    )
    return dict(
        num_clips=num_clips,
        sampler=', '.join(type(transform).__name__ for transform in samplers),
        labels=labels,
        packed=packed,
    )


def check_labels(model: nn.Module, sample: dict) -> None:
    """Refuse a head that reads a label which no transform writes, or one with fewer classes than are drawn."""
    for name, head in getattr(model, 'heads', {}).items():
        for wanted in getattr(head, 'labels_read', ()):
            alternatives = [wanted] if isinstance(wanted, str) else list(wanted)
            if not sample['packed'] & set(alternatives):
                written = sorted(sample['packed']) or 'none'
                raise ConfigError(
                    f'model.heads.{name}: {type(head).__name__} reads "{" or ".join(alternatives)}", but no '
                    f'transform of train_dataloader.dataset.pipeline writes it ({sample["sampler"]}: '
                    f'{written}); use the sampler that does, or take the head out with '
                    f'model.heads=dict(_delete_=True, ...)'
                )
        largest = sample['labels'].get(getattr(head, 'label', None))
        if largest is not None and largest >= head.num_classes:
            raise ConfigError(
                f'model.heads.{name}: {type(head).__name__} has {head.num_classes} classes, but '
                f'{sample["sampler"]} draws {head.label} up to {largest}; give both the same number'
            )


def check_views(model: nn.Module, sample: dict) -> None:
    """Refuse samples of too few clips for the views of teacher and student."""
    views = [*getattr(model, 'student_views', ()), *getattr(model, 'teacher_views', ())]
    if views and max(views) >= sample['num_clips']:
        raise ConfigError(
            f'model: student_views={model.student_views} and teacher_views={model.teacher_views} need '
            f'{max(views) + 1} clips of a sample, but {sample["sampler"]} gives {sample["num_clips"]}; set '
            'num_views of the sampler in train_dataloader.dataset.pipeline'
        )


def check_batch_norm(runner: Runner, model: nn.Module, loader, num_clips: int) -> None:
    """Refuse a batch norm over one row, which torch does in the middle of an epoch, and warn of batches of one."""
    size, samples = loader.batch_size, len(loader.sampler)
    if size is None:
        return
    endless = isinstance(loader.sampler, InfiniteSampler)
    rest = 0 if loader.drop_last or endless else samples % size
    if 1 not in (size, rest):
        return
    model.train()
    norms = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and module.training and not isinstance(module, nn.SyncBatchNorm)
    }
    views = len(getattr(model, 'student_views', ())) or num_clips
    for name, module in norms.items():
        # The averaged teacher sees one view after another.
        if isinstance(module, nn.BatchNorm1d) and (views == 1 or name.startswith('teacher.')):
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


def warn_of_large_bank(runner: Runner, model: nn.Module, num_videos: int) -> None:
    """A bank larger than the data holds earlier embeddings of the very videos of a batch."""
    bank = getattr(model, 'memory_bank', None)
    if bank is not None and bank.size > num_videos:
        runner.logger.warning(
            f'model.memory_bank.size={bank.size}, but there are {num_videos} videos: the bank holds every '
            'video several times, also those of the batch, whose own earlier embeddings then count as '
            f'other videos. Set model.memory_bank.size={num_videos} or less'
        )


def warn_of_missing_classes(runner: Runner, dataset) -> None:
    """A class without a training video is never predicted."""
    num_classes = getattr(dataset, 'num_classes', None)
    if num_classes is None or not hasattr(dataset, 'get_data_info'):
        return
    found: set[int] = set()
    for index in range(len(dataset)):
        label = dataset.get_data_info(index).get('label')
        if label is not None:  # several classes are a row of zeros and ones
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
