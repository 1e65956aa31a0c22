"""The tasks of a study: stages and evaluations, each after the tasks that it needs, one at a time or in parallel."""

import hashlib
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rich.progress import TaskID

from videossl.datasets.annotations import read_annotations
from videossl.errors import CommandFailed, UserError

from ..recipes.report import pretext_accuracies
from ..recipes.runner import Display, run_logged, run_stage
from ..recipes.stage import Stage, write_whole
from .reader import ALL

STATUS_SECONDS = 60  # between two lines that say how far the running tasks are, where the output goes to a file
# By the column of a study, the evaluation of features and its figure.
METRICS = {
    'probe': ('linear_probe', 'top1'),
    'knn': ('knn', 'top1'),
    'R@1': ('retrieval', 'R@1'),
    'R@5': ('retrieval', 'R@5'),
}


class Stopped(Exception):
    """The study was stopped while a task ran."""


class TaskDisplay(Display):
    """Receives the progress of a task, shows it as a bar on a terminal, and ends the task when the study is stopped.

    Args:
        title: of the task.
        shared: has the console, and the bars of all tasks that run.
        stopping: set when the study is to end.
    """

    def __init__(self, title: str, shared: Display, stopping: threading.Event) -> None:
        super().__init__(shared.console, shared.bars)
        self.of = title
        self.stopping = stopping
        self.progress = self.what = ''
        self.drawn: list[TaskID] = []

    def begin(self, title: str, log: Path) -> None:
        """A command starts."""
        self.progress, self.first = 'starting', None
        self.what = title.rpartition(': ')[2]  # without the name of the stage, which the task's title has
        if self.console.is_terminal:
            super().begin(self.of if self.of.endswith(self.what) else f'{self.of}: {self.what}', log)
            self.drawn.append(self.bar)

    def update(self, progress_file: Path) -> None:
        """Read what the command has written about itself.

        Raises:
            Stopped: the study is to end.
        """
        if self.stopping.is_set():
            raise Stopped
        if self.console.is_terminal:
            super().update(progress_file)
        elif self.read(progress_file) is not None:
            self.progress = f'{self.done}/{self.total}'

    def end(self) -> None:
        """Remove the bars: a line says that the task is done."""
        for bar in self.drawn:
            self.bars.remove_task(bar)


@dataclass(eq=False)
class StageTask:
    """Train a stage, and test it where it has a test.

    Attributes:
        seed: of its run, for the title.
        stage: what is run.
        needs: tasks that come before.
        disposable: the checkpoints are not needed once it is tested.
        point: name of its grid point, for the title.
    """

    seed: int
    stage: Stage
    needs: list['StageTask'] = field(default_factory=list)
    disposable: bool = False
    point: str = ''

    @property
    def kind(self) -> str:
        return self.stage.name

    @property
    def title(self) -> str:
        return f'seed {self.seed}, {self.stage.name}' + (f' ({self.point})' if self.point else '')

    def done(self) -> bool:
        """Whether nothing is left to do."""
        state = self.stage.read_state()
        same = state.get('fingerprint') == self.stage.fingerprint
        return same and bool(state.get('trained')) and ('metrics' in state or not self.stage.has_test)

    def seconds(self) -> float:
        """Time that it took."""
        return self.stage.read_state()['seconds']

    @cached_property
    def samples(self) -> int:
        """Number of samples that the training draws, but for those that are held out."""
        loader, loop = self.stage.resolved_config.train_dataloader, self.stage.resolved_config.train_cfg
        if 'max_epochs' not in loop:
            return loop.max_iters * loader.batch_size
        return (
            loop.max_epochs
            * loader.get('sampler', {}).get('repeats', 1)
            * len(read_annotations(str(self.stage.lists()[0])))
        )

    def outcome(self) -> dict[str, float]:
        """What a line says of it when it is done."""
        return {**self.accuracies, **self.stage.read_state().get('metrics', {})}

    @cached_property
    def accuracies(self) -> dict[str, float]:
        """Accuracies on the training clips of the last epoch; to be asked for when it is done."""
        return pretext_accuracies(self.stage)

    def check(self) -> None:
        """Find out before hours of other work what would stop it."""
        self.stage.check()

    def run(self, display: TaskDisplay) -> None:
        """Do it, or what is left of it."""
        run_stage(self.stage, display)
        if self.disposable:
            for checkpoint in self.stage.folder.glob('*.pth'):
                checkpoint.unlink()


