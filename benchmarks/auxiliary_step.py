"""What the teacher and the memory bank cost: auxSKD's training step against VSPP's.

    python benchmarks/auxiliary_step.py

Both shipped configs train the same net at the same precision, batch and clip size, 16 x 112 x 112, with all hooks, on uint8
batches that lie in memory. VSPP's student goes forward and backward, about three forward passes' worth; auxSKD's teacher
goes forward besides: 4/3 of VSPP's step. The ratio is what auxSKD takes, divided by that: how much bank, predictor,
averaging and hooks add. The two take turns; ratios are of neighbours in time.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from measuring import add_precision_argument, machine, ratios, take_turns, with_spread
from training_runs import TrainingRun, clips_a_second

from videossl.datasets import write_moving_shapes

CONFIGS = {'VSPP': 'vspp/vspp_r3d-10_16x1x1-20e_k100-rgb.py', 'auxSKD': 'aux_skd/aux-skd_r3d-10_16x1x1-20e_k100-rgb.py'}
TEACHER = 4 / 3  # three passes' worth, and one
GOALS = {'bf16': 1.15, 'fp32': 1.1}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--runs', type=int, default=7, help='alternating runs; default: 7')
    parser.add_argument('--steps', type=int, default=4, help='iterations a run; default: 4')
    parser.add_argument('--batch', type=int, help='samples in a batch; default: 8')
    parser.add_argument('--bank', type=int, default=16384, help='rows of the memory bank; default: 16384')
    add_precision_argument(parser)
    parser.add_argument('--quick', action='store_true', help='tiny nets and few steps, to try this out')
    args = parser.parse_args()
    args.batch = args.batch or (2 if args.quick else 8)
    if args.quick:
        args.runs, args.steps = min(args.runs, 2), 1
    return args


def main() -> None:
    args = parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        videos = write_moving_shapes(scratch / 'shapes', num_train=4, num_test=0, size=128, num_classes=4)
        options = {'VSPP': {}, 'auxSKD': {'model.memory_bank.size': args.bank}}
        runs = {
            name: TrainingRun(
                config,
                videos,
                scratch / name,
                args.batch,
                args.quick,
                held=1,
                options={'train_dataloader.num_workers': 0, **options[name]},
                precision=args.precision,
            )
            for name, config in CONFIGS.items()
        }
        for run in runs.values():
            run.from_memory(2)
        spent = take_turns(
            {name: lambda _, run=run: run.from_memory(args.steps) for name, run in runs.items()}, args.runs
        )

        print(
            f'\n{args.runs} runs of {args.steps} iterations on {args.batch} samples; {args.bank} rows; '
            f'{runs["VSPP"].precision}, {runs["VSPP"].threads} threads'
        )
        for name, turns in spent.items():
            print(f'{name:7} {clips_a_second(turns, args.steps * args.batch)}')
            step = statistics.median(seconds for seconds, _ in turns) / args.steps
            print(f'{"":7} {runs[name].share_of_peak(step)}')
        for which, what in enumerate(('on the clock', 'of processors')):
            times = [ratio / TEACHER for ratio in ratios(spent['auxSKD'], spent['VSPP'], which)]
            print(
                f'auxSKD over 4/3 of VSPP, {what}: ratio {with_spread(times)}; goal: at most {GOALS[runs["VSPP"].precision]}'
            )

        parts = {name: [run.parts(1) for _ in range(args.runs)] for name, run in runs.items()}
        print('\nmilliseconds an iteration, medians')
        for part in parts['auxSKD'][0]:
            columns = (f'{statistics.median(found.get(part, 0) for found in parts[name]):8.1f} {name}' for name in runs)
            print(f'{part:20} ' + '  '.join(columns))


if __name__ == '__main__':
    main()
