"""What a study shows while its steps run."""

import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console

from videossl.apis.recipes.runner import Display
from videossl.apis.studies import tasks as module
from videossl.apis.studies.tasks import run_tasks


@dataclass(eq=False)
class Step:
    """A step that reports half of its work, and waits until that has been seen."""

    title: str
    folder: Path
    kind: str = 'step'
    needs: list = field(default_factory=list)
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
        for _ in range(4):
            display.update(progress)
            time.sleep(0.3)
        self.ran = True


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """A function that runs two steps side by side, and returns all that the console got."""

    def shown(terminal: bool) -> str:
        monkeypatch.setattr(module, 'STATUS_SECONDS', 0.5)
        with open(tmp_path / 'console', 'w+') as file:
            settings = dict(force_terminal=True, legacy_windows=False) if terminal else {}
            display = Display(Console(file=file, width=140, color_system=None, **settings))
            steps = [Step('seed 0, one', tmp_path), Step('seed 0, two', tmp_path)]
            assert run_tasks(steps, 2, display, lambda task: None) == {}
            file.seek(0)
            return file.read()

    return shown


def test_on_a_terminal_each_running_step_has_a_bar_and_no_bar_stays(shown):
    text = shown(terminal=True)
    for name in ('one', 'two'):
        assert re.search(rf'seed 0, {name}: training .*5/10.* speed 0.25', text)
    assert 'started' not in text
    last = text.replace('\r', '\n').rstrip().split('\n')[-1]
    assert 'training' not in last, 'finished steps have a line, not a bar'
    assert 'seed 0, two: done in 1.5 minutes (' in text and 'probe 0.600' in text


def test_in_a_file_lines_say_what_has_started_and_how_far_it_is(shown):
    text = shown(terminal=False)
    assert '\x1b' not in text
    lines = text.rstrip().splitlines()  # rich 13.0 ends with an empty one
    assert lines[:2] == ['seed 0, one: started', 'seed 0, two: started']
    assert 'seed 0, one 5/10  seed 0, two 5/10' in lines
    assert lines[-1].endswith('(2 of 2 steps)  probe 0.600')
    assert any('(1 of 2 steps, about 1 minutes left)' in line for line in lines)
