"""Recipes: one run at a time; and the real thing, tiny, killed and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest

from videossl.apis.recipes import command as recipes
from videossl.apis.recipes.stage import Stage
from videossl.datasets.moving_shapes import write_moving_shapes
from videossl.errors import CommandFailed, ConfigError
from videossl.folder_lock import folder_lock
from videossl.visualization import read_scalars

ROOT = Path(__file__).parents[3]
LAPTOP = ROOT / 'configs' / 'recipes' / 'laptop.py'
AUX = str(ROOT / 'configs' / 'laptop' / 'aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py')


def test_a_second_run_in_the_same_folder_is_refused(stand_in, run, tmp_path):
    with folder_lock(tmp_path / 'work', 'recipe'):
        status, output = run()
    assert status == 1 and not stand_in()
    assert f'another run works in {tmp_path / "work"}' in output
    assert run()[0] == 0


def test_a_developer_sees_where_an_error_was_raised(stand_in, run, monkeypatch):
    assert run('--ann-file', 'x.txt')[0] == 1
    monkeypatch.setenv('VIDEOSSL_DEBUG', '1')
    with pytest.raises(ConfigError, match='expected NAME=LIST'):
        run('--ann-file', 'x.txt')


def test_a_full_disk_ends_a_recipe_with_the_name_of_the_file_and_what_is_safe(stand_in, run, tmp_path, mount_disk):
    work = tmp_path / 'work'
    mount_disk(work, '64k')
    with pytest.raises(OSError):
        (work / 'full').write_bytes(bytes(1 << 20))
    status, output = run()
    assert status == 1 and not stand_in() and 'Traceback' not in output
    assert 'could not be written: No space left on device. No half-written file is left; make room, and run' in output


# ------------------------------------------------------------------------------------------------ the real thing, tiny
def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'waited too long'
        time.sleep(0.02)


TINY = [
    'all.model.backbone.base_channels=4', 'all.model.necks.projection.in_channels=32', 'all.model.memory_bank.size=4',
    'all.model.heads.speed.in_channels=32', 'all.model.heads.segment.in_channels=32',
    'all.model.cls_head.in_channels=32', 'all.model.cls_head.num_classes=8',
    'all.train_cfg.max_epochs=1', 'all.train_dataloader.sampler.repeats=1',
    'all.train_dataloader.batch_size=2', 'all.train_dataloader.dataset.pipeline.clips.transforms.resize.scale=(-1,36)',
    'all.train_dataloader.dataset.pipeline.clips.transforms.crop.size=32', 'all.test_dataloader.batch_size=1',
    'all.test_dataloader.dataset.pipeline.sample.num_clips=2', 'all.test_dataloader.dataset.pipeline.crop.crop_size=32',
    'all.default_hooks.logger.interval=1', 'aux.train_cfg.max_epochs=3', 'aux.train_dataloader.sampler.repeats=4'
]  # yapf: disable


@pytest.fixture(scope='module')
def killed_and_gone_on(tmp_path_factory):
    """auxSKD, VSPP and fine-tuning on eight videos; the recipe is killed in the auxiliary stage and started again."""
    folder = tmp_path_factory.mktemp('recipe')
    videos = folder / 'videos'
    write_moving_shapes(videos, num_train=8, num_test=2, size=64)
    work = folder / 'work'
    command = [
        sys.executable,
        str(ROOT / 'tools' / 'run_recipe.py'),
        str(LAPTOP),
        '--stage',
        'finetune_after_aux',
        '--data-root',
        str(videos),
        '--work-dir',
        str(work),
        '--cfg-options',
        *TINY,
    ]
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    result = SimpleNamespace(work=work, videos=videos, command=command, environment=environment)
    with open(folder / 'first', 'w') as output:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: (work / 'aux' / 'last_checkpoint').exists() or process.poll() is not None, 300)
            if process.poll() is not None:
                pytest.fail((folder / 'first').read_text())
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    log = work / 'aux' / 'output.log'
    wait_for(lambda: 'the process that started this run has ended' in log.read_text(), 120)
    result.first_output = (folder / 'first').read_text()
    result.state_after_kill = json.loads((work / 'aux' / 'stage.json').read_text())
    result.checkpoint_after_kill = (work / 'aux' / 'last_checkpoint').read_text()
    second = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    result.status, result.output = second.returncode, second.stdout
    assert result.status == 0, second.stdout + second.stderr
    return result


def test_a_killed_recipes_stage_ends_by_itself(killed_and_gone_on):
    assert 'the process that started this run has ended' in (killed_and_gone_on.work / 'aux' / 'output.log').read_text()
    assert 'trained' not in killed_and_gone_on.state_after_kill
    assert 'epoch_3.pth' not in killed_and_gone_on.checkpoint_after_kill, 'it was to be killed earlier'


def test_started_again_it_goes_on_from_the_last_checkpoint(killed_and_gone_on):
    log = (killed_and_gone_on.work / 'aux' / 'output.log').read_text()
    epoch = int(killed_and_gone_on.checkpoint_after_kill.rpartition('epoch_')[2].removesuffix('.pth'))
    assert f'resumed epoch: {epoch}, iter: {16 * epoch}' in log
    steps = [entry['step'] for entry in read_scalars(killed_and_gone_on.work / 'aux')]
    assert steps == list(range(1, 49)), '3 epochs of 4 times 8 videos, in batches of 2'
    assert (
        Stage('aux', AUX, killed_and_gone_on.work / 'aux').read_state()['seconds']
        > (killed_and_gone_on.state_after_kill['seconds'])
    ), 'the time before counts too'


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
        'aux: training',
        'vspp_after_aux: training',
        'finetune_after_aux: training',
        'finetune_after_aux: test',
    ]
    assert 'aux: done in ' in killed_and_gone_on.output


def test_run_a_third_time_it_starts_nothing_and_prints_the_same_table(killed_and_gone_on, capsys, monkeypatch):
    table = (killed_and_gone_on.work / 'table.md').read_text()
    monkeypatch.setattr(subprocess, 'Popen', lambda *args, **kwargs: pytest.fail('a process was started'))
    recipes.main(killed_and_gone_on.command[2:])
    output = capsys.readouterr().out
    assert output.count('done before') == 3 and 'auxSKD + VSPP' in output
    assert (killed_and_gone_on.work / 'table.md').read_text() == table


def test_a_list_with_a_bad_label_ends_the_run_and_names_the_entry(killed_and_gone_on, tmp_path, monkeypatch):
    videos = killed_and_gone_on.videos
    (videos / 'bad.txt').write_text((videos / 'train.txt').read_text().splitlines()[0].split()[0] + ' 11\n')
    for name, value in (('PYTHONPATH', str(ROOT)), ('OMP_NUM_THREADS', '1')):
        monkeypatch.setenv(name, value)
    with pytest.raises(CommandFailed) as error:
        recipes.main(
            [
                str(LAPTOP),
                '--stage',
                'finetune_scratch',
                '--data-root',
                str(videos),
                '--work-dir',
                str(tmp_path / 'work'),
                '--ann-file',
                'train=bad.txt',
                '--cfg-options',
                *TINY,
            ]
        )
    message = str(error.value)
    assert 'bad.txt' in message and 'label 11 lies outside 0..7' in message
    assert 'stage "finetune_scratch", training, failed' in message
