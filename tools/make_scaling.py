"""Writes the tables of docs/scaling.md: what data sets of 30,000 to 10 million videos need, from measured constants.

    python tools/make_scaling.py

Each table stands between two marks, ``<!-- scaling: NAME -->`` and ``<!-- end of scaling -->``. What the page says outside of
them is written by hand. The constants are below, each with its source; a table is arithmetic with them.
"""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from videossl.cores import loader_rate, workers_for

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / 'docs' / 'scaling.md'
MARK = re.compile(r'(<!-- scaling: (\w+) -->).*?(<!-- end of scaling -->)', re.DOTALL)
MIB, GIB, TIB = 2**20, 2**30, 2**40


class Constant(NamedTuple):
    """A number that was measured, and where."""

    value: float
    unit: str
    what: str
    source: str


H200 = json.loads((ROOT / 'docs' / 'data' / 'check_gpu_h200.json').read_text(encoding='utf-8'))
FEEDING = {
    name: {int(workers): rate for workers, rate in H200['feeding'][name].items()}
    for name in ('raw', 'compacted', 'ready')
}
DEVICES, PERFORMANCE = ('[devices.md](devices.md)', '[performance.md](performance.md)')
CONSTANTS = dict(
    worker_compacted=Constant(
        1 / FEEDING['compacted'][1], 's', 'a worker, for a clip of 16 x 112 x 112 from a compacted file', DEVICES
    ),
    worker_raw=Constant(2 / FEEDING['raw'][2], 's', 'the same from a raw file', DEVICES),
    main=Constant(1 / FEEDING['ready'][2], 's', 'the training process, to receive a sample and pin it', DEVICES),
    compacted_bytes=Constant(329_000, 'bytes', 'a compacted video of 10 s', 'three files of Kinetics-400'),
    raw_bytes=Constant(721_000, 'bytes', 'the same video as it came, 340 x 256', 'three files of Kinetics-400'),
    compacting=Constant(0.43, 's', 'a core, to compact a video of 10 s', 'three files of Kinetics-400'),
    index_bytes=Constant(282, 'bytes', 'the frame index of a raw video', 'three files of Kinetics-400'),
    index_seconds=Constant(0.58, 's', 'a core, to make it', 'three files of Kinetics-400'),
    list_bytes=Constant(129e-6 * MIB, 'bytes', 'an entry of the list in memory', PERFORMANCE),
    list_peak=Constant(417e-6 * MIB, 'bytes', 'an entry while the list is read', PERFORMANCE),
    list_seconds=Constant(2.3e-6, 's', 'to read an entry of a text list', PERFORMANCE),
)
VIDEOS = {'Kinetics-100': 30_000, 'Kinetics-400': 240_000, '10 million': 10_000_000}
# Samples/s of one H200, and clips of a sample: devices.md.
METHODS = {
    name: (H200['steps'][name]['samples_per_second'], H200['steps'][name]['clips_per_sample'])
    for name in ('VSPP, R3D-10', 'auxSKD, R3D-10', 'auxSKD, R(2+1)D-10', 'VCOP, R3D-10')
}
GPUS = (1, 8, 64)
PASSES = 200
CORES = 16  # of that machine
WEIGHTS = 14e6  # of R3D-10


def value(name: str) -> float:
    """A constant's number."""
    return CONSTANTS[name].value


def shown(number: float) -> str:
    """Three digits."""
    if number >= 100:
        return f'{number:,.0f}'
    return f'{number:.3g}' if number >= 0.001 or number == 0 else f'{number:.1e}'


def size(number: float) -> str:
    """Bytes in a fitting unit."""
    unit, name = next(
        ((unit, name) for unit, name in ((TIB, 'TiB'), (GIB, 'GiB'), (MIB, 'MiB')) if number >= unit), (1024, 'KiB')
    )
    return f'{shown(number / unit)} {name}'


def duration(seconds: float) -> str:
    """Seconds in a fitting unit."""
    unit, name = next(
        ((unit, name) for unit, name in ((86400, 'days'), (3600, 'h'), (60, 'min'), (1, 's')) if seconds >= 2 * unit),
        (1e-3, 'ms'),
    )
    return f'{shown(seconds / unit)} {name}'


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in [head, ['---'] * len(head), *rows])


# ------------------------------------------------------------------------------------------------------------ the tables
def constants() -> str:
    rows = []
    for constant in CONSTANTS.values():
        number = duration(constant.value) if constant.unit == 's' else size(constant.value)
        if constant.unit == 's' and constant.value < 1e-3:
            number = f'{shown(constant.value * 1e6)} us'
        elif constant.unit == 'bytes' and constant.value < 1024:
            number = f'{constant.value:.0f} bytes'
        rows.append([constant.what, number, constant.source])
    return table(['', 'measured', 'source'], rows)


