"""From a measurement to what holds training back and what to change. Nothing is measured here."""

from typing import NamedTuple

from .measurement import Measurement

LEAST_GAIN = 1.2  # a smaller factor may be noise
HINDERED = 0.7  # training below this share of the slower side: loader and step take the cores from each other
LARGE_FILES = 1.5  # short side of the videos over that of the clips; below it re-encoding saves little
SMALL_CLIP = 16 * 64 * 64  # pixels of a clip of configs/laptop


class Wall(NamedTuple):
    """What holds training back: ``'data'``, ``'step'``, or ``'cores'`` where both hinder each other; and why."""

    side: str
    text: str


class Advice(NamedTuple):
    """A change, and the factor on samples/s that was measured for it."""

    text: str
    gain: float | None = None


def find_wall(found: Measurement) -> Wall:
    """What holds training back, with the number of workers that training uses."""
    data, step, both = found.data[found.workers], found.step, found.training[found.workers]
    if found.workers == 0:
        share = step / (data + step)
        side, name = ('data', 'the data') if share > 0.5 else ('step', 'the training step')
        return Wall(
            side,
            f'{name}: {max(share, 1 - share):.0%} of the time, since the main process loads data and trains in turns',
        )
    rates = f'{found.workers} workers deliver {data:.4g} samples/s, the step takes {step:.4g}'
    if both < HINDERED * min(data, step):
        return Wall('cores', f'the cores: {rates}, each alone, but both at once come to {both:.4g}')
    return Wall('data', f'the data: {rates}') if data < step else Wall('step', f'the training step: {rates}')


def advise(found: Measurement, device: str) -> list[Advice]:
    """What to change: measured gains first, the largest leading.

    Args:
        found: the measurement.
        device: type of the device that trains, such as ``'cpu'``.
    """
    advice, side = [], find_wall(found).side
    now, height, width = found.training[found.workers], *found.clip[-2:]
    best = max(found.training, key=lambda number: found.training[number])
    gain = found.training[best] / now
    if gain >= LEAST_GAIN:
        where = 'in the main process' if best == 0 else f'with {best} worker{"s" * (best > 1)}'
        advice.append(Advice(f'load {where}: train_dataloader.num_workers={best} instead of {found.workers}', gain))
    if side == 'data' and found.file_size and min(found.file_size) > LARGE_FILES * min(height, width):
        advice.append(
            Advice(
                f're-encode the videos once with videossl compact --short-side {short_side(min(height, width))}: '
                f'they have a short side of {min(found.file_size)} pixels, the clips one of {min(height, width)}; without '
                f'any cost of the data training would be {found.step / now:.2g} times as fast'
            )
        )
    if side == 'step' and device == 'cpu' and found.clip[-3] * height * width > SMALL_CLIP:
        advice.append(
            Advice(
                'train on clips of 16x64x64, as configs/laptop do: yours have '
                f'{found.clip[-3] * height * width / SMALL_CLIP:.3g} times the pixels'
            )
        )
    return advice


def short_side(clip_side: int) -> int:
    """Short side to re-encode to: a seventh more than the clips, which are cropped, in whole blocks of 8 pixels."""
    return 8 * -(-clip_side // 7)
