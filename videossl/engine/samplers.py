"""A sampler that numbers its draws."""

import itertools
from collections.abc import Iterator, Sized

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from videossl.checks import check_integer
from videossl.registry import DATA_SAMPLERS


class Draw(int):
    """An index into a data set that also says which draw it is.

    Random augmentation is a function of (seed, position). Repeats of a video and epochs differ, the number of workers has
    no effect, and a resumed run goes on where it stopped. Modulo and difference return a ``Draw``, so that mmengine's
    ``RepeatDataset`` and ``ConcatDataset`` pass it on.

    Args:
        index: index into the data set.
        position: number of this draw in the sampler's endless sequence, over all epochs and ranks.
        seed: the sampler's seed.
        rank_position: number of this draw in its rank's own sequence, over all epochs; consecutive in a batch. None:
            ``position``, which is the same on a single process.
    """

    position: int
    seed: int
    rank_position: int

    def __new__(cls, index: int, position: int, seed: int, rank_position: int | None = None) -> 'Draw':
        draw = super().__new__(cls, index)
        draw.position = position
        draw.seed = seed
        draw.rank_position = position if rank_position is None else rank_position
        return draw

    def __mod__(self, other: int) -> 'Draw':
        return Draw(int(self) % int(other), self.position, self.seed, self.rank_position)

    def __sub__(self, other: int) -> 'Draw':
        return Draw(int(self) - int(other), self.position, self.seed, self.rank_position)

    def __reduce__(self) -> tuple[type, tuple[int, int, int, int]]:
        return Draw, (int(self), self.position, self.seed, self.rank_position)


@DATA_SAMPLERS.register_module()
class DrawSampler(Sampler):
    """Every sample ``repeats`` times an epoch, shuffled anew each epoch, each as a :class:`Draw`.

    With W processes each rank takes every W-th draw. The sequence is padded with its first draws, so that all ranks have the
    same number.

    ``start``, set before a pass, is the number of this rank's draws that the next pass skips. A resumed run uses it to go on
    without reading the samples before.

    Args:
        dataset: anything with a length.
        shuffle: False keeps the order of the data set.
        seed: of the order and of the draws; all ranks need the same. None: a common random one.
        endless: a pass goes on from epoch to epoch and never ends, for iteration-based training; all batches are full.
            Unlike with mmengine's ``InfiniteSampler``, every sample comes equally often in an epoch.
        repeats: draws of each sample in an epoch, the same draws as of mmengine's ``RepeatDataset(times=repeats)``.
    """

    def __init__(
        self, dataset: Sized, shuffle: bool = True, seed: int | None = None, endless: bool = False, repeats: int = 1
    ) -> None:
        check_integer('repeats', repeats)
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.endless = endless
        self.repeats = repeats
        self.epoch = 0
        self.start = 0

    def __len__(self) -> int:
        """This rank's draws of one epoch."""
        return -(-len(self.dataset) * self.repeats // self.world_size)

    def __iter__(self) -> Iterator[Draw]:
        start, self.start = self.start, 0
        yield from self._endless_draws(start) if self.endless and len(self) else self._draws(self.epoch, start)

    def _draws(self, epoch: int, start: int = 0) -> Iterator[Draw]:
        videos = len(self.dataset)
        size = videos * self.repeats
        if self.shuffle:
            order = np.random.default_rng([self.seed, epoch]).permutation(size)
        else:
            order = np.arange(size)
        for rank_position in range(start, len(self)):
            index = self.rank + rank_position * self.world_size
            position = epoch * len(self) * self.world_size + index
            yield Draw(int(order[index % size]) % videos, position, self.seed, epoch * len(self) + rank_position)

    def _endless_draws(self, start: int) -> Iterator[Draw]:
        epochs, start = divmod(start, len(self))
        for epoch in itertools.count(self.epoch + epochs):
            yield from self._draws(epoch, start)
            start = 0

    def set_epoch(self, epoch: int) -> None:
        """Begin with this epoch."""
        self.epoch = epoch