@dataclass(eq=False)
class FeatureTask:
    """Evaluate the features of a stage's checkpoint.

    Attributes:
        seed: of the choice of few labels.
        stage: whose checkpoint.
        needs: the task that makes the checkpoint.
        settings: ``data_root``, ``train``, ``test``, ``protocol``, ``views`` and ``counts`` of
            :func:`~videossl.apis.studies.features.evaluate`.
    """

    seed: int
    stage: Stage
    needs: list[StageTask]
    settings: dict
    kind = 'features'
    samples = 0

    @property
    def title(self) -> str:
        return f'{self.needs[0].title}: features'

    @property
    def path(self) -> Path:
        return self.stage.folder / 'features.json'

    @property
    def fingerprint(self) -> str:
        """Changes with everything that the result depends on, except what is inside the videos."""
        lists = [hashlib.sha256(Path(self.settings[name]).read_bytes()).hexdigest() for name in ('train', 'test')]
        parts = json.dumps([self.stage.fingerprint, self.seed, lists, self.settings], sort_keys=True)
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def results(self) -> dict | None:
        """What the evaluation found; None: it was not done, or with other settings."""
        if not self.path.exists():
            return None
        content = json.loads(self.path.read_text())
        return content['results'] if content['job']['fingerprint'] == self.fingerprint else None

    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.results() is not None

    def seconds(self) -> float:
        """Time that it took."""
        return json.loads(self.path.read_text())['seconds']

    def outcome(self) -> dict[str, float]:
        """What a line says of it when it is done."""
        results = (self.results() or {}).get(ALL, {})
        found = {name: results.get(part, {}).get(metric) for name, (part, metric) in METRICS.items()}
        return {name: value for name, value in found.items() if value is not None}

    def check(self) -> None:
        """Nothing can be wrong that its stage's check has not found."""

    def run(self, display: TaskDisplay) -> None:
        """Extract and evaluate, in a process of its own."""
        folder = self.stage.folder
        job = dict(
            self.settings,
            checkpoint=self.stage.checkpoint(),
            seed=self.seed,
            features=str(folder / 'features'),
            out=str(self.path),
            fingerprint=self.fingerprint,
            parent=os.getpid(),
        )
        job_file = folder / 'features_job.json'
        write_whole(job_file, json.dumps(job, indent=2))
        log = folder / 'features.log'
        display.begin('features', log)
        run_logged(
            ['videossl.apis.studies.features', str(job_file)],
            log,
            self.title,
            lambda: display.update(folder / 'no progress is reported'),
        )
        if not self.done():
            raise CommandFailed(
                f'{self.title}: {self.path} is missing or does not fit; were lists changed while it was made? Run the same '
                'command again'
            )


Task = StageTask | FeatureTask
"""A task of a study."""


