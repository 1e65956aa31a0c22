"""Training as ``tools/train.py`` does it, with all hooks, in portions that a benchmark can time."""

import copy
import functools
import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from measuring import peak, with_spread
from torch.utils.flop_counter import FlopCounterMode

from videossl.apis.doctor.command import leave_no_trace
from videossl.apis.doctor.measurement import endless_loader, synchronise
from videossl.apis.running.launch import build_runner, keep_freed_memory
from videossl.apis.running.train import config_for_training, parse_args
from videossl.compat import config_directory
from videossl.wrappers import unwrap

NARROW = 4  # channels of the stem in a quick run
PATIENCE = 300  # seconds


class TrainingRun:
    """A run of a shipped config that has begun and waits to be told how many iterations to do.

    Args:
        config: below ``configs/``.
        videos: folder.
        folder: for what a run writes.
        batch: samples in a batch.
        narrow: take a net of a sixteenth of the width.
        held: batches of clips to keep in memory.
        options: more settings, as ``--cfg-options`` has them.
        precision: ``'auto'`` or ``'fp32'``.

    Attributes:
        precision: that training computes in.
        loader: of the videos, without an end; its workers are those that training has on this machine.
        threads: that training computes with on this machine.
    """

    def __init__(
        self,
        config: str,
        videos: Path,
        folder: Path,
        batch: int,
        narrow: bool = False,
        held: int = 0,
        options: dict | None = None,
        precision: str = 'auto',
    ) -> None:
        args = parse_args([str(Path(config_directory(), config)), '--data-root', str(videos), '--no-validate'])
        args.cfg_options = {
            'train_dataloader.batch_size': batch,
            'default_hooks.precision.precision': precision,
            **(narrow_options(config) if narrow else {}),
            **(options or {}),
        }
        threads = torch.get_num_threads()
        settings = config_for_training(args)
        leave_no_trace(settings, str(folder))
        self.runner = build_runner(settings)
        loop = self.runner.train_loop
        loop._max_iters = 10**9  # which the time that is left is computed from
        loop._run = self._begin
        self.runner.train()
        self.threads = torch.get_num_threads()
        self.precision = unwrap(self.runner.model).autocast_precision
        torch.set_num_threads(threads)
        self.loader = endless_loader(loop.dataloader, batch)
        self.batches = iter(self.loader)
        self.held = [next(self.batches) for _ in range(held)]
        self.count = 0

    def _begin(self) -> torch.nn.Module:
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        return self.runner.model

    def from_files(self, number: int) -> None:
        """Train on the next batches of the loader."""
        self._train(self.batches, number)

    def from_memory(self, number: int) -> None:
        """Train on batches that are held."""
        self._train(itertools.cycle(self.held), number)

    def use_up_prefetched(self) -> None:
        """Train on the batches that workers have made while others had their turn: those that come after them take the
        time that they take."""
        if self.loader.num_workers:
            self.from_files(self.loader.num_workers * self.loader.prefetch_factor)

    def rest(self) -> None:
        """Wait until workers have made all that they may make in advance."""
        wait_for_workers(self.batches)

    def _train(self, batches: Iterator[dict], number: int) -> None:
        others = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        keep_freed_memory()  # as tools/train.py does; a rival may have taken it back
        loop = self.runner.train_loop
        for batch in itertools.islice(batches, number):
            loop.run_iter(self.count, batch)
            self.count += 1
        synchronise()
        torch.set_num_threads(others)

    def parts(self, number: int) -> dict[str, float]:
        """Milliseconds that each part of an iteration takes, of so many iterations from memory."""
        spent: dict[str, float] = defaultdict(float)
        model, runner = unwrap(self.runner.model), self.runner
        watched = [
            (model.data_preprocessor, 'forward', 'to floats'),
            (runner.optim_wrapper, 'backward', 'backward'),
            (runner.optim_wrapper, 'step', 'optimiser'),
            (model, 'embed', 'forward'),
            *((head, 'loss', 'heads') for head in model.heads.values()),
            *((predictor, 'forward', 'forward') for predictor in getattr(model, 'predictors', {}).values()),
        ]
        if hasattr(model, 'teacher'):
            watched += [
                (model, 'embed_with_teacher', 'teacher forward'),
                (model, 'move_teacher', 'teacher moves'),
                (model.memory_bank, 'enqueue', 'bank enqueues'),
            ]
        undo = [_watch(*entry, spent) for entry in watched]
        try:
            began = time.perf_counter()
            self.from_memory(number)
            whole = time.perf_counter() - began
        finally:
            for function in undo:
                function()
        spent['hooks and the rest'] = whole - sum(spent.values())
        return {part: 1e3 * seconds / number for part, seconds in spent.items()}

    def multiplications(self) -> float:
        """GMAC of an iteration: of the backbone forward and backward for each clip of the student, and forward for each of
        the teacher. As torch counts them on tensors without values, for which no convolution takes another form."""
        model, (batch, views, *clip) = unwrap(self.runner.model), self._shape()
        if not hasattr(model, 'teacher'):
            return batch * views * gigamacs(model.backbone, clip)
        student, teacher = len(model.student_views), len(model.teacher_views)
        of_teacher = gigamacs(model.teacher['backbone'], clip, backward=False)
        return batch * (student * gigamacs(model.backbone, clip) + teacher * of_teacher)

    def _shape(self) -> tuple[int, ...]:
        inputs = (self.held or [next(self.batches)])[0]['inputs']
        return len(inputs), *inputs[0].shape

    def share_of_peak(self, seconds: float) -> str:
        """How fast an iteration that takes so long multiplies, beside a plain matrix product on the same threads."""
        rate, most = self.multiplications() / seconds, peak(self.precision, self.threads)
        return (
            f'{rate:.1f} GMAC/s, {100 * rate / most:.0f} % of the {most:.1f} of a plain matrix product in {self.precision} '
            f'on {self.threads} threads'
        )

    def close(self) -> None:
        """End the workers."""
        del self.batches


