"""Recipes: how they are read, run, cut off, gone on with, and what the user is told."""
import _thread
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest
from mmengine.config import Config
from rich.console import Console

from videossl.apis import recipe as recipes
from videossl.apis.launch import ConfigError
from videossl.datasets.moving_shapes import write_moving_shapes

ROOT = Path(__file__).parents[2]
LAPTOP = ROOT / 'configs' / 'recipes' / 'laptop.py'
AUX, VSPP, FINETUNE = (str(ROOT / 'configs' / 'laptop' / f'{name}_r3d-10_16x1x1-64px-20e_videos-rgb.py')
                       for name in ('aux-skd', 'vspp', 'finetune'))


def read(*argv):
    """The stages by name."""
    stages, _, _ = recipes.read_recipe(recipes.parse_args([str(argument) for argument in argv]))
    return {stage.name: stage for stage in stages}


@pytest.fixture
def write_recipe(tmp_path):
    """A function that writes a recipe file from its variables."""

    def write(**variables):
        path = tmp_path / 'recipe.py'
        path.write_text(''.join(f'{name} = {value!r}\n' for name, value in variables.items()))
        return path

    return write


@pytest.fixture
def data(tmp_path):
    """A folder with lists, for what looks at no video."""
    folder = tmp_path / 'my videos'
    folder.mkdir()
    for name in ('train.txt', 'test.txt', 'other.txt'):
        (folder / name).write_text('a.mp4 0\n')
    return folder


# ------------------------------------------------------------------------------------------------------------- reading
def test_stages_come_in_order_each_with_the_one_it_starts_from(write_recipe, tmp_path):
    path = write_recipe(stages=dict(
        aux=dict(config=AUX), vspp=dict(config=VSPP, init_from='aux', init_epoch=3), alone=dict(config=VSPP)))
    stages = read(path, '--work-dir', tmp_path / 'work')
    assert list(stages) == ['aux', 'vspp', 'alone']
    assert stages['vspp'].init_from is stages['aux'] and stages['vspp'].init_epoch == 3
    assert stages['alone'].init_from is None and stages['alone'].folder == tmp_path / 'work' / 'alone'


@pytest.mark.parametrize('variables, message', [
    (dict(stages=dict(a=dict(config=VSPP)), tables=1), r"unknown: \['tables'\]"),
    (dict(table={}), r'stages being required'),
    (dict(stages=dict(a=dict(config=VSPP, annfile='x'))), r"stage a: .*unknown: \['annfile'\]"),
    (dict(stages=dict(a=dict(ann_file='x'))), r'stage a: .*config being required'),
    (dict(stages={'a.b': dict(config=VSPP)}), r'stage a\.b: a name of a stage has no dot'),
    (dict(stages=dict(a=dict(config=VSPP, init_from='b'), b=dict(config=VSPP))), r'"b", which is no stage before it'),
    (dict(stages=dict(a=dict(config=VSPP, init_from='a'))), r'"a", which is no stage before it'),
    (dict(stages=dict(a=dict(config=VSPP, ann_file='x')), ann_files=dict(y='y.txt')), r'"x" is none of the lists .*y'),
])
def test_a_recipe_with_a_mistake_is_refused_by_the_key_or_stage(write_recipe, variables, message):
    with pytest.raises(ConfigError, match=message):
        read(write_recipe(**variables))


@pytest.mark.parametrize('arguments, message', [
    (['--stage', 'vsp'], r'--stage vsp: .*no such stage; it has .*vspp'),
    (['--ann-file', 'tran=x.txt'], r'--ann-file tran=.*no list and no stage of this name; its lists are .*train'),
    (['--ann-file', 'x.txt'], r'--ann-file x.txt: expected NAME=LIST'),
    (['--cfg-options', 'vsp.train_cfg.max_epochs=1'], r'no stage "vsp"'),
    (['--cfg-options', 'vspp.train_cfg.max_epochs'], r'expected STAGE.KEY=VALUE'),
    (['--cfg-options', 'vspp.train_cfg.milestones=[1,2'], r'Imbalanced brackets'),
    (['--cfg-options', 'all.model.bckbone.depth=1'], r'no key "bckbone".*did you mean "backbone"'),
    (['--data-root', 'no/such/folder'], r'--data-root no/such/folder: there is no such folder'),
])
def test_an_argument_that_means_nothing_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        read(LAPTOP, *arguments)


