"""From timings to a verdict: what holds training back, how long it takes, and what to change. Nothing here measures."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod

ELSE = 'everything else'
STEP = 'step'
# How an advice names the parts of the data; a group not named here goes by its own name.
GROUPS = dict(
    disk='reading from the disk',
    open='opening',
    sample='sampling',
    decode='decoding',
    load='loading maps',
    augment='the transforms',
    pack='packing',
    collate='collating',
)
LEAST_GAIN = 1.1  # a smaller one is no advice
LEAST_DECODING_LEFT = 1 / 3  # from 240 lines to 128 with key frames every 8 to 16, a quarter to a fifth was seen
LARGE_FILES = 1.5  # their short side over the clips': with up to this re-encoding saves little
FAR_KEY_FRAMES = 24
NEAR_KEY_FRAMES = 12  # as tools/data/compact.py writes them
SMALL_CLIP = (16, 64, 64)  # of configs/laptop
FIGHTING = 0.7  # of the slower of loader and step, when both run
ALMOST_FULL = 0.85


@dataclass(frozen=True)
class Timings:
    """What was measured, in milliseconds per sample where nothing else is said.

    Args:
        data: each part of the pipeline, in its order, in one process with one thread; their sum is the whole.
        groups: each part's kind, of ``GROUPS``.
        step: parts of a training iteration, of which ``transfer`` is the copy to the device with the normalisation.
        collate: from samples to a batch.
        workers: of the loader.
        reading: what a file costs that must come from the disk, beyond a cached one; 0 where the files stay in memory.
        loader_rate: samples/s that the workers delivered with nothing else running; None: not measured.
        together_rate: samples/s of loader and step together; None: not measured.
    """

    data: dict[str, float]
    step: dict[str, float]
    groups: dict[str, str] = field(default_factory=dict)
    collate: float = 0.0
    workers: int = 0
    reading: float = 0.0
    loader_rate: float | None = None
    together_rate: float | None = None

    @property
    def data_ms(self) -> float:
        """A sample's way from the file into a batch, in one process."""
        return sum(self.data.values()) + self.collate + self.reading

    @property
    def step_ms(self) -> float:
        """A sample's share of an iteration."""
        return sum(self.step.values())

    def by_group(self) -> dict[str, float]:
        """``data_ms`` by kind of part."""
        sums: dict[str, float] = {}
        for part, time in self.data.items():
            group = self.groups.get(part, part)
            sums[group] = sums.get(group, 0.0) + time
        return {**sums, 'collate': self.collate, 'disk': self.reading}


@dataclass(frozen=True)
class Wall:
    """What holds training back.

    Args:
        side: ``'data'``, ``'step'``, or ``'cores'`` where each alone would do and together they hinder each other.
        part: the largest group of that side.
        share: that group's share of its side's time.
        text: the same in a sentence.
    """

    side: str
    part: str
    share: float
    text: str


@dataclass(frozen=True)
class Advice:
    """Something to change.

    Args:
        text: what, and how.
        gain: factor on samples/s by these timings; None: not known from them.
    """

    text: str
    gain: float | None = None


