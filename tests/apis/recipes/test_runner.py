"""Stages of a recipe: run, cut off, gone on with, and what the user is told; with stand-ins for training and test."""

import _thread
import io
import json
import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from videossl.apis.recipes import runner as recipe_runner
from videossl.apis.recipes.command import parse_args
from videossl.apis.recipes.reader import read_recipe

LAPTOP = Path(__file__).parents[3] / 'configs' / 'recipes' / 'laptop.py'


def test_stages_are_trained_and_tested_once(stand_in, run, tmp_path):
    assert run()[0] == 0
    calls = stand_in()
    assert [(call['tool'], call['stage']) for call in calls] == [
        ('train', 'vspp'),
        ('train', 'finetune_vspp'),
        ('test', 'finetune_vspp'),
    ]
    checkpoint = str(tmp_path / 'work' / 'vspp' / 'epoch_1.pth')
    assert '--init-from' not in calls[0]['arguments']
    assert calls[1]['arguments'][1:4] == ['--resume', '--init-from', checkpoint]
    status, output = run()
    assert status == 0 and len(stand_in()) == 3
    assert 'vspp: done before' in output and 'finetune_vspp: done before' in output


def test_a_stage_that_is_trained_but_not_tested_is_only_tested(stand_in, run, tmp_path):
    run()
    state_file = tmp_path / 'work' / 'finetune_vspp' / 'stage.json'
    state = json.loads(state_file.read_text())
    del state['metrics']
    state_file.write_text(json.dumps(state))
    run()
    assert [call['tool'] for call in stand_in()[3:]] == ['test']


def test_a_folder_with_another_runs_results_is_refused_with_advice_and_kept(stand_in, run, tmp_path):
    run()
    before = (tmp_path / 'work' / 'vspp' / 'stage.json').read_text()
    status, output = run('--cfg-options', 'vspp.train_cfg.max_epochs=7')
    assert status == 1 and len(stand_in()) == 3
    assert 'holds stage "vspp" of other settings' in output and 'another --work-dir, or delete that folder' in output
    assert (tmp_path / 'work' / 'vspp' / 'stage.json').read_text() == before
    # Also when only a later stage differs: before an earlier one is run for hours.
    (tmp_path / 'work' / 'vspp' / 'stage.json').unlink()
    status, output = run('--cfg-options', 'finetune_vspp.train_cfg.max_epochs=7')
    assert status == 1 and len(stand_in()) == 3 and 'holds stage "finetune_vspp"' in output


def test_a_first_try_that_came_to_no_checkpoint_does_not_stand_in_the_way(stand_in, run, tmp_path, monkeypatch):
    monkeypatch.setenv('BEHAVIOUR', 'fail')
    assert run('--cfg-options', 'vspp.train_cfg.max_epochs=7', stage='vspp')[0] == 1
    scalars = tmp_path / 'work' / 'vspp' / '20250101_000000' / 'vis_data' / 'scalars.json'
    scalars.parent.mkdir(parents=True)
    scalars.write_text('{"loss": 1.0, "step": 1}\n')
    monkeypatch.setenv('BEHAVIOUR', '')
    assert run(stage='vspp')[0] == 0
    assert not scalars.exists()


def test_a_stage_that_fails_ends_the_run_with_the_end_of_its_log(stand_in, run, tmp_path, monkeypatch):
    monkeypatch.setenv('BEHAVIOUR', 'fail')
    status, output = run()
    assert status == 1 and len(stand_in()) == 1
    assert 'a line of the log\nValueError: list.txt, entry 3: label 9 lies outside 0..7\n' in output
    assert 'stage "vspp", training, failed with status 1' in output and 'same command again' in output
    assert str(tmp_path / 'work' / 'vspp' / 'output.log') in output
    monkeypatch.setenv('BEHAVIOUR', '')
    assert run()[0] == 0


def test_a_stage_that_the_system_killed_is_said_to_be_so(stand_in, run, monkeypatch):
    monkeypatch.setenv('BEHAVIOUR', 'killed')
    status, output = run()
    assert status == 1 and 'ended by signal 9, as the system does when memory runs out' in output


def test_a_checkpoint_that_was_deleted_is_named(stand_in, run, tmp_path):
    run(stage='vspp')
    (tmp_path / 'work' / 'vspp' / 'epoch_1.pth').unlink()
    status, output = run()
    assert status == 1 and 'stage vspp: there is no checkpoint' in output and 'epoch_1.pth' in output


@pytest.mark.parametrize(
    ('behaviour', 'asked_by'), [('slow', signal.SIGINT), ('stubborn', signal.SIGINT), ('slow', signal.SIGTERM)]
)
def test_asked_to_end_it_ends_the_stage_too_and_says_how_to_go_on(
    stand_in, run, request, monkeypatch, behaviour, asked_by
):
    monkeypatch.setenv('BEHAVIOUR', behaviour)
    monkeypatch.setattr(recipe_runner, 'STOP_SECONDS', 0.5)
    if asked_by == signal.SIGINT:  # what a script starts in the background ignores it, and these tests may be that
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    def ask():
        while not stand_in():
            time.sleep(0.05)
        time.sleep(0.5)
        _thread.interrupt_main(asked_by)

    threading.Thread(target=ask).start()
    status, output = run()
    assert status == 130 and output.rstrip().endswith('stopped; run the same command again to go on')
    with pytest.raises(ProcessLookupError):
        os.kill(stand_in()[0]['pid'], 0)
    monkeypatch.setenv('BEHAVIOUR', '')
    assert run()[0] == 0


