"""How much longer an auxSKD training step takes with a larger memory bank.

    python benchmarks/bank_size.py

R3D-10 of ``configs/aux_skd``, two views of 16 frames of 112 x 112 a sample, precision and layout as on this machine by
default, the same random clips in memory at every step: forward passes of student and teacher, similarities to 1,000 to
1,000,000 rows of 128, loss, backward pass, SGD, the teacher's move, enqueueing. Loading and checkpoints are left out.
Each size has a model of its own, and they take turns; a ratio is that of two neighbours in time, and the median of the
ratios is printed, with the smallest and the largest. The cost of a bank grows with the batch as that of the net does, but
for reading the rows, so that a small batch is its worst case.
"""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path

import torch
from measuring import add_precision_argument, machine, ratios, take_turns, with_spread
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope

from videossl.compat import config_directory
from videossl.engine.hooks.precision_hook import use_precision
from videossl.precision import resolve_precision
from videossl.registry import MODELS

CONFIG = 'aux_skd/aux-skd_r3d-10_16x1x1-20e_k100-rgb.py'
SIZES = (1_000, 16_384, 65_536, 1_000_000)
GOALS = {65_536: 1.1, 1_000_000: 2.0}
MOMENTUM = 0.999


def training_step(config: Config, size: int, batch: dict, precision: str) -> Callable[[int], None]:
    """A function that does one iteration of auxSKD with a bank of so many rows, in fp32 or bf16."""
    config = config.copy()
    config.model.memory_bank.size = size
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    model.start_teacher()
    model.train()
    use_precision(model, precision, 'cpu', channels_last=True)
    with DefaultScope.overwrite_default_scope('videossl'):
        wrapper = build_optim_wrapper(model, config.optim_wrapper)

    def step(run: int) -> None:
        model.train_step(dict(batch), wrapper)
        model.after_step(MOMENTUM)

    return step


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--runs', type=int, default=9, help='alternating steps; default: 9')
    parser.add_argument('--batch-size', type=int, default=8, help='samples of two clips; default: 8')
    add_precision_argument(parser)
    parser.add_argument(
        '--quick', action='store_true', help='a narrow net, small clips and banks, to see that it works'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    precision = resolve_precision(args.precision, 'cpu')
    config = Config.fromfile(Path(config_directory(), CONFIG))
    sizes, side = SIZES, 112
    if args.quick:
        sizes, side = (100, 1000), 32
        config.model.backbone.base_channels = 4
        config.model.necks.projection.in_channels = 32
    torch.manual_seed(0)
    batch = dict(
        inputs=list(torch.randint(0, 256, (args.batch_size, 2, 3, 16, side, side), dtype=torch.uint8)),
        data_samples=None,
    )
    steps = {f'{size:,} rows': training_step(config, size, batch, precision) for size in sizes}
    for step in steps.values():
        step(0)
    print(
        f'{machine()}\nR3D-10, {args.batch_size} samples of two 16 x {side} x {side} clips, '
        f'{precision}, {args.runs} steps each'
    )
    spent = take_turns(steps, args.runs)
    least = next(iter(steps))
    for size, name in zip(sizes, steps):
        line = f'{name:>14} {1000 * statistics.median(clock for clock, _ in spent[name]):8.0f} ms a step'
        if name != least:
            line += (
                f'; {with_spread(ratios(spent[name], spent[least]))} times that with {least}, by processor time '
                f'{with_spread(ratios(spent[name], spent[least], 1))}'
            )
            line += f'; goal {GOALS[size]:g} at most' if size in GOALS else ''
        print(line)


if __name__ == '__main__':
    main()
