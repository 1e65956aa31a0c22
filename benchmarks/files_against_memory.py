"""What reading costs a small run: clips a second from files against the same training step on clips kept in memory.

    python benchmarks/files_against_memory.py --videos FOLDER

The configs in ``configs/laptop``, 16 x 64 x 64, in the runner that ``tools/train.py`` builds: batch, workers and threads
are those that it chooses here, unless ``--workers`` names other numbers. The files are what ``tools/data/compact.py``
makes of the videos. From files and from memory the same runner does the same number of iterations, by turns; what workers
have made in the meantime is used up first. Ratios are of neighbours in time. Without ``--videos``, some are rendered.
"""

import argparse
import tempfile
from pathlib import Path

from measuring import add_precision_argument, machine, ratios, take_turns, with_spread
from rendered_videos import compacted, given_or_rendered
from training_runs import TrainingRun, clips_a_second

CONFIGS = {
    'VSPP': 'laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py',
    'auxSKD': 'laptop/aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py',
}
FILES, MEMORY = 'files', 'memory'
GOAL = 0.9


def compare(name: str, videos: Path, scratch: Path, workers: int | None, args: argparse.Namespace) -> None:
    """Train one config both ways, by turns, and print what came of it."""
    options = {} if workers is None else {'train_dataloader.num_workers': workers}
    options.update({'train_dataloader.persistent_workers': False} if workers == 0 else {})
    run = TrainingRun(
        CONFIGS[name],
        videos,
        scratch / f'{name}, {workers}',
        args.batch,
        args.quick,
        args.steps,
        options,
        args.precision,
    )
    run.from_memory(2)
    spent = {FILES: [], MEMORY: []}
    for _ in range(args.runs):
        run.use_up_prefetched()
        spent[FILES] += take_turns({FILES: lambda _: run.from_files(args.steps)}, 1)[FILES]
        run.rest()
        spent[MEMORY] += take_turns({MEMORY: lambda _: run.from_memory(args.steps)}, 1)[MEMORY]
    print(
        f'\n{name}, {run.loader.num_workers} workers{" (its own choice)" if workers is None else ""}, {run.threads} '
        f'threads, {run.precision}: {args.runs} runs of {args.steps} batches of {args.batch} samples'
    )
    for way, turns in spent.items():
        print(f'{way:7} {clips_a_second(turns, args.steps * args.batch)}')
    print(f'ratio {with_spread(ratios(spent[MEMORY], spent[FILES]))} of the step in memory; goal: at least {GOAL}')
    if run.loader.num_workers == 0:
        print(f'by processors {with_spread(ratios(spent[MEMORY], spent[FILES], 1))}')
    run.close()


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--videos', type=Path, help='folder of videos as they are handed out; default: some are rendered'
    )
    parser.add_argument('--runs', type=int, default=7, help='alternating runs; default: 7')
    parser.add_argument('--steps', type=int, default=2, help='iterations a run; default: 2')
    parser.add_argument('--batch', type=int, help="samples in a batch; default: the configs' 30")
    parser.add_argument('--workers', nargs='+', type=int, help='numbers to try; default: the one that training chooses')
    parser.add_argument('--configs', nargs='+', choices=CONFIGS, default=list(CONFIGS), help='default: all')
    add_precision_argument(parser)
    parser.add_argument('--quick', action='store_true', help='tiny nets and few short videos, to try this out')
    args = parser.parse_args()
    args.batch = args.batch or (2 if args.quick else 30)
    if args.quick:
        args.runs, args.steps = min(args.runs, 2), 1
    return args


def main() -> None:
    args = parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        videos = given_or_rendered(args.videos, scratch, (2, 70) if args.quick else None)
        small = compacted(videos, scratch / 'compacted')
        for name in args.configs:
            for workers in args.workers or [None]:
                compare(name, small, scratch, workers, args)


if __name__ == '__main__':
    main()
