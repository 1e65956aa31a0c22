"""What a study shows while its steps run."""

import itertools
import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from rich.console import Console

from videossl.apis.recipes.runner import Display
from videossl.apis.studies import tasks as module
from videossl.apis.studies.tasks import run_tasks


@dataclass(eq=False)
class Step:
    """A step that reports half of its work, and ends when the console shows what is waited for."""

    title: str
    folder: Path
    kind: str = 'step'
    needs: list = field(default_factory=list)
    samples: int = 100
    awaited: str = ''
    ran: bool = False

    def done(self) -> bool:
        return self.ran

    def seconds(self) -> float:
        return 90.0

    def outcome(self) -> dict[str, float]:
        return dict(probe=0.6)

    def run(self, display) -> None:
        progress = self.folder / f'{self.title}.json'
        display.begin('one: training', self.folder / 'log')
        progress.write_text(json.dumps(dict(done=5, total=10, metrics=dict(acc_speed=0.25))))
        end = time.monotonic() + 60
        while not re.search(self.awaited, (self.folder / 'console').read_text(errors='replace')):
            assert time.monotonic() < end, 'waited too long'
            display.update(progress)
            time.sleep(0.05)
        self.ran = True


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """A function that runs two steps side by side, and returns all that the console got."""

    def shown(terminal: bool, awaited: str) -> str:
        monkeypatch.setattr(module, 'STATUS_SECONDS', 0.5)
        with open(tmp_path / 'console', 'w+') as file:
            settings = dict(force_terminal=True, legacy_windows=False) if terminal else {}
            display = Display(Console(file=file, width=140, color_system=None, **settings))
            steps = [Step(f'seed 0, {name}', tmp_path, awaited=awaited) for name in ('one', 'two')]
            failed: dict[str, str] = {}
            run_tasks(steps, 2, display, failed, lambda: None)
            assert not failed
            file.seek(0)
            return file.read()

    return shown


def test_on_a_terminal_each_running_step_has_a_bar_and_no_bar_stays(shown):
    bars = [rf'seed 0, {name}: training .*5/10.* speed 0.25' for name in ('one', 'two')]
    text = shown(terminal=True, awaited=rf'{bars[0]}(?s:.*){bars[1]}')
    assert 'started' not in text
    last = text.replace('\r', '\n').rstrip().split('\n')[-1]
    assert 'training' not in last, 'finished steps have a line, not a bar'
    assert 'seed 0, two: done in 1.5 minutes (' in text and 'probe 0.600' in text


def test_in_a_file_lines_say_what_has_started_and_how_far_it_is(shown):
    text = shown(terminal=False, awaited='seed 0, one 5/10  seed 0, two 5/10\n')
    assert '\x1b' not in text
    lines = text.rstrip().splitlines()  # rich 13.0 ends with an empty one
    assert lines[:2] == ['seed 0, one: started', 'seed 0, two: started']
    assert 'seed 0, one 5/10  seed 0, two 5/10' in lines
    assert lines[-1].endswith('(2 of 2 steps)  probe 0.600')
    assert any('(1 of 2 steps, about 1 minute left)' in line for line in lines)


def test_the_time_left_follows_the_samples_of_what_was_never_run(tmp_path):
    def step(kind: str, samples: int) -> Step:
        return Step(kind, tmp_path, kind, samples=samples)

    done = {step('random', 100): 10.0, step('features', 0): 7.0}
    # 0.1 seconds for each sample; features take as long as those before.
    assert module._seconds_left([step('vspp', 4000), step('features', 0)], [], done) == pytest.approx(407)
    # A running training of 400 samples in 10 steps of 9 seconds: 0.2 seconds for each of the 500 samples that are known.
    running = step('aux', 400), SimpleNamespace(what='training', seconds_per_step=lambda: 9.0, done=4, total=10)
    assert module._seconds_left([step('vspp', 4000)], [running], done) == pytest.approx(800 + 6 * 9)
    running[1].what = 'test'
    assert module._seconds_left([step('vspp', 4000)], [running], done) == pytest.approx(400 + 6 * 9)
    begun = step('aux', 400), SimpleNamespace(what='training', seconds_per_step=lambda: None, done=0, total=0)
    assert module._seconds_left([], [begun], done) == pytest.approx(40)
    assert module._seconds_left([step('vspp', 4000)], [], {}) == 0


def test_samples_of_a_training_are_counted_from_its_config(tmp_path):
    (tmp_path / 'train.txt').write_text('a.mp4 0\nb.mp4 1\nc.mp4 0\n')
    config = Config(
        dict(
            train_cfg=dict(max_epochs=5),
            train_dataloader=dict(batch_size=8, sampler=dict(type='DrawSampler', repeats=10)),
        )
    )
    stage = SimpleNamespace(resolved_config=config, lists=lambda: [tmp_path / 'train.txt'])
    assert module.StageTask(0, stage).samples == 3 * 10 * 5
    config.train_cfg = dict(max_iters=20)
    assert module.StageTask(0, stage).samples == 160


@pytest.mark.parametrize(
    ('cores', 'jobs', 'shares'),
    [
        ({0, 1, 2, 3, 6, 7}, 2, [{0, 2, 6}, {1, 3, 7}]),
        ({0, 1, 2, 3, 4}, 2, [{0, 2, 4}, {1, 3}]),
        ({4, 5}, 3, [{4}, {5}, {4}]),
        ({4, 5}, 1, [None]),
    ],
)
def test_the_shares_of_the_jobs_are_disjoint_and_together_all_cores(monkeypatch, cores, jobs, shares):
    taken = []
    monkeypatch.setattr(module.os, 'sched_getaffinity', lambda thread: cores, raising=False)
    monkeypatch.setattr(module.os, 'sched_setaffinity', lambda thread, share: taken.append(set(share)), raising=False)
    numbers = itertools.count()
    for _ in range(jobs):
        module.take_cores(jobs, numbers)
    assert taken == [share for share in shares if share is not None]
    assert jobs == 1 or set().union(*taken) == cores
