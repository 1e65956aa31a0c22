"""A sampler that numbers its draws."""
from collections.abc import Iterator, Sized

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from videossl.registry import DATA_SAMPLERS


class Draw(int):
    """An index into a data set that also says which draw it is.

    Random augmentation is a function of (seed, position): so repeats of a video and epochs differ, the number of
    workers changes nothing, and a resumed run goes on where it stopped. Modulo and difference keep what it carries, so
    that mmengine's ``RepeatDataset`` and ``ConcatDataset`` hand it on.

    Args:
        index: index into the data set.
        position: number of this draw in the sampler's endless sequence, over all epochs and ranks.
        seed: the sampler's seed.
        turn: number of this draw in its rank's own sequence, over all epochs: a batch has consecutive ones. None:
            ``position``, as it is on a single process.
    """

    def __new__(cls, index: int, position: int, seed: int, turn: int | None = None):
        draw = super().__new__(cls, index)
        draw.position = position
        draw.seed = seed
        draw.turn = position if turn is None else turn
        return draw

    def __mod__(self, other: int) -> 'Draw':
        return Draw(int(self) % int(other), self.position, self.seed, self.turn)

    def __sub__(self, other: int) -> 'Draw':
        return Draw(int(self) - int(other), self.position, self.seed, self.turn)

    def __reduce__(self):
        return Draw, (int(self), self.position, self.seed, self.turn)


@DATA_SAMPLERS.register_module()
class DrawSampler(Sampler):
    """Every sample once an epoch, shuffled anew, each as a :class:`Draw`.

    With several processes each rank takes every world-size-th; the last ones are padded with the first, so that all
    ranks have the same number.

    Args:
        dataset: anything with a length.
        shuffle: False keeps the order of the data set.
        seed: of the order and of the draws; all ranks need the same. None: a common random one.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: int | None = None) -> None:
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.world_size)

    def __iter__(self) -> Iterator[Draw]:
        size = len(self.dataset)
        total = len(self) * self.world_size
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(size)
        else:
            order = np.arange(size)
        for turn, place in enumerate(range(self.rank, total, self.world_size), self.epoch * len(self)):
            yield Draw(int(order[place % size]), self.epoch * total + place, self.seed, turn)

    def set_epoch(self, epoch: int) -> None:
        """Begin with this epoch."""
        self.epoch = epoch
