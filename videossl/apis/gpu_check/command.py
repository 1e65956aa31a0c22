"""``tools/check_gpu.py``: all checks in order, one JSON file, one Markdown page."""

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from mmengine.logging import MMLogger

from videossl.apis.doctor.machine import describe_machine, list_versions
from videossl.apis.preparation.compact import compact
from videossl.apis.user_errors import run_command
from videossl.cores import available_cores
from videossl.datasets.moving_shapes import write_moving_shapes
from videossl.files import whole_file

from .agreement import agreement
from .ceilings import ceilings
from .curves import curves
from .feeding import feeding, transfer, worker_numbers
from .methods import FULL_SIZE, METHODS, Place
from .nets import NETS, SETTINGS, measure_net, multiplications, setting_name
from .report import failures, markdown
from .resuming import resuming
from .steps import steps
from .waiting import waiting

MINUTES = 16.0
MOST_WORKERS = 16


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="On a machine with a GPU, without a network, within 20 minutes: every method's loss and gradients "
        "against the CPU's, bf16 curves, who waits for the GPU, every net's speed, share of peak and memory, layouts "
        'and torch.compile, data feeding, a training killed and resumed. Writes check_gpu.json and check_gpu.md.'
    )
    parser.add_argument('--out', default='work_dirs/check_gpu', help='folder to write to; default: work_dirs/check_gpu')
    parser.add_argument('--quick', action='store_true', help='short measurements, no torch.compile: minutes')
    parser.add_argument('--only', nargs='+', choices=list(CHECKS), help='these checks alone')
    parser.add_argument(
        '--minutes', type=float, default=MINUTES, help=f'begin no check after these; default: {MINUTES:g}'
    )
    parser.add_argument(
        '--device', choices=['cuda', 'cpu'], default='cuda', help='cpu: every check runs, small, and measures no GPU'
    )
    parser.add_argument('--debug', action='store_true', help='show the full traceback of every error')
    return parser.parse_args(argv)


class Checks:
    """Runs the checks one after another and keeps their results.

    Args:
        place: where and how large.
        out: folder for the report, which is written after each check.
        minutes: after these nothing further begins.
        say: is told what is going on.
    """

    def __init__(self, place: Place, out: str, minutes: float, say: Callable[[str], None] = print) -> None:
        self.place = place
        self.out = Path(out)
        self.end = time.monotonic() + 60 * minutes
        self.say = say
        self.small = place.device == 'cpu'
        self.report: dict = dict(
            device=device_name(place.device),
            versions=list_versions(),
            machine=describe_machine(place.scratch),
            quick=place.quick,
            left_out=[],
            seconds={},
        )

    def run(self, names: list[str]) -> dict:
        """Run the named checks; an error ends one part of a check, not the others."""
        for name in names:
            began = time.monotonic()
            self.report[name] = {}
            CHECKS[name](self, self.report[name])
            self.report['seconds'][name] = time.monotonic() - began
            self.write()
        return self.report

    def one(self, found: dict, key: str, check: Callable, *args, **settings) -> None:
        """Run one part of a check, and keep its result or its error."""
        if time.monotonic() > self.end:
            self.report['left_out'].append(key)
            return
        began = time.monotonic()
        try:
            found[key] = check(*args, **settings)
            outcome = ''
        except Exception as error:
            found[key] = dict(
                error=f'{type(error).__name__}: {error}'[:2000], traceback=traceback.format_exc(), ok=False
            )
            outcome = f': {type(error).__name__}: {str(error)[:200]}'
        self.say(f'  {key} ({time.monotonic() - began:.1f} s){outcome}')

    def write(self) -> None:
        """Write the results so far."""
        self.out.mkdir(parents=True, exist_ok=True)
        for name, text in (
            ('check_gpu.json', json.dumps(self.report, indent=1, default=str)),
            ('check_gpu.md', markdown(self.report)),
        ):
            with whole_file(self.out / name) as path:
                Path(path).write_text(text + '\n', encoding='utf-8')

    # ------------------------------------------------------------------------------------------------------ the checks
    def check_ceilings(self, found: dict) -> None:
        self.one(
            found,
            'peaks',
            ceilings,
            self.place.device,
            0.1 if self.small or self.place.quick else 1.0,
            self.place.quick,
        )

    def check_agreement(self, found: dict) -> None:
        for method in METHODS:
            self.one(found, method.name, agreement, method, self.place)

    def check_curves(self, found: dict) -> None:
        for method in METHODS:
            self.one(
                found, method.name, curves, method, self.place, 4 if self.small else 16 if self.place.quick else 60
            )

    def check_waiting(self, found: dict) -> None:
        for method in METHODS:
            self.one(found, method.name, waiting, method, self.place)

    def check_resuming(self, found: dict) -> None:
        self.one(found, 'auxSKD', resuming, next(method for method in METHODS if method.name == 'auxSKD'), self.place)

    def check_nets(self, found: dict) -> None:
        peaks = self.peaks()
        work: dict[str, float] = {}
        settings = SETTINGS[:2] if self.small or self.place.quick else SETTINGS
        # Every net in one setting before the next setting: compiling, the longest, comes last.
        for setting in settings:
            for net in NETS[:1] if self.small else NETS:
                if self.small:
                    net = replace(net, config=dict(net.config, base_channels=self.place.width), size=32, batch=2)
                if net.name not in work:
                    work[net.name] = multiplications(net)
                seconds = 0.1 if self.small else 0.5 if self.place.quick else 1.0
                arguments = net, setting, self.place.device, peaks, work[net.name], seconds
                self.one(found, f'{net.name} | {setting_name(*setting)}', measure_net, *arguments)

    def check_steps(self, found: dict) -> None:
        place = self.place if self.small else replace(self.place, batch=30)
        for method in FULL_SIZE[:1] if self.small else FULL_SIZE:
            self.one(found, method.name, steps, method, place, 0.2 if self.small else 1.0 if place.quick else 3.0)

    def check_feeding(self, found: dict) -> None:
        place, seconds = self.place, 0.5 if self.small else 1.5 if self.place.quick else 3.0
        number, frames, size = (4, 40, 96) if self.small else (32, 300, 256)
        raw, small = Path(place.scratch, 'raw'), Path(place.scratch, 'compacted')
        write_moving_shapes(raw, num_train=number, num_test=1, size=size, num_frames=frames)
        compact(str(raw), str(small))
        workers = [0, 1] if self.small else worker_numbers(min(available_cores(), MOST_WORKERS))
        for name, videos in (('raw', raw), ('compacted', small)):
            at = replace(place, videos=str(videos))
            self.one(found, name, feeding, FULL_SIZE[0], at, workers, seconds, 4 if self.small else 30)
        at = replace(place, videos=str(raw))
        self.one(found, 'ready', feeding, FULL_SIZE[0], at, workers, seconds, 4 if self.small else 30, ready=True)
        at = place if self.small else replace(place, batch=30)
        self.one(found, 'transfer', transfer, FULL_SIZE[0], at, 0.1 if self.small else 1.0)

    def peaks(self) -> dict[str, float]:
        """The measured ceilings; measured here if that check did not run."""
        peaks = self.report.get('ceilings', {}).get('peaks', {})
        return peaks if 'fp32' in peaks else ceilings(self.place.device, 0.2, quick=True)


