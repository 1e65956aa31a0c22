"""Measures what a machine, a config and a set of videos make of each other, and says what to change."""

import argparse
import copy
import json
import logging
import os
import os.path as osp
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict

from mmengine.config import Config, ConfigDict, DictAction
from mmengine.device import get_device
from mmengine.runner import Runner
from rich.console import Console

from videossl import compat
from videossl.apis.running import train
from videossl.apis.running.check_training import check_training
from videossl.apis.running.launch import build_runner, load_config, share_cores
from videossl.apis.user_errors import building, run_command
from videossl.cores import available_cores
from videossl.errors import ConfigError

from .data import Unreadable, leaves, time_collating, time_reading, time_samples, time_workers
from .machine import machine, repairs, torch_that_torchvision_needs, traps, versions
from .report import print_machine, print_measurement
from .step import time_steps
from .verdict import Timings, advice, data_rate, estimates, measured_or_computed_rate, training_rate, wall

# Of --seconds: for samples, for reading files, for the workers alone, for steps alone, for both together.
SHARES = dict(samples=0.35, reading=0.05, workers=0.1, steps=0.3, together=0.2)
HELD_IN_MEMORY = 0.5  # of the available memory: a larger data set is read from the disk in every epoch
LEAST_SECONDS = 1.0


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='What is installed and what is known to go wrong; with a config also how fast this machine reads, '
        'decodes, augments and trains on these videos, what holds it back, and what to change. Nothing is trained and '
        'nothing is written but what --json names.'
    )
    parser.add_argument('config', nargs='?', help='config file of a pretraining or fine-tuning')
    parser.add_argument('--data-root', help='folder of videos; alone, it is scanned recursively')
    parser.add_argument('--ann-file', help='list of videos, relative to --data-root')
    parser.add_argument('--init-from', metavar='CHECKPOINT', help='start from the backbone of another stage')
    parser.add_argument('--amp', action='store_true', help='as in tools/train.py')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings, as in tools/train.py')
    parser.add_argument('--seconds', type=float, default=20, help='to measure for, start-up not counted; default: 20')
    parser.add_argument('--json', metavar='FILE', help='write everything here, too')
    parser.add_argument('--debug', action='store_true', help='show the full traceback of every error')
    return parser.parse_args(argv)


def config_to_measure(args: argparse.Namespace) -> tuple[Config, int]:
    """The config as tools/train.py would run it, without validation; and the number of workers it names itself."""
    training = train.parse_args([args.config, '--no-validate'])
    for name in ('data_root', 'ann_file', 'init_from', 'amp', 'cfg_options'):
        setattr(training, name, getattr(args, name))
    logging.disable(logging.INFO)  # how the cores are shared stands in the report
    try:
        config = train.config_for_training(training)
        wanted = load_config(args.config, args.cfg_options).train_dataloader.get('num_workers', 0)
    finally:
        logging.disable(logging.NOTSET)
    return config, wanted


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


def most_workers(loader: ConfigDict) -> int:
    """How many workers training would let a loader have here, if it asked for as many as there are cores."""
    asking = copy.deepcopy(loader)
    asking.num_workers = available_cores()
    logging.disable(logging.INFO)
    try:
        share_cores(asking, 'train')
    finally:
        logging.disable(logging.NOTSET)
    return asking.num_workers


def laptop_config(path: str) -> str | None:
    """The small config of a config's method, if there is one, as a path that can be typed from a checkout."""
    method = osp.basename(path).partition('_')[0]
    folder = osp.join(compat.config_directory(), 'laptop')
    for name in sorted(os.listdir(folder)) if osp.isdir(folder) else ():
        if name.partition('_')[0] == method:
            return osp.join('configs', 'laptop', name)
    return None


def measure(args: argparse.Namespace, say: Callable[[str], None] = lambda text: None) -> dict:
    """Measure a config on its videos.

    Args:
        args: from :func:`parse_args`, with a config.
        say: is told what is going on.

    Returns:
        Plain values: ``timings`` (:class:`~.doctor_verdict.Timings`), ``data``, ``step``, ``rates``, ``wall``,
        ``estimate``, ``advice``.

    Raises:
        ConfigError: the config or an option cannot be meant as it is, or no video can be read.
        ValueError, OSError: the parts of the config cannot be built, or there is no such data.
    """
    say('starting up')
    config, wanted = config_to_measure(args)
    with tempfile.TemporaryDirectory(prefix='videossl_doctor_', ignore_cleanup_errors=True) as folder:
        leave_no_trace(config, folder)
        with building(config) as watch:
            runner = build_runner(config)
            watch(runner)
            check_training(runner)
            return _measure(args, runner, wanted, say)


