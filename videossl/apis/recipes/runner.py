"""Runs a stage: training and test as child processes, with their progress on the screen."""

import json
import os
import pprint
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from videossl.errors import CommandFailed

from .stage import Stage, write_whole

LINE_SECONDS = 30  # between two lines of progress, where the output goes to a file
STOP_SECONDS = 10  # between asking a command to end and killing it


class Display:
    """Shows the progress of a run: bars on a terminal, a line every 30 seconds in a file.

    Args:
        console: the terminal or file.
        bars: where bars are drawn; None: bars of its own.
    """

    def __init__(self, console: Console, bars: Progress | None = None) -> None:
        self.console = console
        self.narrow = console.is_terminal and console.width < 110
        columns = (
            TextColumn('{task.description}', markup=False),
            BarColumn(bar_width=8 if self.narrow else 20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn('{task.fields[note]}', markup=False),
        )
        self.bars = bars or Progress(*columns, console=console, refresh_per_second=2, disable=not console.is_terminal)
        self.first: tuple[float, int] | None = None  # when a command's progress was first seen, and what it was
        self.done = self.total = 0

    def say(self, text: str, style: str | None = None) -> None:
        """Print a line without breaking it, so that paths stay whole."""
        self.console.print(text, style=style, soft_wrap=True)

    def begin(self, title: str, log: Path) -> None:
        """Start to show a command."""
        self.title = title
        self.bar = self.bars.add_task(title, total=None, note='starting')
        self.first = None
        self.last_line = float('-inf')
        if not self.console.is_terminal:
            self.say(f'{title}: starting; everything it prints goes to {log}')

    def read(self, progress_file: Path) -> dict | None:
        """What the command has written to its file, if it has."""
        if not progress_file.exists():
            return None
        state = json.loads(progress_file.read_text())
        self.done, self.total = state['done'], state['total']
        if self.first is None:
            # A resumed stage has done steps that took no time in this run.
            self.first = (time.monotonic(), self.done)
        return state

    def seconds_per_step(self) -> float | None:
        """Of the command, since its progress was first seen; None: not known yet."""
        if self.first is None or self.done == self.first[1]:
            return None
        return (time.monotonic() - self.first[0]) / (self.done - self.first[1])

    def update(self, progress_file: Path) -> None:
        """Show the progress that the command has written to its file."""
        new = self.first is None
        state = self.read(progress_file)
        if state is None:
            return
        # Where there is little room, accuracies are shown and no loss.
        names = [name for name in state['metrics'] if not name.startswith('loss' if self.narrow else 'loss_')]
        note = '  '.join(f'{name.removeprefix("acc_")} {state["metrics"][name]:.2f}' for name in names)
        if new:
            self.bars.reset(self.bar, total=self.total, completed=self.done)
        self.bars.update(self.bar, completed=self.done, total=self.total, note=note)
        now = time.monotonic()
        if not self.console.is_terminal and now - self.last_line >= LINE_SECONDS:
            self.last_line = now
            seconds = self.seconds_per_step()
            left = '' if seconds is None else f'  {(self.total - self.done) * seconds / 60:.1f} minutes left'
            self.say(f'{self.title}: {self.done}/{self.total}{left}  {note}'.rstrip())


def run_stage(stage: Stage, display: Display) -> None:
    """Train a stage, and test it if its config has a test. What is done is not done again."""
    stage.check()
    stage.folder.mkdir(parents=True, exist_ok=True)
    state = stage.read_state()
    if state.get('fingerprint', stage.fingerprint) != stage.fingerprint:
        # The stage ran with other settings and has no checkpoint. Remove its curves, which would be added to the new ones.
        for scalars in stage.folder.glob('*/vis_data/scalars.json'):
            scalars.unlink()
        state = dict(seconds=0.0)
    if 'fingerprint' not in state:
        state['fingerprint'] = stage.fingerprint
        stage.write_state(state)
    if not state.get('trained'):
        arguments = ['--resume']
        if stage.init_from is not None:
            arguments += ['--init-from', stage.init_from.checkpoint(stage.init_epoch)]
        _run('train', arguments, stage, state, 'training', display)
        state['trained'] = True
        stage.write_state(state)
    if stage.has_test and 'metrics' not in state:
        metrics_file = stage.folder / 'metrics.json'
        _run('test', [stage.checkpoint(), '--metrics-file', str(metrics_file)], stage, state, 'test', display)
        state['metrics'] = json.loads(metrics_file.read_text())
        stage.write_state(state)


def _run(tool: str, arguments: list[str], stage: Stage, state: dict, what: str, display: Display) -> None:
    """Run training or test as a child process, show its progress, and write its output to a log file."""
    progress_file = stage.folder / 'progress.json'
    progress_file.unlink(missing_ok=True)
    # Settings go through a config file: command-line arguments would change strings with spaces or commas.
    config = stage.resolved_config.to_dict()
    hooks = config.get('default_hooks') or {}
    config['default_hooks'] = dict(
        hooks, progress=dict(type='videossl.ProgressHook', file=str(progress_file), parent=os.getpid())
    )
    config_file = stage.folder / f'{stage.name}.py'
    write_whole(
        config_file,
        ''.join(f'{key} = {pprint.pformat(value, width=110, sort_dicts=False)}\n' for key, value in config.items()),
    )
    log = stage.folder / 'output.log'
    display.begin(f'{stage.name}: {what}', log)
    before, started, written = state['seconds'], time.monotonic(), 0.0

    def watch() -> None:
        nonlocal written
        spent = time.monotonic() - started
        state['seconds'] = before + spent
        if spent - written >= 1:
            written = spent
            stage.write_state(state)
        display.update(progress_file)

    run_logged(
        [f'videossl.apis.running.{tool}', str(config_file), *arguments, '--work-dir', str(stage.folder)],
        log,
        f'stage "{stage.name}", {what},',
        watch,
    )


def run_logged(command: Sequence[str], log: Path, title: str, watch: Callable[[], None]) -> None:
    """Run a module to its end, in a process of its own. What interrupts this ends the process, too.

    Args:
        command: the module and its arguments.
        log: what it prints is added to this file.
        title: of the command, for the message of an error.
        watch: called four times a second while it runs, and at its end.

    Raises:
        CommandFailed: it ended with another status than 0.
    """
    with open(log, 'a') as output:
        process = subprocess.Popen(
            [sys.executable, '-m', *command], stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        try:
            while not has_ended(process, seconds=0.25):
                watch()
        finally:
            stop(process)
    watch()
    if process.returncode == 0:
        return
    if process.returncode > 0:
        how = f'failed with status {process.returncode}'
    else:
        how = f'was ended by signal {-process.returncode}'
        if process.returncode == -signal.SIGKILL:
            how += ', as the system does when memory runs out'
    tail = '\n'.join(log.read_text(errors='replace').splitlines()[-12:])
    raise CommandFailed(
        f'the end of {log}:\n{tail}\n\n{title} {how}; see above. When the reason is removed, run the same command again to '
        'go on'
    )


def has_ended(process: subprocess.Popen, seconds: float) -> bool:
    """Wait for a process to end; whether it ended within so many seconds."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def stop(process: subprocess.Popen) -> None:
    """End a process that has not ended, and wait for its end."""
    if process.poll() is not None:
        return
    process.terminate()
    if not has_ended(process, STOP_SECONDS):
        process.kill()
        process.wait()