def gigamacs(backbone: torch.nn.Module, clip: Sequence[int], backward: bool = True) -> float:
    """GMAC of a clip [C, T, H, W] through a net, and back unless it is said otherwise."""
    backbone = copy.deepcopy(backbone).to('meta').requires_grad_(backward)
    with FlopCounterMode(display=False) as counter:
        features = backbone(torch.empty(1, *clip, device='meta'))
        if backward:
            features.mean().backward()
    return counter.get_total_flops() / 2e9


def wait_for_workers(batches: Iterator) -> None:
    """Wait until the workers behind a loader's iterator, if it has any, have made all that they were told to."""
    queue, end = getattr(batches, '_worker_result_queue', None), time.monotonic() + PATIENCE
    while queue is not None and queue.qsize() < batches._tasks_outstanding:
        if time.monotonic() > end:
            raise SystemExit(f'the workers of a loader have not made their batches within {PATIENCE} seconds')
        time.sleep(0.05)


def _watch(owner, name: str, part: str, spent: dict[str, float]) -> Callable[[], None]:
    function = getattr(owner, name)
    own = vars(owner).get(name)  # precision is switched by such a function of the instance

    @functools.wraps(function)
    def timed(*args, **kwargs):
        synchronise()
        began = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            synchronise()
            spent[part] += time.perf_counter() - began

    setattr(owner, name, timed)
    return lambda: delattr(owner, name) if own is None else setattr(owner, name, own)


def narrow_options(config: str) -> dict:
    """Settings of a net of a sixteenth of the width: for trying a benchmark out."""
    options = {'model.backbone.base_channels': NARROW}
    places = ['necks.projection'] if 'aux-skd_' in config else ['heads.speed', 'heads.segment']
    return {**options, **{f'model.{place}.in_channels': 8 * NARROW for place in places}}


def clips_a_second(spent: list[tuple[float, float]], clips: int) -> str:
    """Of turns of so many clips: on the clock, and how long a clip keeps processors busy."""
    return (
        f'{with_spread([clips / seconds for seconds, _ in spent])} clips/s; of processors '
        f'{with_spread([1e3 * processors / clips for _, processors in spent], 0)} ms a clip'
    )