def _measure(args: argparse.Namespace, runner: Runner, wanted: int, say: Callable[[str], None]) -> dict:
    seconds = {name: share * args.seconds for name, share in SHARES.items()}
    unreadable = Unreadable()
    runner.logger.addFilter(unreadable)
    loader = runner.train_loop.dataloader
    if loader.num_workers == 0:
        seconds['steps'] += seconds.pop('workers')
    epochs = runner.max_iters / len(loader)
    batch = loader.batch_size or len(next(iter(loader.batch_sampler)))

    say('data: opening, decoding, transforms')
    data = time_samples(loader, seconds['samples'], unreadable)
    say('data: reading from the disk')
    reading = time_reading(data.files, seconds['reading'])
    videos = sum(len(leaf) for leaf in leaves(loader.dataset))
    facts = machine(args.data_root or '.')
    kept = (
        reading is None
        or facts['memory_available'] is None
        or (reading['bytes'] * videos < HELD_IN_MEMORY * facts['memory_available'])
    )
    if loader.num_workers:
        say(f'data: {loader.num_workers} workers')
    timings = Timings(
        data=data.parts,
        step={},
        groups=data.groups,
        collate=time_collating(loader, data.samples, batch),
        workers=loader.num_workers,
        reading=0.0 if kept else max(reading['cold_ms'] - reading['cached_ms'], 0.0),
        loader_rate=time_workers(loader, seconds['workers']) if loader.num_workers else None,
    )
    say('training step')

    def with_step(milliseconds: float) -> Timings:
        return Timings(**{**vars(timings), 'step': {'step': milliseconds}})

    step = time_steps(
        runner,
        data.samples,
        seconds['steps'],
        seconds['together'],
        lambda milliseconds: training_rate(with_step(milliseconds)),
    )
    timings = Timings(**{**vars(timings), 'step': step.parts, 'together_rate': step.together})

    clip = tuple(data.samples[0]['inputs'].shape[-3:])
    accelerator = next(iter(facts['accelerators']), {})
    known = dict(
        device=get_device(),
        cores=facts['cores'],
        threads=facts['threads'],
        bf16=facts['bf16'],
        clip=clip,
        allowed_workers=most_workers(runner.cfg.train_dataloader),
        precision=step.precision,
        peak_memory=step.peak_memory,
        memory=accelerator.get('memory', facts['memory']),
        laptop_config=laptop_config(args.config),
        **data.seen,
    )
    rate = measured_or_computed_rate(timings)
    samples = len(loader) * batch
    return dict(
        config=args.config,
        timings=asdict(timings),
        data=dict(
            sample_ms=sum(data.parts.values()),
            data_ms=timings.data_ms,
            videos_in_list=videos,
            videos_measured=len(data.samples),
            rounds=data.rounds,
            reading=reading,
            stays_in_memory=kept,
            unreadable=data.unreadable,
            clips=int(data.samples[0]['inputs'].shape[0]),
            clip=clip,
            **data.seen,
        ),
        step=dict(
            step_ms=timings.step_ms,
            batch=step.batch,
            full_batch=batch,
            iterations=step.iterations,
            precision=step.precision,
            peak_memory=step.peak_memory,
            memory=known['memory'],
        ),
        rates=dict(
            workers=timings.workers,
            workers_wanted=wanted,
            workers_allowed=known['allowed_workers'],
            data={workers: data_rate(timings, workers) for workers in shown_workers(timings.workers, facts['cores'])},
            loader_measured=timings.loader_rate,
            step=1e3 / timings.step_ms,
            training_computed=training_rate(timings),
            training_measured=timings.together_rate,
        ),
        wall=asdict(wall(timings)),
        estimate=dict(samples_per_epoch=samples, epochs=epochs, **estimates(rate, samples, epochs)),
        advice=[asdict(entry) for entry in advice(timings, known)],
    )


def shown_workers(own: int, cores: int) -> list[int]:
    """Numbers of workers that a table shows: none, powers of two up to the cores, and the loader's own."""
    return sorted({0, own, cores, *(2**power for power in range(cores.bit_length()) if 2**power < cores)})


def diagnose(args: argparse.Namespace, console: Console) -> dict:
    """Print everything, and return it as plain values."""
    start = time.perf_counter()
    found, facts = versions(), machine(args.data_root if args.data_root and osp.isdir(args.data_root) else '.')
    known = traps(found, facts, torch_that_torchvision_needs())
    repaired = repairs()
    print_machine(console, found, facts, repaired, known)
    report = dict(versions=found, machine=facts, repairs=repaired, traps=[asdict(trap) for trap in known])
    if args.config is not None:
        with console.status('starting up') as status:
            report['measurement'] = measure(args, lambda text: status.update(f'measuring {args.config}: {text}'))
        print_measurement(console, report['measurement'])
    report['seconds'] = time.perf_counter() - start
    return report


def check_args(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant."""
    if args.seconds < LEAST_SECONDS:
        raise ConfigError(f'--seconds must be at least {LEAST_SECONDS:g}, got {args.seconds:g}')
    if args.config is None:
        for name in ('data_root', 'ann_file', 'init_from', 'cfg_options'):
            if getattr(args, name) is not None:
                raise ConfigError(f'--{name.replace("_", "-")} needs a config to measure: tools/doctor.py CONFIG ...')
    if args.json is not None and not osp.isdir(osp.dirname(args.json) or '.'):
        raise ConfigError(f'--json: there is no folder {osp.dirname(args.json)}')


def main(argv: list[str] | None = None) -> None:
    """Describe the machine and measure a config; errors are raised as they are."""
    args = parse_args(argv)
    check_args(args)
    try:
        report = diagnose(args, Console())
    except KeyboardInterrupt:
        raise SystemExit('\nstopped') from None
    if args.json is not None:
        with open(args.json, 'w', encoding='utf-8') as file:
            json.dump(report, file, indent=2)


def command() -> None:
    """Entry point of ``tools/doctor.py``."""
    run_command(main)


if __name__ == '__main__':
    command()
