"""Whether bf16 with channels-last weights learns as fp32 with contiguous ones: the curves of VSPP over several seeds.

    python benchmarks/precision_curves.py --out work_dirs/precision_curves

VSPP of ``configs/laptop`` with a net of a quarter of the width, on rendered MovingShapes videos: 200 iterations, three
seeds, each in both precisions. A seed has the same initial weights and the same clips in both. For windows of 20
iterations it prints how far bf16 lies from fp32 on average over the seeds, next to the standard deviation between seeds,
and draws ``precision_curves.png``. What a run found is kept in the folder, and the same command goes on after a stop.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from measuring import machine
from mmengine.hooks import Hook

from videossl.apis.running.launch import build_runner
from videossl.apis.running.train import config_for_training, parse_args
from videossl.compat import config_directory
from videossl.datasets import write_moving_shapes
from videossl.files import whole_file

CONFIG = 'laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'
PRECISIONS = {
    'fp32, contiguous': {'default_hooks.precision.precision': 'fp32', 'default_hooks.precision.channels_last': False},
    'bf16, channels-last': {'default_hooks.precision.precision': 'bf16', 'default_hooks.precision.channels_last': True},
}
CURVES = {'loss': 'loss', 'acc_speed': 'speed accuracy', 'acc_segment': 'segment accuracy'}
CHANCE = {'loss': 2 * np.log(4), 'acc_speed': 0.25, 'acc_segment': 0.25}
WINDOW = 20  # iterations
FULL = dict(iterations=200, batch_size=30, base_channels=16, videos=160)
QUICK = dict(iterations=6, batch_size=4, base_channels=2, videos=8)


class Note(Hook):
    """Keeps the figures of each iteration."""

    def __init__(self) -> None:
        self.curves: dict[str, list[float]] = {name: [] for name in CURVES}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        for name, values in self.curves.items():
            values.append(float(outputs[name].detach()))


def train(videos: Path, folder: Path, seed: int, precision: str, size: dict) -> dict[str, list[float]]:
    """One run, and its figures of each iteration."""
    channels = size['base_channels']
    options = {
        'model.backbone.base_channels': channels,
        'model.heads.speed.in_channels': 8 * channels,
        'model.heads.segment.in_channels': 8 * channels,
        'train_dataloader.batch_size': size['batch_size'],
        'optim_wrapper.optimizer.lr': 0.03,
        'experiment_name': folder.name,
        'log_level': 'WARNING',
    }
    args = parse_args(
        [
            str(Path(config_directory(), CONFIG)),
            '--data-root',
            str(videos),
            '--ann-file',
            'train.txt',
            '--work-dir',
            str(folder),
            '--seed',
            str(seed),
        ]
    )
    args.cfg_options = {**options, **PRECISIONS[precision]}
    config = config_for_training(args)
    config.train_cfg = dict(type='ResumableIterBasedTrainLoop', max_iters=size['iterations'])
    config.param_scheduler = []
    config.default_hooks.checkpoint.update(interval=-1, save_last=False)
    runner = build_runner(config)
    note = Note()
    runner.register_hook(note)
    runner.train()
    return note.curves


def find_or_train(out: Path, videos: Path, seed: int, precision: str, size: dict) -> dict[str, list[float]]:
    """The figures of a run, from the folder where it has been there before."""
    name = f'{precision.split(",")[0]}_seed{seed}'
    path = out / f'{name}.json'
    if path.exists():
        found = json.loads(path.read_text())
        if found['size'] == size:
            print(f'{name}: found in {out}', flush=True)
            return found['curves']
    curves = train(videos, out / name, seed, precision, size)
    with whole_file(path) as unfinished:
        Path(unfinished).write_text(json.dumps(dict(size=size, curves=curves)))
    print(
        f'{name}: ' + ', '.join(f'{title} {np.mean(curves[key][-WINDOW:]):.3f}' for key, title in CURVES.items()),
        flush=True,
    )
    return curves


def compare(curves: dict[str, np.ndarray]) -> list[str]:
    """The table of one figure.

    Args:
        curves: [seeds, iterations] of each precision.
    """
    first, second = curves.values()
    starts = range(0, first.shape[1], WINDOW)
    windows = [np.stack([runs[:, start : start + WINDOW].mean(1) for start in starts]) for runs in (first, second)]
    differences = (windows[1] - windows[0]).mean(1)
    # Pooled over the two precisions: of three seeds alone it would be a rough guess.
    between = np.sqrt(np.mean([window.var(1, ddof=1) for window in windows], axis=0))
    lines = [f'{"iterations":>12} {"fp32":>8} {"bf16":>8} {"difference":>11} {"std of seeds":>13}']
    lines += [
        f'{start + 1:>6}-{min(start + WINDOW, first.shape[1]):<5} {one.mean():8.4f} {other.mean():8.4f} '
        f'{difference:+11.4f} {spread:13.4f}'
        for start, one, other, difference, spread in zip(starts, *windows, differences, between)
    ]
    inside = int((np.abs(differences) <= between).sum())
    return lines + [f'{inside} of {len(between)} differences are within one standard deviation of the seeds']


def smooth(values: np.ndarray) -> np.ndarray:
    """Means of the last ``WINDOW`` iterations, of as many as there are at the beginning."""
    sums = np.concatenate([[0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - WINDOW, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def draw(curves: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """A panel per figure, a colour per precision, a line per seed.

    Args:
        curves: [seeds, iterations] by figure and precision.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(curves), 3.4), layout='constrained')
    FigureCanvasAgg(figure)
    for number, (name, of_precisions) in enumerate(curves.items()):
        axes = figure.add_subplot(1, len(curves), number + 1)
        for colour, style, (precision, runs) in zip(('tab:blue', 'tab:orange'), ('-', '--'), of_precisions.items()):
            for seed, values in enumerate(runs):
                axes.plot(
                    np.arange(1, len(values) + 1),
                    smooth(values),
                    color=colour,
                    linestyle=style,
                    linewidth=1.2,
                    label=precision if seed == 0 else None,
                )
        axes.axhline(CHANCE[name], color='grey', linestyle=':', label='chance')
        axes.set_title(CURVES[name], fontsize=10)
        axes.set_xlabel('iteration')
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('work_dirs/precision_curves'),
        help='folder for videos, figures and the picture; default: work_dirs/precision_curves',
    )
    parser.add_argument('--seeds', type=int, default=3, help='runs in each precision, at least 2; default: 3')
    parser.add_argument('--quick', action='store_true', help='a tiny net for a few iterations, to see that it runs')
    args = parser.parse_args()
    if args.seeds < 2:
        parser.error('--seeds must be at least 2: a spread takes two')
    size = QUICK if args.quick else FULL
    print(machine(), flush=True)
    videos = write_moving_shapes(args.out / f'videos_{size["videos"]}', num_train=size['videos'], num_test=8)
    found = {precision: [] for precision in PRECISIONS}
    for seed in range(args.seeds):
        for precision, runs in found.items():
            runs.append(find_or_train(args.out, videos, seed, precision, size))
    curves = {
        name: {precision: np.array([run[name] for run in runs]) for precision, runs in found.items()} for name in CURVES
    }
    for name, of_precisions in curves.items():
        print(f'\n{CURVES[name]} (chance {CHANCE[name]:.3f})', *compare(of_precisions), sep='\n')
    last = {
        precision: {name: np.mean(curves[name][precision][:, -WINDOW:], axis=1) for name in CURVES}
        for precision in PRECISIONS
    }
    print(f'\nlast {WINDOW} iterations, mean and standard deviation over {args.seeds} seeds')
    for precision, figures in last.items():
        print(
            f'{precision}: '
            + ', '.join(
                f'{CURVES[name]} {values.mean():.3f} +- {values.std(ddof=1):.3f}' for name, values in figures.items()
            )
        )
    draw(curves, args.out / 'precision_curves.png')
    print(f'{args.out / "precision_curves.png"} is written')


if __name__ == '__main__':
    main()
