"""Measures a config on a set of videos, and says what holds training back on this machine and what to change."""

import argparse
import copy
import json
import logging
import os.path as osp
import tempfile
import uuid
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from mmengine.config import Config, ConfigDict, DictAction
from mmengine.device import get_device
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from videossl.apis.running import train
from videossl.apis.running.check_training import check_training
from videossl.apis.running.launch import build_runner
from videossl.apis.user_errors import building, run_command
from videossl.cores import available_cores, share_cores
from videossl.errors import ConfigError

from .advice import advise, find_wall
from .machine import SIZES, as_gib, describe_machine, find_traps, list_versions, repairs, torch_that_torchvision_needs
from .measurement import measure

LEAST_SECONDS = 1.0


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Describes the machine; with a config also measures how fast it loads and trains on these videos, and '
        'says what holds it back and what to change. Nothing is trained and nothing is written but what --json names.'
    )
    parser.add_argument('config', nargs='?', help='config file of a pretraining or fine-tuning')
    parser.add_argument('--data-root', help='folder of videos; alone, it is scanned recursively')
    parser.add_argument('--ann-file', help='list of videos, relative to --data-root')
    parser.add_argument('--init-from', metavar='CHECKPOINT', help='start from the backbone of another stage')
    parser.add_argument('--amp', action='store_true', help='as in videossl train')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings, as in videossl train')
    parser.add_argument('--seconds', type=float, default=20, help='to measure for, start-up not counted; default: 20')
    parser.add_argument('--json', metavar='FILE', help='write everything here, too')
    parser.add_argument('--debug', action='store_true', help='show the full traceback of every error')
    return parser.parse_args(argv)


def check_args(args: argparse.Namespace) -> None:
    """Refuse options that do not fit together."""
    if args.seconds < LEAST_SECONDS:
        raise ConfigError(f'--seconds must be at least {LEAST_SECONDS:g}, got {args.seconds:g}')
    if args.config is None:
        for name in ('data_root', 'ann_file', 'init_from', 'cfg_options'):
            if getattr(args, name) is not None:
                raise ConfigError(f'--{name.replace("_", "-")} needs a config to measure: videossl doctor CONFIG ...')
    if args.json is not None and not osp.isdir(osp.dirname(args.json) or '.'):
        raise ConfigError(f'--json: there is no folder {osp.dirname(args.json)}')


def config_to_measure(args: argparse.Namespace) -> Config:
    """The config as tools/train.py would run it, without validation."""
    training = train.parse_args([args.config, '--no-validate'])
    for name in ('data_root', 'ann_file', 'init_from', 'amp', 'cfg_options'):
        setattr(training, name, getattr(args, name))
    return train.config_for_training(training)


def leave_no_trace(config: Config, folder: str) -> None:
    """Let a run write to this folder alone, no checkpoints, and nothing but warnings to the log."""
    config.work_dir = folder
    config.experiment_name = f'doctor_{uuid.uuid4().hex}'
    config.resume = False
    config.log_level = 'WARNING'
    config.visualizer = None  # a config's own may send figures elsewhere
    hooks = dict(config.get('default_hooks') or {}, checkpoint=None)
    hooks.pop('save_and_stop', None)
    config.default_hooks = hooks