def test_a_misspelt_option_of_one_stage_names_the_stage_before_anything_runs():
    stage = read(LAPTOP, '--cfg-options', 'vspp.model.bckbone.depth=1')['vspp']
    with pytest.raises(ConfigError, match=r'stage vspp, .*did you mean "backbone"'):
        stage.check()


def test_settings_for_a_test_that_a_stage_does_not_have_are_refused():
    with pytest.raises(ConfigError, match='stage vspp, .*test_dataloader'):
        read(LAPTOP, '--cfg-options', 'vspp.test_dataloader.batch_size=1')['vspp'].check()


def test_lists_are_given_by_their_names_or_by_stage(data):
    stages = read(LAPTOP, '--data-root', data, '--ann-file', 'train=other.txt', 'vspp=mine.txt',
                  'finetune_vspp.test=a.txt')
    assert stages['vspp'].ann_file == 'mine.txt' and stages['aux'].ann_file == 'train.txt'
    assert stages['finetune_scratch'].ann_file == 'other.txt' and stages['finetune_scratch'].test_ann_file == 'test.txt'
    assert stages['finetune_vspp'].ann_file == 'other.txt' and stages['finetune_vspp'].test_ann_file == 'a.txt'
    config = stages['finetune_vspp'].resolved_config
    assert config.train_dataloader.dataset.dataset.ann_file == 'other.txt'
    assert config.test_dataloader.dataset.ann_file == 'a.txt'
    assert config.test_dataloader.dataset.data_root == str(data)


def test_a_folder_alone_is_scanned_unless_it_has_the_recipes_lists(tmp_path, data):
    (tmp_path / 'plain').mkdir()
    stage = read(LAPTOP, '--data-root', tmp_path / 'plain')['vspp']
    assert stage.ann_file is None and stage.resolved_config.train_dataloader.dataset.dataset.ann_file is None
    assert read(LAPTOP, '--data-root', data)['vspp'].ann_file == 'train.txt'


def test_a_stage_brings_those_it_starts_from_and_no_other():
    assert list(read(LAPTOP, '--stage', 'finetune_after_aux')) == ['aux', 'vspp_after_aux', 'finetune_after_aux']
    assert list(read(LAPTOP, '--stage', 'finetune_vspp', 'aux')) == ['vspp', 'finetune_vspp', 'aux']


@pytest.mark.parametrize('text, value', [
    ('3', 3), ('1e-3', 1e-3), ('.5', 0.5), ('-1', -1),
    ('true', True), ('True', True), ('False', False), ('None', None), ('null', None),
    ('[1,2]', [1, 2]), ('[1, 2]', [1, 2]), ('1,2', [1, 2]), ('(1,2)', (1, 2)),
    ('["a", "b"]', ['a', 'b']), ('[a,b]', ['a', 'b']),
    ('SGD', 'SGD'), ('a b', 'a b'), ('"3"', '3'), ('"a, b"', 'a, b'), ('{"lr": 0.1}', dict(lr=0.1)), ('a=b', 'a=b'),
])  # yapf: disable
def test_a_value_arrives_at_the_stage_with_its_type(tmp_path, data, monkeypatch, text, value):
    stage = read(LAPTOP, '--stage', 'vspp', '--data-root', data, '--work-dir', tmp_path / 'the work, mine',
                 '--cfg-options', f'vspp.model.backbone.some_setting={text}')['vspp']
    # What the process that trains is started with.
    monkeypatch.setattr(subprocess, 'Popen', lambda command, **kwargs: SimpleNamespace(
        poll=lambda: 0, wait=lambda seconds: 0, returncode=0, command=started.extend(command)))
    started: list[str] = []
    recipes.run_stage(stage, recipes.Display(Console(quiet=True)))
    config = Config.fromfile(started[3])
    assert config.model.backbone.some_setting == value
    assert type(config.model.backbone.some_setting) in (type(value), type(config.model.backbone))
    assert config.default_hooks.progress.file == str(tmp_path / 'the work, mine' / 'vspp' / 'progress.json')
    assert config.train_dataloader.dataset.dataset.data_root == str(data)