def run_tasks(
    tasks: Sequence[Task], jobs: int, display: Display, failed: dict[str, str], ended: Callable[[], None]
) -> None:
    """Run the tasks that are not done, as many at a time as there are jobs.

    A task that fails does not stop the others, except those that need it. Ctrl-C ends the running commands, which save
    what they have.

    Args:
        tasks: each after those that it needs.
        jobs: how many at a time. Each gets its share of the cores.
        display: prints lines, and on a terminal bars.
        failed: the message of each task that fails is added, by its title.
        ended: called after each task that is done or fails, from one thread at a time.
    """
    waiting = [task for task in tasks if not task.done()]
    total, before = len(tasks), len(tasks) - len(waiting)
    if before:
        display.say(f'{before} of {total} steps were done before')
    not_done = set(waiting)  # those that failed among them
    failed_tasks: set[Task] = set()
    running: dict[Future, tuple[Task, TaskDisplay]] = {}
    times = {task: task.seconds() for task in tasks if task not in waiting}
    stopping, last_status = threading.Event(), time.monotonic()
    pool = ThreadPoolExecutor(jobs, initializer=take_cores, initargs=(jobs, itertools.count()))

    def minutes_left() -> str:
        left = _seconds_left(waiting, list(running.values()), times) / jobs
        if not left:
            return ''
        return f', about {max(left / 60, 1):.0f} minute{"s" * (left >= 90)} left'

    try:
        with display.bars:
            while waiting or running:
                for task in list(waiting):
                    if failed_tasks.intersection(task.needs):
                        waiting.remove(task)
                        failed_tasks.add(task)
                        failed[task.title] = 'a step that it needs failed'
                    elif len(running) < jobs and not not_done.intersection(task.needs):
                        waiting.remove(task)
                        shown = TaskDisplay(task.title, display, stopping)
                        running[pool.submit(task.run, shown)] = task, shown
                        if not display.console.is_terminal:
                            display.say(f'{task.title}: started')
                for future in wait(running, timeout=1, return_when=FIRST_COMPLETED).done:
                    task, shown = running.pop(future)
                    shown.end()
                    error = future.exception()
                    if isinstance(error, (UserError, OSError)):
                        failed_tasks.add(task)
                        failed[task.title] = str(error)
                        display.say(f'{task.title}: failed\n{error}')
                        ended()
                        continue
                    future.result()
                    not_done.remove(task)
                    times[task] = task.seconds()
                    done = total - len(waiting) - len(running) - len(failed_tasks)
                    outcome = ''.join(f'  {name} {value:.3f}' for name, value in task.outcome().items())
                    display.say(
                        f'{task.title}: done in {task.seconds() / 60:.1f} minutes '
                        f'({done} of {total} steps{minutes_left()}){outcome}'
                    )
                    ended()
                if running and not display.console.is_terminal and time.monotonic() - last_status >= STATUS_SECONDS:
                    last_status = time.monotonic()
                    display.say('  '.join(f'{task.title} {shown.progress}' for task, shown in running.values()))
                    display.say(f'{total - len(waiting) - len(running)} of {total} steps{minutes_left()}')
    finally:
        stopping.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _seconds_left(
    waiting: Sequence[Task], running: Sequence[tuple[Task, TaskDisplay]], times: dict[Task, float]
) -> float:
    """A rough estimate: a step takes as long as finished steps of its kind. A training of a new kind takes as long for each
    sample as the trainings so far. 0: nothing is known yet.

    Args:
        waiting: steps to come.
        running: steps that run.
        times: seconds that the finished steps took.
    """
    speeds = [(task, shown, shown.seconds_per_step()) for task, shown in running]
    trained = [(seconds, task.samples) for task, seconds in times.items() if task.samples]
    trained += [
        (speed * shown.total, task.samples) for task, shown, speed in speeds if speed and shown.what == 'training'
    ]
    samples = sum(count for _, count in trained)
    for_each = sum(seconds for seconds, _ in trained) / samples if samples else 0.0

    def expected(task: Task) -> float:
        same = [seconds for other, seconds in times.items() if other.kind == task.kind]
        return sum(same) / len(same) if same else for_each * task.samples

    return sum(map(expected, waiting)) + sum(
        expected(task) if speed is None else speed * (shown.total - shown.done) for task, shown, speed in speeds
    )


def take_cores(jobs: int, numbers: 'itertools.count') -> None:
    """Give the calling thread, and the commands that it starts, its share of the cores: loaders and threads of a command
    are as many as the cores that it sees."""
    if jobs == 1 or not hasattr(os, 'sched_setaffinity'):
        return
    cores, number = sorted(os.sched_getaffinity(0)), next(numbers)
    os.sched_setaffinity(0, cores[number::jobs] or [cores[number % len(cores)]])