def workers() -> str:
    """The model beside what the H200's machine delivered."""
    rows = []
    for number in (1, 2, 4, 8, 16):
        cells = [str(number)]
        for kind in ('compacted', 'raw'):
            model = loader_rate(number, CORES, value(f'worker_{kind}'), value('main'))
            cells += [shown(FEEDING[kind][number]), shown(model), f'{FEEDING[kind][number] / model:.2f}']
        rows.append(cells)
    names = [f'{kind}, {what}' for kind in ('compacted', 'raw') for what in ('measured', 'model', 'ratio')]
    return table(['workers', *names], rows)


def gpus() -> str:
    """Workers and cores that feed one GPU, by the model and by the highest rate that was measured."""
    rows = []
    for rate in (50, 100, 200, 300, 400, 550, 800, 1277):
        cells = [str(rate)]
        for kind in ('compacted', 'raw'):
            seconds = value(f'worker_{kind}')
            needed = workers_for(rate, 10**6, seconds, value('main'))
            was_measured = rate <= max(FEEDING[kind].values())
            cells += [str(needed), shown(rate * (seconds + value('main'))), 'yes' if was_measured else 'no']
        rows.append(cells)
    names = [f'{kind}, {what}' for kind in ('compacted', 'raw') for what in ('workers', 'cores', 'was delivered')]
    return table(['clips/s of the GPU', *names], rows)


def storage() -> str:
    rows = []
    for name, number in VIDEOS.items():
        compacted_size = number * value('compacted_bytes')
        rows.append(
            [
                name,
                size(number * value('raw_bytes')),
                size(compacted_size),
                f'{math.ceil(compacted_size / GIB):,}',
                duration(number * value('compacting')),
                size(number * value('index_bytes')),
                duration(number * value('index_seconds')),
            ]
        )
    head = [
        'videos',
        'raw',
        'compacted',
        'archives of 1 GiB',
        'compacting, on one core',
        'indices of raw files',
        'making them, on one core',
    ]
    return table(head, rows)


def memory() -> str:
    rows = []
    for name, number in VIDEOS.items():
        rows.append(
            [
                name,
                duration(number * value('list_seconds')),
                size(number * value('list_bytes')),
                size(number * value('list_peak')),
                size(8 * number * value('list_peak')),
            ]
        )
    head = ['videos', 'reading the list', 'list in memory', 'while reading it', 'of 8 processes']
    return table(head, rows)


def banks() -> str:
    rows = [
        [f'{number:,}', size(number * 128 * 4), size(number * 512 * 4)]
        for number in (16_384, 65_536, 1_000_000, 10_000_000)
    ]
    return table(['rows', '128 dimensions', '512 dimensions'], rows)


def training() -> str:
    """GPUs, hours, and what feeds them."""
    rows = []
    for method, (rate, clips) in METHODS.items():
        for number in GPUS:
            all_rates = number * rate
            rows.append(
                [
                    method,
                    str(number),
                    shown(all_rates),
                    *(duration(PASSES * videos / all_rates) for videos in VIDEOS.values()),
                    shown(all_rates * (clips * value('worker_compacted') + value('main'))),
                    f'{size(all_rates * value("compacted_bytes"))}/s',
                ]
            )
    head = ['method', 'GPUs', 'samples/s', *(f'{PASSES} passes, {name}' for name in VIDEOS), 'cores', 'read at most']
    return table(head, rows)


def exchange() -> str:
    """The gradients of R3D-10 between machines, by a ring: each sends and receives them nearly twice."""
    rows = []
    for gigabits in (10, 25, 100, 400):
        milliseconds = 1e3 * 2 * WEIGHTS * 4 / (gigabits * 1e9 / 8)
        rows.append(
            [
                str(gigabits),
                shown(milliseconds),
                *(f'{100 * milliseconds / H200["steps"][name]["ms"]:.0f} %' for name in METHODS),
            ]
        )
    return table(['Gbit/s of a machine', 'ms a step', *(f'of a step of {name}' for name in METHODS)], rows)


TABLES: dict[str, Callable[[], str]] = dict(
    constants=constants,
    workers=workers,
    gpus=gpus,
    storage=storage,
    memory=memory,
    banks=banks,
    training=training,
    exchange=exchange,
)


def page(text: str) -> str:
    """A page with all tables written anew.

    Raises:
        KeyError: a mark names no table.
    """
    return MARK.sub(lambda match: f'{match[1]}\n{TABLES[match[2]]()}\n{match[3]}', text)


if __name__ == '__main__':
    PAGE.write_text(page(PAGE.read_text(encoding='utf-8')), encoding='utf-8')