def test_output_that_goes_to_a_file_tells_where_the_run_is(stand_in, run, tmp_path):
    _, output = run(stage='vspp')
    lines = output.splitlines()
    log = tmp_path / 'work' / 'vspp' / 'output.log'
    assert lines[:2] == [
        f'vspp: training: starting; everything it prints goes to {log}',
        'vspp: training: 1/10  loss 1.50  speed 0.25',
    ]
    assert any(line.startswith('vspp: done in ') for line in lines)
    assert '\x1b' not in output


def test_in_a_file_a_line_each_half_minute_says_how_far_the_run_is(tmp_path, monkeypatch):
    clock = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(recipe_runner, 'time', SimpleNamespace(monotonic=lambda: clock.seconds))
    display = recipe_runner.Display(Console(file=io.StringIO(), width=200))
    display.begin('vspp: training', tmp_path / 'log')
    for done in range(1, 11):  # ten seconds each
        progress = dict(done=done, total=10, metrics=dict(loss=1.5, loss_speed=1.0, acc_speed=0.25))
        (tmp_path / 'progress.json').write_text(json.dumps(progress))
        display.update(tmp_path / 'progress.json')
        clock.seconds += 10
    lines = display.console.file.getvalue().splitlines()
    assert lines[1:] == [
        'vspp: training: 1/10  loss 1.50  speed 0.25',
        'vspp: training: 4/10  1.0 minutes left  loss 1.50  speed 0.25',
        'vspp: training: 7/10  0.5 minutes left  loss 1.50  speed 0.25',
        'vspp: training: 10/10  0.0 minutes left  loss 1.50  speed 0.25',
    ]


def test_a_terminal_of_80_columns_shows_one_bar_a_line(stand_in, data, tmp_path, monkeypatch):
    monkeypatch.setenv('BEHAVIOUR', 'steps')
    argv = [str(LAPTOP), '--stage', 'finetune_after_aux', '--data-root', str(data), '--work-dir', str(tmp_path)]
    stage = read_recipe(parse_args(argv))[0][-1]
    stage.init_from = None
    with open(tmp_path / 'terminal', 'w+') as file:
        console = Console(file=file, force_terminal=True, width=80, legacy_windows=False, color_system=None)
        display = recipe_runner.Display(console)
        with display.bars:
            recipe_runner.run_stage(stage, display)
        file.seek(0)
        # What stands there in the end: bars are drawn over those of before.
        lines = file.read().replace('\r', '\n').split('\n')
    training, test = [line for line in lines if 'finetune_after_aux' in line][-2:]
    for line, what in ((training, 'training'), (test, 'test')):
        assert f'finetune_after_aux: {what}' in line and '10/10' in line and 'speed 0.25' in line
    assert not any('everything it prints' in line for line in lines)


def test_a_damaged_checkpoint_stops_the_next_stage_and_says_how_to_go_on(stand_in, run, tmp_path):
    run(stage='vspp')
    folder = tmp_path / 'work' / 'vspp'
    (folder / 'epoch_1.pth').write_bytes(b'PK\3\4 cut off')
    status, output = run()
    assert status == 1 and [call['stage'] for call in stand_in()] == ['vspp']
    assert 'stage vspp: its checkpoint' in output and 'epoch_1.pth cannot be used: the file is damaged' in output
    assert f'delete {folder / "stage.json"}' in output
    (folder / 'stage.json').unlink()
    assert run()[0] == 0
    assert [(call['tool'], call['stage']) for call in stand_in()[1:3]] == [
        ('train', 'vspp'),
        ('train', 'finetune_vspp'),
    ]
    assert stand_in()[1]['arguments'][1] == '--resume'


@pytest.mark.parametrize('content', [b'', bytes(30), b'{"seconds": 1', b'[]', b'\xff\xff'])
def test_a_damaged_note_of_what_is_done_is_named_with_what_to_do(stand_in, run, tmp_path, content):
    run(stage='vspp')
    (tmp_path / 'work' / 'vspp' / 'stage.json').write_bytes(content)
    status, output = run()
    assert status == 1 and len(stand_in()) == 1
    assert 'stage.json is damaged' in output and 'Delete it: the stage goes on from its newest checkpoint' in output


def test_a_checkpoint_without_its_pointer_counts_as_one_of_the_stages_settings(stand_in, run, tmp_path):
    run(stage='vspp')
    (tmp_path / 'work' / 'vspp' / 'last_checkpoint').unlink()
    status, output = run('--cfg-options', 'vspp.train_cfg.max_epochs=7', stage='vspp')
    assert status == 1 and 'holds stage "vspp" of other settings' in output