def workers_to_try(loader: ConfigDict) -> list[int]:
    """No workers, one, as many as training uses here, half of the most that it would use here, and the most."""
    asking = copy.deepcopy(loader)
    asking.num_workers = available_cores()
    logging.disable(logging.INFO)
    try:
        share_cores(asking, 'train')
    finally:
        logging.disable(logging.NOTSET)
    return sorted({0, 1, loader.num_workers, asking.num_workers // 2, asking.num_workers})


def measure_config(args: argparse.Namespace) -> dict:
    """Measure a config on its videos.

    Args:
        args: from :func:`parse_args`, with a config.

    Returns:
        Plain values, those of :class:`~.measurement.Measurement`, ``config``, ``wall``, ``advice``.

    Raises:
        UserError: the config, an option or the videos cannot be used.
    """
    config = config_to_measure(args)
    with tempfile.TemporaryDirectory(prefix='videossl_doctor_', ignore_cleanup_errors=True) as folder:
        leave_no_trace(config, folder)
        with building(config):
            runner = build_runner(config)
            check_training(runner)
            found = measure(runner, workers_to_try(config.train_dataloader), args.seconds)
    return dict(
        asdict(found),
        config=args.config,
        wall=find_wall(found)._asdict(),
        advice=[advice._asdict() for advice in advise(found, get_device())],
    )


def print_table(console: Console, title: str, rows: Iterable[tuple[str, ...]], *columns: str) -> None:
    """Print a table of two columns, or with headings."""
    table = Table(
        *columns or ('', ''), title=title, title_justify='left', title_style='bold', show_header=bool(columns)
    )
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def print_machine(console: Console, report: dict) -> None:
    """Versions, machine, repairs and traps."""
    print_table(console, 'versions', ((name, text or 'not installed') for name, text in report['versions'].items()))
    facts = {
        name.replace('_', ' '): as_gib(value) if name in SIZES else f'{"not known" if value is None else value}'
        for name, value in report['machine'].items()
    }
    print_table(console, 'machine', facts.items())
    print_table(console, 'repaired in this process (videossl/compat.py)', report['repairs'].items())
    for trap in report['traps']:
        if trap['found']:
            console.print(f'[yellow]trap:[/] {escape(trap["name"])}: {escape(trap["remedy"])}', highlight=False)
    rest = '; '.join(trap['name'] for trap in report['traps'] if not trap['found'])
    console.print(f'known traps, not found: {escape(rest)}', highlight=False)


def print_measurement(console: Console, found: dict) -> None:
    """Rates, the step, the wall and advice."""
    rows = []
    for number, rate in found['data'].items():
        own = ' (as training does here)' if number == found['workers'] else ''
        name = f'{number} worker{"s" * (number > 1)}' if number else 'main process'
        rows.append((name + own, f'{rate:.4g}', f'{found["training"][number]:.4g}'))
    print_table(console, 'samples/s', rows, 'loading in', 'data alone', 'training')
    less = '' if found['batch'] == found['full_batch'] else f' (not {found["full_batch"]}, which take too long to try)'
    lines = [
        f'[bold]the training step:[/] {1e3 / found["step"]:.4g} ms a sample, {found["step"]:.4g} samples/s: '
        f'{found["iterations"]} iterations of {found["batch"]} samples{less} of {"x".join(map(str, found["clip"]))}, '
        f'{found["precision"]}',
        f'[bold]the wall:[/] {escape(found["wall"]["text"])}',
        f'[bold]what to change:[/]{"" if found["advice"] else " nothing that these figures speak for"}',
    ]
    for entry in found['advice']:
        gain = '' if entry['gain'] is None else f' -> {entry["gain"]:.2g} times the samples/s'
        lines.append(f'  - {escape(entry["text"])}{gain}')
    console.print('\n'.join(lines), highlight=False)


def diagnose(args: argparse.Namespace, console: Console) -> dict:
    """Print everything, and return it as plain values."""
    versions = list_versions()
    facts = describe_machine(args.data_root if args.data_root and osp.isdir(args.data_root) else '.')
    traps = find_traps(versions, facts, torch_that_torchvision_needs())
    report: dict[str, Any] = dict(
        versions=versions, machine=facts, repairs=repairs(), traps=[asdict(trap) for trap in traps]
    )
    print_machine(console, report)
    if args.config is not None:
        with console.status(f'measuring {args.config}'):
            measurement = measure_config(args)
        print_measurement(console, measurement)
        report['measurement'] = measurement
    return report


def main(argv: list[str] | None = None) -> None:
    """Describe the machine and measure a config. Errors are raised as they are."""
    args = parse_args(argv)
    check_args(args)
    report = diagnose(args, Console())
    if args.json is not None:
        with open(args.json, 'w', encoding='utf-8') as file:
            json.dump(report, file, indent=2)


def command() -> None:
    """Entry point of ``tools/doctor.py``."""
    run_command(main)


if __name__ == '__main__':
    command()
