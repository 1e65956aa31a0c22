"""Training curves of several runs on one plot.

python tools/analysis/plot_curves.py work_dirs/a work_dirs/b --out curves.png
python tools/analysis/plot_curves.py plain=work_dirs/a aux=work_dirs/b --keys loss acc_speed --chance acc_speed=0.25
"""

import argparse

from videossl.apis.user_errors import run_command
from videossl.errors import ConfigError
from videossl.visualization import find_runs, plot_curves, read_scalars


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', nargs='+', metavar='[NAME=]FOLDER', help='work folder of a run, or a folder of runs')
    parser.add_argument('--out', default='curves.png', help='picture to write (.png, .pdf, .svg); default: curves.png')
    parser.add_argument('--keys', nargs='+', help='quantities as the log has them; default: the accuracies')
    parser.add_argument('--chance', nargs='+', default=[], metavar='KEY=VALUE', help='what guessing scores')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    chance = {}
    for entry in args.chance:
        key, _, value = entry.partition('=')
        try:
            chance[key] = float(value)
        except ValueError:
            raise ConfigError(f'--chance {entry}: it must be a quantity and a number, such as acc_speed=0.25') from None
    runs = {name: read_scalars(folder) for name, folder in find_runs(args.runs).items()}
    plot_curves(runs, args.out, chance, args.keys)
    print(f'curves of {len(runs)} runs: {args.out}')


if __name__ == '__main__':
    run_command(main, own_errors=True)
