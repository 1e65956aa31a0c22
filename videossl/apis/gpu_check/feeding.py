"""How many samples the loader delivers, from files as they come and from compacted ones, with 1 to all cores; and how fast
they get to the device."""

from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from videossl.apis.doctor.measurement import endless_loader, result_of, timed

from .methods import Method, Place, Training
from .timing import milliseconds


def worker_numbers(cores: int) -> list[int]:
    """0, powers of two, and the number of cores."""
    return sorted({0, cores, *(2**power for power in range(cores.bit_length()) if 2**power < cores)})


class Ready(Dataset):
    """Each process makes one sample and returns it repeatedly."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.sample: dict = {}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index) -> dict:
        self.sample = self.sample or self.dataset[index]
        return dict(self.sample, inputs=self.sample['inputs'].clone())


def feeding(
    method: Method, place: Place, workers: list[int], seconds: float, batch: int, ready: bool = False
) -> dict[int, float]:
    """Samples/s by number of workers, with nothing else running.

    Args:
        ready: of samples that are made before, see :class:`Ready`.
    """
    training = Training(method, place, batch=batch)
    loader: DataLoader = training.runner.train_loop.dataloader
    dataset = Ready(loader.dataset) if ready else loader.dataset
    found = {}
    for number in workers:
        context: dict[str, Any] = dict(prefetch_factor=2, worker_init_fn=loader.worker_init_fn) if number else {}
        plain = DataLoader(
            dataset,
            batch,
            sampler=loader.sampler,
            num_workers=number,
            collate_fn=loader.collate_fn,
            pin_memory=place.device == 'cuda',
            **context,
        )
        found[number] = result_of(timed(endless_loader(plain, batch), batch, 2 * number, seconds))
    return found


def transfer(method: Method, place: Place, seconds: float) -> dict:
    """Milliseconds that a batch of the method takes from host memory to normalised floats on the device.

    Returns:
        ``pinned`` and ``pageable``, each as :func:`~.timing.milliseconds`; ``mebibytes`` of the batch.
    """
    training = Training(method, place)
    batch = training.batches(1)[0]
    clips = [inputs.clone() for inputs in batch['inputs']]
    preprocess: Any = training.model.data_preprocessor
    found: dict = dict(mebibytes=sum(clip.numel() for clip in clips) / 2**20, samples=len(clips))
    for name in ('pinned', 'pageable') if torch.cuda.is_available() else ('pageable',):
        held = [clip.pin_memory() for clip in clips] if name == 'pinned' else clips
        data = dict(inputs=held, data_samples=batch['data_samples'])
        found[name] = milliseconds(lambda: preprocess(data, True), place.device, seconds)
    return found
