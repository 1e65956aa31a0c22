"""A rehearsal of the first batch, before any video is decoded: made-up frames pass the pipeline, shapes alone pass the model."""

import copy
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.runner import Runner
from torch import nn

from videossl.errors import ConfigError
from videossl.models.heads.parsing_distill_head import Unregistered
from videossl.models.pretrainers import Pretrainer
from videossl.random_states import kept_random_states
from videossl.wrappers import innermost_datasets, unwrap

from .check_shapes import watch_first_shapes
from .check_training import MADE_UP_FRAMES, MADE_UP_SIZE


def rehearse(runner: Runner, config: Config) -> None:
    """Let a pretrainer's first batch fail early, where its settings do not fit each other.

    Frames are black, and no pixel passes the model: its copy has tensors without memory (PyTorch's ``meta`` device), so that
    this takes no memory and little time for a net of any size. What cannot be rehearsed so is left to the first iteration:
    steps that read files of the videos, clips whose size is that of the videos, parts whose path depends on values, and several
    processes, which would wait for each other.

    Args:
        runner: with the model and the training data.
        config: the config; it tells which part has ``in_channels``.

    Raises:
        ConfigError: a step or a part refuses what it gets. The message names the key.
    """
    model = unwrap(runner.model)
    if not isinstance(model, Pretrainer) or get_world_size() > 1:
        return
    for dataset in innermost_datasets(runner.train_loop.dataloader.dataset):
        with kept_random_states():
            made_up = [made_up_sample(dataset, size) for size in (MADE_UP_SIZE, MADE_UP_SIZE[::-1])]
            samples = [sample for sample, _ in made_up]
            refusals = [sample for sample in samples if isinstance(sample, ConfigError)]
            same_refusal = len(refusals) == len(samples) and len({str(refusal) for refusal in refusals}) == 1
            if len({size for _, size in made_up}) > 1 and not same_refusal:  # it depends on the videos
                continue
            if refusals:
                raise refusals[0]
            if None not in samples:
                pass_shapes(model, samples, config)


def made_up_sample(dataset: Any, size: tuple[int, int]) -> tuple[Any, tuple[int, int] | None]:
    """What a pipeline packs of a made-up video of black frames of a size, or the ConfigError of a step that refuses them, or None
    where it needs more than frames; and the frames' size after the last step."""
    transforms = getattr(getattr(dataset, 'pipeline', None), 'transforms', None) or []
    results: Any = dict(
        filename='', sample_idx=0, label=0, modality='RGB', total_frames=MADE_UP_FRAMES, start_index=0, avg_fps=25.0
    )
    try:
        for transform in transforms:
            name = type(transform).__name__
            if 'Decode' in name:
                count = results['num_clips'] * results['clip_len']
                frames = [np.zeros((*size, 3), np.uint8) for _ in range(count)]
                results.update(imgs=frames, original_shape=size, img_shape=size)
            elif not name.endswith('Init'):
                results = transform(results)
    except ConfigError as error:
        return error, results['imgs'][0].shape[:2] if 'imgs' in results else None
    except Exception:  # an unusual pipeline, about which nothing can be said here
        return None, None
    packed = isinstance(results, dict) and 'inputs' in results
    return (results, tuple(results['inputs'].shape[-2:])) if packed else (None, None)


def pass_shapes(model: Pretrainer, samples: list[dict], config: Config) -> None:
    """Pass the shapes of a batch through a copy of a model.

    Raises:
        ConfigError: a part refuses what it gets.
    """
    shapes = copy_without_memory(model)
    watch_first_shapes(shapes, config)
    batch = {key: [sample[key] for sample in samples] for key in samples[0]}
    batch['inputs'] = [clips.to('meta') for clips in batch['inputs']]
    try:
        shapes.train()
        shapes(**shapes.data_preprocessor(batch, training=True), mode='loss')
        if hasattr(shapes, 'enqueue_pending_keys'):
            shapes.enqueue_pending_keys()
    except ConfigError:
        raise
    except Exception:  # of what has no values
        return


def copy_without_memory(model: nn.Module) -> Any:
    """A copy of a model whose tensors are on the ``meta`` device; the model's are not copied.

    An :class:`~videossl.models.heads.parsing_distill_head.Unregistered` module gets such a copy, too. Other copies of its owner
    share it, and would take its weights along to the device.
    """
    tensors = [*model.parameters(), *model.buffers()]
    memo: dict[int, Any] = {}
    for tensor in tensors:
        bare = tensor.detach().to('meta')
        memo[id(tensor)] = nn.Parameter(bare, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else bare
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Unregistered):
                memo[id(value)] = Unregistered(copy_without_memory(value.module))
    with torch.no_grad():
        return copy.deepcopy(model, memo).to('meta')