CHECKS: dict[str, Callable[[Checks, dict], None]] = dict(
    ceilings=Checks.check_ceilings,
    agreement=Checks.check_agreement,
    curves=Checks.check_curves,
    waiting=Checks.check_waiting,
    resuming=Checks.check_resuming,
    steps=Checks.check_steps,
    feeding=Checks.check_feeding,
    nets=Checks.check_nets,
)


def device_name(device: str) -> str:
    """The GPU's name; the processor's name for a CPU."""
    return torch.cuda.get_device_name() if device == 'cuda' else f'CPU: {describe_machine()["cpu"]}'


def check_gpu(
    out: str,
    device: str = 'cuda',
    quick: bool = False,
    only: list[str] | None = None,
    minutes: float = MINUTES,
    say: Callable[[str], None] = print,
) -> dict:
    """Run the checks, and write ``check_gpu.json`` and ``check_gpu.md``.

    Args:
        out: folder for both.
        device: ``'cuda'``; ``'cpu'`` runs every check, small.
        quick: short measurements and no torch.compile.
        only: names of checks; None: all.
        minutes: no part of a check begins after these.
        say: is told what is going on.

    Returns:
        What the JSON holds.
    """
    with tempfile.TemporaryDirectory(prefix='videossl_check_gpu_', ignore_cleanup_errors=True) as scratch:
        small = device == 'cpu'
        videos = write_moving_shapes(
            Path(scratch, 'moving_shapes'), num_train=8 if small else 64, num_test=1, num_frames=96
        )
        place = Place(
            str(videos),
            scratch,
            device,
            quick,
            **(dict(width=4, batch=2) if small else dict(workers=min(available_cores() - 1, 8))),
        )
        checks = Checks(place, out, minutes, say)
        for name in only or list(CHECKS):
            say(f'{name}:')
            checks.run([name])
        return checks.report


def main(argv: list[str] | None = None) -> None:
    """Run the checks; exit status 1 if one failed."""
    args = parse_args(argv)
    if args.device == 'cuda' and not torch.cuda.is_available():
        built = f'built for CUDA {torch.version.cuda}' if torch.version.cuda else 'built without CUDA'
        raise SystemExit(
            f'There is no GPU here that torch can use (torch {torch.__version__}, {built}); --device cpu runs every '
            'check, small, on the CPU.'
        )
    if args.device == 'cpu' and torch.cuda.is_available():
        # Too late to hide the GPU from this process.
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    warnings.simplefilter('ignore')
    MMLogger.get_instance('videossl', log_level='WARNING')
    report = check_gpu(args.out, args.device, args.quick, args.only, args.minutes, lambda text: print(text, flush=True))
    print((Path(args.out) / 'check_gpu.md').read_text(encoding='utf-8'))
    bad = failures(report)
    print(f'{args.out}: check_gpu.json and check_gpu.md; {len(bad)} failed' + (f': {"; ".join(bad)}' if bad else ''))
    raise SystemExit(bool(bad))


def command() -> None:
    """Entry point of ``tools/check_gpu.py``."""
    run_command(main)


if __name__ == '__main__':
    command()