def typical(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of runs of the same parts, the mean of those whose total lies in the middle third: a median whose parts add up."""
    ordered = sorted(runs, key=lambda run: sum(run.values()))
    cut = len(ordered) // 3
    return mean_of(ordered[cut : len(ordered) - cut])


def mean_of(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each part over runs, 0 in a run that lacks it."""
    parts = dict.fromkeys(part for run in runs for part in run)
    return {part: sum(run.get(part, 0.0) for run in runs) / len(runs) for part in parts}


def data_rate(timings: Timings, workers: int) -> float:
    """Samples/s that so many workers deliver (0: the main process, between steps), if no core is shared. As measured,
    for the loader's own number, if it was."""
    if workers == timings.workers and timings.loader_rate is not None:
        return timings.loader_rate
    return max(workers, 1) * 1e3 / timings.data_ms


def training_rate(timings: Timings, workers: int | None = None) -> float:
    """Samples/s of training as it follows from the parts: without workers data and step take turns, with workers the
    slower one counts."""
    workers = timings.workers if workers is None else workers
    if workers == 0:
        return 1e3 / (timings.data_ms + timings.step_ms)
    return min(data_rate(timings, workers), 1e3 / timings.step_ms)


def measured_or_computed_rate(timings: Timings) -> float:
    """Samples/s of training: as measured, where it was."""
    return training_rate(timings) if timings.together_rate is None else timings.together_rate


def wall(timings: Timings) -> Wall:
    """What holds training back."""
    groups = timings.by_group()
    part = max(groups, key=groups.get)
    of_data = groups[part] / timings.data_ms
    name = GROUPS.get(part, part)
    step_part = max(timings.step, key=timings.step.get)
    of_step = timings.step[step_part] / timings.step_ms
    if timings.workers == 0:
        share = timings.data_ms / (timings.data_ms + timings.step_ms)
        turns = 'the main process loads data and trains in turns'
        if share > 0.5:
            return Wall(
                'data',
                part,
                of_data,
                f'the data: {share:.0%} of the time, since {turns}; {of_data:.0%} of that is {name}',
            )
        return Wall(
            STEP,
            step_part,
            of_step,
            f'the training step: {1 - share:.0%} of the time ({turns}); {of_step:.0%} of that is its {step_part}',
        )
    data, step = data_rate(timings, timings.workers), 1e3 / timings.step_ms
    rates = f'{timings.workers} workers deliver {data:.4g} samples/s, the step takes {step:.4g}'
    if timings.together_rate is not None and timings.together_rate < FIGHTING * min(data, step):
        return Wall(
            'cores',
            part if data < step else step_part,
            of_data if data < step else of_step,
            f'the cores: {rates}, each alone, but both at once come to {timings.together_rate:.4g}',
        )
    if data < step:
        return Wall('data', part, of_data, f"the data: {rates}; {of_data:.0%} of a sample's time is {name}")
    return Wall(STEP, step_part, of_step, f'the training step: {rates}; {of_step:.0%} of it is its {step_part}')


def estimates(rate: float, samples_per_epoch: float, epochs: float) -> dict[str, float]:
    """Seconds of an epoch and of the whole schedule at so many samples/s, validation and checkpoints not counted."""
    epoch = samples_per_epoch / rate
    return dict(epoch_seconds=epoch, schedule_seconds=epochs * epoch)


def advice(timings: Timings, facts: dict) -> list[Advice]:
    """What to change, the most effective first, only as far as the timings support it.

    Args:
        timings: what was measured.
        facts: what was seen besides; each may be missing: ``device`` (type), ``cores``, ``threads`` (torch's),
            ``allowed_workers`` (the most that training lets a loader have), ``clip`` ((T, H, W) of the inputs),
            ``file_size`` ((H, W) of the videos), ``key_frames`` (distance), ``frames`` (decoded per sample),
            ``precision``, ``bf16`` (in hardware), ``memory`` and ``peak_memory`` (bytes, of the device),
            ``laptop_config`` (the small config of this method).
    """
    now = measured_or_computed_rate(timings)
    found = [
        _fewer_workers(timings, now),
        _re_encode(timings, facts),
        _more_workers(timings, facts),
        _smaller_clips(timings, facts),
        _precision(timings, facts),
        _threads(timings, facts),
        _batch_size(timings, facts),
    ]
    found = [entry for entry in found if entry is not None and (entry.gain is None or entry.gain >= LEAST_GAIN)]
    return sorted(found, key=lambda entry: -(entry.gain or 0.0))


def with_other_data(timings: Timings, **changes) -> Timings:
    """The timings with a cheaper or dearer pipeline; workers go on at a rate in proportion."""
    changed = replace(timings, **changes)
    if timings.loader_rate is None:
        return changed
    return replace(changed, loader_rate=timings.loader_rate * timings.data_ms / changed.data_ms)


def decoding_left(facts: dict) -> float:
    """The share of the decoding time that is left after re-encoding: in proportion to the pixels, and to the frames from
    the key frame before a clip to its end; cautiously never less than ``LEAST_DECODING_LEFT``."""
    side, frames = min(facts.get('file_size') or (0,)), facts.get('frames') or SMALL_CLIP[0]
    pixels = min(1.0, (short_side(facts) / side) ** 2) if side and facts.get('clip') else 1.0
    distance = max(facts.get('key_frames') or 0, NEAR_KEY_FRAMES)
    return max(LEAST_DECODING_LEFT, pixels * (frames + NEAR_KEY_FRAMES / 2) / (frames + distance / 2))


def short_side(facts: dict) -> int:
    """What to re-encode to: a seventh more than the clips, which are cropped, in whole blocks."""
    return 8 * -(-min(facts['clip'][1:]) // 7)


def _re_encode(timings: Timings, facts: dict) -> Advice | None:
    groups = timings.by_group()
    reasons, option = [], ''
    if facts.get('file_size') and facts.get('clip') and min(facts['file_size']) > LARGE_FILES * min(facts['clip'][1:]):
        reasons.append(
            f'the videos have a short side of {min(facts["file_size"])} pixels, the clips one of '
            f'{min(facts["clip"][1:])}'
        )
        option = f' --short-side {short_side(facts)}'
    if (facts.get('key_frames') or 0) > FAR_KEY_FRAMES:
        reasons.append(f'the key frames lie {facts["key_frames"]:.3g} frames apart')
    if not reasons or 'decode' not in groups:
        return None
    left = decoding_left(facts)
    cheaper = {
        part: time * (left if timings.groups.get(part) == 'decode' else 1) for part, time in timings.data.items()
    }
    gain = training_rate(with_other_data(timings, data=cheaper)) / training_rate(timings)
    return Advice(
        f're-encode the videos once with tools/data/compact.py{option}: decoding is {groups["decode"]:.3g} of '
        f'{timings.data_ms:.3g} ms a sample, and {", and ".join(reasons)} (reckoned with {left:.0%} of the '
        'decoding left)',
        gain,
    )


def _more_workers(timings: Timings, facts: dict) -> Advice | None:
    allowed = facts.get('allowed_workers', timings.workers)
    if allowed <= timings.workers:
        return None
    step = 1e3 / timings.step_ms
    per_worker = data_rate(timings, timings.workers) / timings.workers if timings.workers else 1e3 / timings.data_ms
    useful = next((workers for workers in range(timings.workers + 1, allowed) if workers * per_worker >= step), allowed)
    gain = min(useful * per_worker, step) / training_rate(timings)
    return Advice(
        f'load with train_dataloader.num_workers={useful} instead of {timings.workers}: a worker delivers '
        f'{per_worker:.3g} samples/s, and the step takes {step:.3g}',
        gain,
    )


def _fewer_workers(timings: Timings, now: float) -> Advice | None:
    if timings.workers == 0 or timings.together_rate is None:
        return None
    alone = training_rate(timings, 0)
    return Advice(
        'load in the main process, with train_dataloader.num_workers=0: the workers take the cores from the '
        f'step ({now:.3g} samples/s together, {alone:.3g} in turns)',
        alone / now,
    )


def _smaller_clips(timings: Timings, facts: dict) -> Advice | None:
    if facts.get('device') != 'cpu' or not facts.get('clip'):
        return None
    larger = prod(facts['clip']) / prod(SMALL_CLIP)
    if larger <= 1:
        return None
    step = {part: time / larger for part, time in timings.step.items()}
    gain = training_rate(replace(timings, step=step)) / training_rate(timings)
    frames, height, width = facts['clip']
    config = f': {facts["laptop_config"]}' if facts.get('laptop_config') else ''
    return Advice(
        f'train on 64x64 pixels and 16 frames, as configs/laptop do{config}. Clips of {frames}x{height}x{width} '
        f'cost {larger:.3g} times the computation; the features are those of a smaller picture',
        gain,
    )


def _precision(timings: Timings, facts: dict) -> Advice | None:
    used, has_bf16 = facts.get('precision'), facts.get('bf16')
    if used == 'fp32' and has_bf16 and timings.step_ms > timings.data_ms / 4:
        return Advice(
            'compute in bf16, which this hardware has: default_hooks.precision.precision=auto (how much that '
            'gains was not measured here)'
        )
    if used == 'bf16' and has_bf16 is False:
        return Advice('compute in fp32, default_hooks.precision.precision=auto: this hardware only emulates bf16')
    return None


def _threads(timings: Timings, facts: dict) -> Advice | None:
    threads, cores = facts.get('threads'), facts.get('cores')
    if facts.get('device') != 'cpu' or not threads or not cores or timings.workers + threads >= cores:
        return None
    return Advice(f'let the step have more than {threads} of {cores} cores: unset OMP_NUM_THREADS, or raise it')


def _batch_size(timings: Timings, facts: dict) -> Advice | None:
    peak, memory = facts.get('peak_memory'), facts.get('memory')
    if peak and memory and peak > ALMOST_FULL * memory:
        return Advice(
            f'lower train_dataloader.batch_size (and the learning rate with it): {peak / memory:.0%} of the memory '
            'was in use'
        )
    return None