def test_an_option_for_all_reaches_every_stage_that_has_it_and_a_stages_own_wins():
    stages = read(LAPTOP, '--cfg-options', 'all.model.cls_head.num_classes=12', 'all.train_cfg.max_epochs=2',
                  'aux.train_cfg.max_epochs=3', 'all.test_dataloader.batch_size=1')
    for name, stage in stages.items():
        config = stage.resolved_config
        assert config.train_cfg.max_epochs == (3 if name == 'aux' else 2)
        assert config.model.get('cls_head', {}).get('num_classes') == (12 if name.startswith('finetune') else None)
        assert (config.get('test_dataloader') is not None) == name.startswith('finetune')


def test_a_recipes_own_options_are_overridden_by_the_stages_and_the_command_lines(write_recipe):
    path = write_recipe(
        options={'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 1, 'model.backbone.depth': 18},
        stages=dict(a=dict(config=VSPP, options={'train_cfg.max_epochs': 2, 'train_dataloader.batch_size': 2})))
    config = read(path, '--cfg-options', 'a.train_cfg.max_epochs=3')['a'].resolved_config
    assert (config.train_cfg.max_epochs, config.train_dataloader.batch_size, config.model.backbone.depth) == (3, 2, 18)


def test_a_stage_that_learns_labels_is_refused_on_a_scanned_folder_before_anything_runs(tmp_path):
    stages = read(LAPTOP, '--data-root', tmp_path)
    stages['aux'].check()
    with pytest.raises(ConfigError, match=r'finetune_vspp learns labels.*--ann-file.*finetune_vspp=LIST.*--stage'):
        stages['finetune_vspp'].check()


def test_a_list_that_is_missing_is_named_before_anything_runs(data):
    stages = read(LAPTOP, '--data-root', data, '--ann-file', 'test=tset.txt')
    stages['aux'].check()
    with pytest.raises(ConfigError, match=r'stage finetune_vspp: there is no list .*tset\.txt'):
        stages['finetune_vspp'].check()


# --------------------------------------------------------------------------------------------------------- fingerprint
def test_the_fingerprint_follows_all_that_a_result_depends_on(data, tmp_path, write_recipe):

    def fingerprint(*arguments, stage='vspp_after_aux', recipe=LAPTOP):
        return read(recipe, '--data-root', data, *arguments)[stage].fingerprint

    same = fingerprint()
    assert fingerprint('--work-dir', tmp_path / 'elsewhere') == same
    assert fingerprint('--data-root', f'{data}/') == same
    assert fingerprint('--cfg-options', 'vspp.train_cfg.max_epochs=7') == same, 'another stage'
    assert fingerprint('--ann-file', 'test=other.txt') == same, 'it has no test'
    assert fingerprint('--cfg-options', 'vspp_after_aux.train_cfg.max_epochs=7') != same
    assert fingerprint('--cfg-options', 'aux.train_cfg.max_epochs=7') != same, 'the stage that it starts from'
    assert fingerprint('--ann-file', 'vspp_after_aux=other.txt') != same
    assert fingerprint('--data-root', tmp_path) != same
    stages = dict(vspp_after_aux=dict(config=VSPP, ann_file='a'))
    lists = dict(ann_files=dict(a='train.txt'))
    assert fingerprint(recipe=write_recipe(stages=stages, **lists)) != same, 'from scratch'
    (data / 'train.txt').write_text('a.mp4 0\nb.mp4 0\n')
    assert fingerprint() != same, 'the list itself'


def test_another_epoch_of_the_stage_before_is_another_result(write_recipe):
    fingerprints = set()
    for epoch in (1, 2, None):
        stages = dict(a=dict(config=VSPP), b=dict(config=VSPP, init_from='a', init_epoch=epoch))
        fingerprints.add(read(write_recipe(stages=stages))['b'].fingerprint)
    assert len(fingerprints) == 3


# ------------------------------------------------------------------------------- running, with stand-ins for the stages
STAND_IN = '''
import json, os, signal, sys, time
folder = sys.argv[sys.argv.index('--work-dir') + 1]
tool = sys.argv[2].rpartition('.')[2]
call = dict(tool=tool, stage=os.path.basename(folder), arguments=sys.argv[3:], pid=os.getpid())
with open(os.environ['CALLS'], 'a') as calls:
    calls.write(json.dumps(call) + chr(10))

def progress(done):
    with open(folder + '/progress.json.part', 'w') as file:
        json.dump(dict(done=done, total=10, metrics=dict(loss=1.5, loss_speed=1.0, acc_speed=0.25)), file)
    os.replace(folder + '/progress.json.part', folder + '/progress.json')

behaviour = os.environ.get('BEHAVIOUR', '')
if behaviour == 'stubborn':
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
progress(1)
if behaviour in ('slow', 'stubborn'):
    time.sleep(60)
if behaviour == 'steps':
    for done in range(1, 11):
        progress(done)
        time.sleep(0.15)
if behaviour == 'fail':
    print('a line of the log')
    sys.exit('ValueError: list.txt, entry 3: label 9 lies outside 0..7')
if behaviour == 'killed':
    os.kill(os.getpid(), signal.SIGKILL)
if tool == 'train':
    for name in ('epoch_1.pth', 'last_checkpoint'):
        with open(folder + '/' + name, 'w') as file:
            file.write('/a/folder/of/before/epoch_1.pth')
else:
    with open(sys.argv[sys.argv.index('--metrics-file') + 1], 'w') as file:
        json.dump({'acc/top1': 0.5, 'acc/top5': 0.75}, file)
'''


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Replaces training and test by a script that takes no time; returns a function that lists its calls."""
    (tmp_path / 'stand_in.py').write_text(STAND_IN)
    python = tmp_path / 'python'
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "{tmp_path}/stand_in.py" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, 'executable', str(python))
    monkeypatch.setenv('CALLS', str(tmp_path / 'calls'))
    (tmp_path / 'calls').write_text('')
    return lambda: [json.loads(line) for line in (tmp_path / 'calls').read_text().splitlines()]


@pytest.fixture
def run(data, tmp_path, capsys):
    """A function that runs the laptop recipe's stages up to one; returns the exit status and what was printed."""

    def run(*arguments, stage='finetune_vspp'):
        argv = ['--stage', stage, '--data-root', str(data), '--work-dir', str(tmp_path / 'work'), *arguments]
        status = 0
        try:
            recipes.main([str(LAPTOP), *argv])
        except SystemExit as error:
            status = error.code
        return status, capsys.readouterr().out

    return run


def test_stages_are_trained_and_tested_once(stand_in, run, tmp_path):
    assert run()[0] == 0
    calls = stand_in()
    assert [(call['tool'], call['stage']) for call in calls] == [
        ('train', 'vspp'), ('train', 'finetune_vspp'), ('test', 'finetune_vspp')]
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


def test_a_second_run_in_the_same_folder_is_refused(stand_in, run, tmp_path):
    with recipes.only_one(tmp_path / 'work'):
        status, output = run()
    assert status == 1 and not stand_in()
    assert f'another run works in {tmp_path / "work"}; wait for it, or choose another --work-dir' in output
    assert run()[0] == 0


@pytest.mark.parametrize('behaviour', ['slow', 'stubborn'])
def test_ctrl_c_ends_the_run_and_the_stage_at_once_and_says_how_to_go_on(stand_in, run, monkeypatch, behaviour):
    monkeypatch.setenv('BEHAVIOUR', behaviour)
    monkeypatch.setattr(recipes, 'STOP_SECONDS', 0.5)
    seconds = []

    def press_ctrl_c():
        while not stand_in():
            time.sleep(0.05)
        time.sleep(0.5)
        seconds.append(time.monotonic())
        _thread.interrupt_main()

    threading.Thread(target=press_ctrl_c).start()
    status, output = run()
    assert time.monotonic() - seconds[0] < 3
    assert status == 130 and output.rstrip().endswith('stopped; run the same command again to go on')
    assert not is_running(stand_in()[0]['pid'])
    monkeypatch.setenv('BEHAVIOUR', '')
    assert run()[0] == 0


def test_output_that_goes_to_a_file_tells_where_the_run_is(stand_in, run, tmp_path, monkeypatch):
    monkeypatch.setenv('BEHAVIOUR', 'steps')
    monkeypatch.setattr(recipes, 'LINE_SECONDS', 0.6)
    _, output = run(stage='vspp')
    lines = output.splitlines()
    assert lines[0] == f'vspp: training: starting; everything it prints goes to {tmp_path}/work/vspp/output.log'
    progress = [line for line in lines if line.startswith('vspp: training: ') and '/10' in line]
    assert 2 <= len(progress) <= 4 and all(line.endswith('loss 1.50  speed 0.25') for line in progress)
    assert 'minutes left' in progress[1]
    assert any(line.startswith('vspp: done in ') for line in lines)
    assert '\x1b' not in output


def test_a_terminal_of_80_columns_shows_one_bar_a_line(stand_in, data, tmp_path, monkeypatch):
    monkeypatch.setenv('BEHAVIOUR', 'steps')
    stage = read(LAPTOP, '--data-root', data, '--work-dir', tmp_path)['finetune_after_aux']
    stage.init_from = None
    with open(tmp_path / 'terminal', 'w+') as file:
        console = Console(file=file, force_terminal=True, width=80, legacy_windows=False, color_system=None)
        display = recipes.Display(console)
        with display.bars:
            recipes.run_stage(stage, display)
        file.seek(0)
        # What stands there in the end: bars are drawn over those of before.
        lines = file.read().replace('\r', '\n').split('\n')
    training, test = [line for line in lines if 'finetune_after_aux' in line][-2:]
    for line, what in ((training, 'training'), (test, 'test')):
        assert f'finetune_after_aux: {what}' in line and '10/10' in line and 'speed 0.25' in line
    assert not any('everything it prints' in line for line in lines)


# ------------------------------------------------------------------------------------------------------------- results
@pytest.fixture
def stage(tmp_path):
    """A stage whose last epoch, the second, has known accuracies; the run was resumed within it."""

    def write(name, entries):
        path = tmp_path / 'vspp' / name / 'vis_data' / 'scalars.json'
        path.parent.mkdir(parents=True)
        path.write_text(''.join(json.dumps(entry) + '\n' for entry in entries))

    write('20250101_120000', [
        dict(loss=1.0, epoch=1, step=10, acc_speed=0.1, acc_segment=0.9),
        dict(loss=1.0, epoch=2, step=20, acc_speed=0.2, acc_segment=0.7),
        dict(loss=1.0, epoch=2, step=30, acc_speed=0.9),
    ])
    write('20250101_130000', [
        dict(loss=1.0, epoch=2, step=30, acc_speed=0.3),
        dict(loss=1.0, epoch=2, step=40, acc_speed=0.34, top1_acc=1.0),
    ])
    stage = recipes.Stage('vspp', VSPP, tmp_path / 'vspp')
    stage.write_state(dict(seconds=90.0, trained=True, metrics={'acc/top1': 0.5, 'acc/top5': 0.75, 'acc/mean1': 0.4}))
    return stage


def test_pretext_accuracies_are_means_over_the_last_epoch(stage):
    assert recipes.pretext_accuracies(stage) == pytest.approx(dict(acc_speed=(0.2 + 0.3 + 0.34) / 3, acc_segment=0.7))


def test_a_stage_that_logged_nothing_has_no_pretext_accuracies(tmp_path):
    assert recipes.pretext_accuracies(recipes.Stage('a', VSPP, tmp_path / 'a')) == {}


def test_a_pretext_task_at_chance_is_said_to_be_worth_nothing(stage, capsys):
    display = recipes.Display(Console(width=140))
    recipes.warn_at_chance(stage, dict(acc_speed=0.25, acc_segment=0.25), display)
    output = capsys.readouterr().out
    assert 'vspp: acc_speed is 0.28, and guessing gives 0.25: the pretext task was not learnt' in output
    assert 'acc_segment' not in output


def test_the_table_has_accuracies_with_chance_minutes_and_cited_figures(stage, tmp_path):
    other = recipes.Stage('other', VSPP, tmp_path / 'other')
    table = dict(
        chance={'acc_speed': 0.25, 'acc/top1': 0.125},
        rows=[dict(name='VSPP', stages=['vspp', 'other'], cited='61.0'), dict(name='scratch', stages=['other']),
              dict(name='left out', stages=['vspp', 'not_selected'])])
    header, rows = recipes.result_rows(Config(dict(table=table)), [stage, other])
    assert header == ['', 'top-1 (chance 12.5)', 'top-5', 'segment', 'speed (chance 25.0)', 'minutes', 'cited']
    assert rows == [['VSPP', '50.0', '75.0', '70.0', '28.0', '1.5', '61.0'],
                    ['scratch', '-', '-', '-', '-', '0.0', '-']]


def test_where_no_row_is_complete_there_is_no_table_but_a_picture(stand_in, run, tmp_path):
    status, output = run(stage='vspp')
    assert status == 0 and 'top-1' not in output and not (tmp_path / 'work' / 'table.md').exists()
    assert (tmp_path / 'work' / 'curves.png').exists()


# ------------------------------------------------------------------------------------------------ the real thing, tiny
def is_running(pid):
    """Whether a process has not ended; one that nobody has waited for has ended."""
    state = subprocess.run(['ps', '-o', 'stat=', '-p', str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith('Z')


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'waited too long'
        time.sleep(0.02)


TINY = [
    'all.model.backbone.base_channels=4', 'all.model.necks.projection.in_channels=32', 'all.model.memory_bank.size=4',
    'all.model.heads.speed.in_channels=32', 'all.model.heads.segment.in_channels=32',
    'all.model.cls_head.in_channels=32', 'all.model.cls_head.num_classes=8',
    'all.train_cfg.max_epochs=1', 'all.train_dataloader.dataset.times=1',
    'all.train_dataloader.batch_size=2', 'all.train_dataloader.dataset.dataset.pipeline.3.transforms.0.scale=(-1,36)',
    'all.train_dataloader.dataset.dataset.pipeline.3.transforms.1.size=32', 'all.test_dataloader.batch_size=1',
    'all.test_dataloader.dataset.pipeline.1.num_clips=2', 'all.test_dataloader.dataset.pipeline.4.crop_size=32',
    'all.default_hooks.logger.interval=1', 'aux.train_cfg.max_epochs=3', 'aux.train_dataloader.dataset.times=4'
]  # yapf: disable


@pytest.fixture(scope='module')
def killed_and_gone_on(tmp_path_factory):
    """auxSKD, VSPP and fine-tuning on eight videos; the recipe is killed in the auxiliary stage and started again."""
    folder = tmp_path_factory.mktemp('recipe')
    videos = folder / 'videos'
    write_moving_shapes(videos, num_train=8, num_test=2, size=64)
    work = folder / 'work'
    command = [sys.executable, str(ROOT / 'tools' / 'run_recipe.py'), str(LAPTOP), '--stage', 'finetune_after_aux',
               '--data-root', str(videos), '--work-dir', str(work), '--cfg-options', *TINY]
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    result = SimpleNamespace(work=work, videos=videos, command=command, environment=environment)
    with open(folder / 'first', 'w') as output:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: (work / 'aux' / 'last_checkpoint').exists() or process.poll() is not None, 120)
            if process.poll() is not None:
                pytest.fail((folder / 'first').read_text())
            children = subprocess.run(['pgrep', '-P', str(process.pid)], capture_output=True, text=True).stdout
            child = int(children.split()[0])
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    killed = time.monotonic()
    wait_for(lambda: not is_running(child), 20)
    result.seconds_to_end = time.monotonic() - killed
    result.first_output = (folder / 'first').read_text()
    result.state_after_kill = json.loads((work / 'aux' / 'stage.json').read_text())
    result.checkpoint_after_kill = (work / 'aux' / 'last_checkpoint').read_text()
    second = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    result.status, result.output = second.returncode, second.stdout
    assert result.status == 0, second.stdout + second.stderr
    return result


def test_a_killed_recipes_stage_ends_by_itself(killed_and_gone_on):
    assert killed_and_gone_on.seconds_to_end < 5
    assert 'the process that started this run has ended' in (killed_and_gone_on.work / 'aux' / 'output.log').read_text()
    assert 'trained' not in killed_and_gone_on.state_after_kill
    assert 'epoch_3.pth' not in killed_and_gone_on.checkpoint_after_kill, 'it was to be killed earlier'


def test_started_again_it_goes_on_from_the_last_checkpoint(killed_and_gone_on):
    log = (killed_and_gone_on.work / 'aux' / 'output.log').read_text()
    epoch = int(killed_and_gone_on.checkpoint_after_kill.rpartition('epoch_')[2].removesuffix('.pth'))
    assert f'resumed epoch: {epoch}, iter: {16 * epoch}' in log
    steps = [entry['step'] for entry in recipes.read_scalars(killed_and_gone_on.work / 'aux')]
    assert steps == list(range(1, 49)), '3 epochs of 4 times 8 videos, in batches of 2'
    assert recipes.Stage('aux', AUX, killed_and_gone_on.work / 'aux').read_state()['seconds'] > (
        killed_and_gone_on.state_after_kill['seconds']), 'the time before counts too'


def test_each_stage_starts_from_the_one_before(killed_and_gone_on):
    for stage, source in (('vspp_after_aux', 'aux/epoch_3.pth'), ('finetune_after_aux', 'vspp_after_aux/epoch_1.pth')):
        assert source in (killed_and_gone_on.work / stage / 'output.log').read_text()


def test_a_recipe_ends_with_a_table_and_a_picture(killed_and_gone_on):
    lines = (killed_and_gone_on.work / 'table.md').read_text().splitlines()
    header, _, row = ([cell.strip() for cell in line.strip('|').split('|')] for line in lines)
    table = dict(zip(header, row))
    assert row[0] == 'auxSKD + VSPP' and float(table['minutes']) > 0
    assert {'top-1', 'top-5', 'speed (chance 25.0)', 'segment (chance 25.0)'} <= set(table)
    metrics = json.loads((killed_and_gone_on.work / 'finetune_after_aux' / 'metrics.json').read_text())
    assert table['top-1'] == f'{100 * metrics["acc/top1"]:.1f}'
    for cell in row:
        assert cell in killed_and_gone_on.output
    assert f'table: {killed_and_gone_on.work / "table.md"}\n' in killed_and_gone_on.output
    assert f'curves: {killed_and_gone_on.work / "curves.png"}\n' in killed_and_gone_on.output
    assert cv2.imread(str(killed_and_gone_on.work / 'curves.png')) is not None


def test_the_output_of_both_runs_reads_like_a_story(killed_and_gone_on):
    assert 'aux: training: starting; everything it prints goes to ' in killed_and_gone_on.first_output
    lines = killed_and_gone_on.output.splitlines()
    assert [line.partition(': starting')[0] for line in lines if ': starting' in line] == [
        'aux: training', 'vspp_after_aux: training', 'finetune_after_aux: training', 'finetune_after_aux: test']
    assert 'aux: done in ' in killed_and_gone_on.output


def test_run_a_third_time_it_starts_nothing_and_prints_the_same_table(killed_and_gone_on, capsys, monkeypatch):
    table = (killed_and_gone_on.work / 'table.md').read_text()
    monkeypatch.setattr(subprocess, 'Popen', lambda *args, **kwargs: pytest.fail('a process was started'))
    recipes.main(killed_and_gone_on.command[2:])
    output = capsys.readouterr().out
    assert output.count('done before') == 3 and 'auxSKD + VSPP' in output
    assert (killed_and_gone_on.work / 'table.md').read_text() == table


def test_a_list_with_a_bad_label_ends_the_run_and_names_the_entry(killed_and_gone_on, tmp_path, capsys, monkeypatch):
    videos = killed_and_gone_on.videos
    (videos / 'bad.txt').write_text((videos / 'train.txt').read_text().splitlines()[0].split()[0] + ' 11\n')
    for name, value in (('PYTHONPATH', str(ROOT)), ('OMP_NUM_THREADS', '1')):
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as error:
        recipes.main([str(LAPTOP), '--stage', 'finetune_scratch', '--data-root', str(videos), '--work-dir',
                      str(tmp_path / 'work'), '--ann-file', 'train=bad.txt', '--cfg-options', *TINY])
    output = capsys.readouterr().out
    assert error.value.code == 1
    assert 'bad.txt' in output and 'label 11 lies outside 0..7' in output
    assert 'stage "finetune_scratch", training, failed' in output
