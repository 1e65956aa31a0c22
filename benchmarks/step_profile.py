"""Where VSPP's training step spends its time, by kind of operation, and how near each kind is to what the machine can do.

    python benchmarks/step_profile.py --precision fp32

Every operation that the step hands to torch's kernels is timed by itself, in the runner that ``tools/train.py`` builds, on
clips in memory. For convolutions and matrix products: multiplications a second, as torch counts them, beside those of a
plain matrix product in the same precision on the same threads. They are those that are carried out: in fp32 fewer than
the net's (``videossl.models.backbones.conv3d``). For the others: bytes a second of their operands and results, each
counted once, beside a plain copy of a map of the net's own size. An operation that goes through its operands twice, such
as a batch norm in training, cannot reach the copy's rate.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import torch
from measuring import add_precision_argument, machine, peak
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry
from training_runs import TrainingRun
from training_step import CONFIGS

from videossl.apis.gpu_check.timing import milliseconds
from videossl.datasets import write_moving_shapes

ADDITIONS, PRODUCTS = 'additions', 'matrix products'
# The first that a name of torch's begins with.
KINDS = {
    'convolution_backward': 'convolutions, backward',
    'convolution': 'convolutions, forward',
    'native_batch_norm_backward': 'batch norms, backward',
    'native_batch_norm': 'batch norms, forward',
    'threshold_backward': 'ReLU, backward',
    'relu': 'ReLU, forward',
    'addmm': PRODUCTS,
    'mm': PRODUCTS,
    'add': ADDITIONS,
    'sub': ADDITIONS,
    'neg': ADDITIONS,
    '_foreach': 'optimiser',
    '_to_copy': 'copies',
    'copy_': 'copies',
    'clone': 'copies',
}
REST = 'other operations'
OUTSIDE = 'between operations'
MULTIPLY = ('convolutions, forward', 'convolutions, backward', PRODUCTS)


class Ledger(TorchDispatchMode):
    """Notes seconds, multiplications and bytes of each operation by its kind."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, float] = defaultdict(float)
        self.gmac: dict[str, float] = defaultdict(float)
        self.gigabytes: dict[str, float] = defaultdict(float)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix('aten::')
        kind = next((kind for start, kind in KINDS.items() if name.startswith(start)), REST)
        began = time.perf_counter()
        out = func(*args, **kwargs)
        self.seconds[kind] += time.perf_counter() - began
        count = flop_registry.get(getattr(torch.ops.aten, name.removesuffix('_'), None))  # it lacks operations in place
        if count is not None:
            self.gmac[kind] += count(*args, **kwargs, out_val=out) / 2e9
        if not func.is_view:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, torch.Tensor)]
            self.gigabytes[kind] += sum(tensor.nbytes for tensor in tensors) / 1e9
        return out


def profile(run: TrainingRun, steps: int) -> Ledger:
    """Run so many iterations; what is noted is of all of them together."""
    with Ledger() as ledger:
        began = time.perf_counter()
        run.from_memory(steps)
        whole = time.perf_counter() - began
    ledger.seconds[OUTSIDE] = whole - sum(ledger.seconds.values())
    return ledger


def copy_rate(batch: int, precision: str, threads: int) -> float:
    """GB/s, read and written together, of a copy of the largest map between two operations."""
    others = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        source = torch.randn(batch, 64, 16, 56, 56).to(torch.bfloat16 if precision == 'bf16' else torch.float32)
        target = torch.empty_like(source)
        return 2 * source.nbytes / milliseconds(lambda: target.copy_(source), 'cpu', 1.0)['median'] / 1e6
    finally:
        torch.set_num_threads(others)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--runs', type=int, default=5, help='iterations, of which the medians are printed; default: 5')
    parser.add_argument('--batch', type=int, help='clips in a batch; default: 8')
    parser.add_argument('--nets', nargs='+', choices=CONFIGS, default=['R3D-10'], help='default: R3D-10')
    add_precision_argument(parser)
    parser.add_argument('--quick', action='store_true', help='a tiny net and few steps, to try this out')
    args = parser.parse_args()
    args.batch = args.batch or (2 if args.quick else 8)
    args.runs = min(args.runs, 2) if args.quick else args.runs
    return args


def report(name: str, run: TrainingRun, args: argparse.Namespace) -> None:
    """Profile a net and print the table."""
    run.from_memory(2)
    ledgers = [profile(run, 1) for _ in range(args.runs)]
    seconds = {
        kind: statistics.median(ledger.seconds[kind] for ledger in ledgers)
        for kind in sorted({kind for ledger in ledgers for kind in ledger.seconds})
    }
    whole, last, needed = sum(seconds.values()), ledgers[-1], run.multiplications()
    most, copied = peak(run.precision, run.threads), copy_rate(args.batch, run.precision, run.threads)
    print(
        f'\n{name}, {run.precision}, {run.threads} threads, {args.batch} clips: {1e3 * whole:.0f} ms a step, '
        f'{sum(last.gmac.values()):.0f} GMAC carried out for the {needed:.0f} of the net, {100 * needed / whole / most:.0f} % of '
        f'a matrix product ({most:.1f} GMAC/s); a copy {copied:.1f} GB/s'
    )
    for kind, spent in sorted(seconds.items(), key=lambda entry: -entry[1]):
        line = f'{kind:24} {1e3 * spent:8.1f} ms {100 * spent / whole:5.1f} %'
        if kind in MULTIPLY:
            rate = last.gmac[kind] / spent
            line += f'  {rate:7.1f} GMAC/s, {100 * rate / most:3.0f} % of the matrix product'
        elif kind != OUTSIDE and spent > 1e-3 * whole:
            rate = last.gigabytes[kind] / spent
            line += f'  {rate:7.1f} GB/s of {last.gigabytes[kind]:.2f} GB, {100 * rate / copied:3.0f} % of the copy'
        print(line)


def main() -> None:
    args = parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        videos = write_moving_shapes(scratch / 'shapes', num_train=4, num_test=0, size=128, num_classes=4)
        for name in args.nets:
            options = {'train_dataloader.num_workers': 0}
            config = CONFIGS[name][0]
            run = TrainingRun(
                config, videos, scratch / name, args.batch, args.quick, 1, options, precision=args.precision
            )
            report(name, run, args)
            run.close()


if __name__ == '__main__':
    main()
