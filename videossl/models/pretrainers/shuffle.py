"""Shuffling a batch over processes, so that batch-norm statistics do not reveal the pairs (ShuffleBN)."""

from collections.abc import Callable

import torch
from mmengine.dist import all_gather, broadcast, get_rank, get_world_size
from torch import Tensor

from videossl.errors import ConfigError


def check_equal_batches(batch: Tensor) -> None:
    """Raise a ValueError, on every process alike, unless all of them have batches of one size.

    The sizes are read back from the device. Call it before the forward pass, while the device is idle. All processes must
    call it each time: a process cannot know whether the size of another one has changed.

    Args:
        batch: [B, ...], this process's.
    """
    if get_world_size() == 1:
        return
    sizes = torch.cat(all_gather(torch.tensor([len(batch)], device=batch.device))).tolist()
    if len(set(sizes)) > 1:
        raise ConfigError(
            f'shuffle_teacher needs batches of one size on every process, got {sizes}; set '
            'train_dataloader.drop_last=True, or model.shuffle_teacher=False'
        )


def with_shuffled_batch(embed: Callable[[Tensor], dict[str, Tensor]], clips: Tensor) -> dict[str, Tensor]:
    """Embed a batch of which each process runs a random part of all processes' clips.

    Batch norm takes its statistics from the clips that run together. Where student and teacher see the same videos, the
    statistics alone reveal which embeddings belong together ("Momentum Contrast for Unsupervised Visual
    Representation Learning", Kaiming He, Haoqi Fan, Yuxin Wu, Saining Xie, Ross Girshick, 2020, section 3.3). So the
    clips of all processes are gathered, permuted, and each process runs its part; the embeddings are gathered and each
    process takes back its own. On one process nothing is gathered or drawn: a permutation changes no statistics.

    There is no gradient through the gathering.

    Args:
        embed: clips [B, ...] to named embeddings, each [B, D].
        clips: [B, ...], this process's; B the same on every process.

    Returns:
        The embeddings of this process's own clips, in their order.
    """
    world_size = get_world_size()
    if world_size == 1:
        return embed(clips)
    batch_size = len(clips)
    own = slice(get_rank() * batch_size, (get_rank() + 1) * batch_size)
    order = torch.randperm(world_size * batch_size).to(clips.device)
    broadcast(order)  # rank 0's for all
    everyones = torch.cat(all_gather(clips.contiguous()))
    embeddings = embed(everyones[order[own]])
    indices = order.argsort()[own]  # of this process's clips in the shuffled batch
    return {name: torch.cat(all_gather(embedding.contiguous()))[indices] for name, embedding in embeddings.items()}
