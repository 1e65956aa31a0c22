"""tools/doctor.py: what is wrong with a machine, what holds a config back, and what it advises."""

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from videossl.apis.doctor import command as doctor
from videossl.datasets.moving_shapes import write_moving_shapes
from videossl.errors import UserError

ROOT = Path(__file__).parents[3]
LAPTOP = ROOT / 'configs' / 'laptop'


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('videos')
    write_moving_shapes(folder, num_train=6, num_test=2, size=64, num_frames=32, num_classes=2, workers=1)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob('*.mp4'))
    (folder / 'some.txt').write_text(''.join(f'{name} 0\n' for name in names))
    (folder / 'videos' / 'broken video.mp4').write_bytes(b'no video')
    (folder / 'with_broken.txt').write_text(''.join(f'{name}\n' for name in [*names[:3], 'videos/broken video.mp4']))
    (folder / 'only_broken.txt').write_text('videos/broken video.mp4\n')
    return folder


@pytest.fixture(scope='module')
def aux_skd(tmp_path_factory):
    """auxSKD with a sixteenth of the width."""
    path = tmp_path_factory.mktemp('configs') / 'tiny.py'
    path.write_text(f"""_base_ = ['{LAPTOP / 'aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py'}']
model = dict(backbone=dict(base_channels=4), necks=dict(projection=dict(in_channels=32)))
train_dataloader = dict(batch_size=2)
""")
    return str(path)


def run(capsys, *arguments):
    doctor.main(list(map(str, arguments)))
    return ' '.join(capsys.readouterr().out.split())


@pytest.fixture(scope='module')
def measured(aux_skd, videos, tmp_path_factory):
    """Report and output of one measurement on a list with a broken video, from an empty folder."""
    folder = tmp_path_factory.mktemp('from_here')
    before = os.getcwd()
    threads = torch.get_num_threads()
    os.chdir(folder)
    try:
        torch.set_num_threads(1)
        args = doctor.parse_args(
            [aux_skd, '--data-root', str(videos), '--ann-file', 'with_broken.txt', '--seconds', '2']
        )
        console = doctor.Console(width=200, record=True, file=open(os.devnull, 'w'))
        report = doctor.diagnose(args, console)
        return report, console.export_text(), sorted(folder.rglob('*'))
    finally:
        os.chdir(before)
        torch.set_num_threads(threads)


def test_every_section_is_printed(measured):
    text = measured[1]
    for heading in (
        'versions',
        'machine',
        'repaired in this process',
        'known traps',
        'samples/s',
        'main process',
        'the training step:',
        'the wall:',
        'what to change:',
    ):
        assert heading in text


def test_each_number_of_workers_is_measured_alone_and_in_training(measured):
    found = measured[0]['measurement']
    assert found['workers'] in found['data'] and 0 in found['data'] and set(found['data']) == set(found['training'])
    assert min(*found['data'].values(), *found['training'].values(), found['step']) > 0
    assert found['batch'] == found['full_batch'] == 2 and found['iterations'] >= 3


def test_the_measurement_knows_clips_and_videos(measured):
    found = measured[0]['measurement']
    assert found['clip'] == (2, 3, 16, 64, 64) and found['file_size'] == (64, 64)


def test_nothing_is_written_where_training_would_write(measured):
    assert measured[2] == []


def test_the_report_is_plain_values(measured):
    back = json.loads(json.dumps(measured[0]))
    assert back['versions']['videossl'] and back['traps'] and back['measurement']['wall']['side'] in ('data', 'step')


def test_fine_tuning_is_measured_too_and_written_as_json(capsys, videos, tmp_path):
    text = run(
        capsys,
        LAPTOP / 'finetune_r3d-10_16x1x1-64px-20e_videos-rgb.py',
        '--data-root',
        videos,
        '--ann-file',
        'some.txt',
        '--seconds',
        '1',
        '--json',
        tmp_path / 'report.json',
        '--cfg-options',
        'model.backbone.base_channels=4',
        'model.cls_head.in_channels=32',
        'train_dataloader.batch_size=2',
    )
    report = json.loads((tmp_path / 'report.json').read_text())
    assert 'the wall:' in text and report['measurement']['full_batch'] == 2 and report['measurement']['step'] > 0
    assert [path.name for path in tmp_path.iterdir()] == ['report.json']


def test_without_a_config_the_machine_alone_is_described(capsys):
    text = run(capsys)
    assert 'mmaction2' in text and 'repaired in this process' in text and 'known traps' in text
    assert 'the wall:' not in text


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['configs/laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgp.py'], 'did you mean'),
        (
            [
                str(LAPTOP / 'vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'),
                '--cfg-options',
                'train_dataloader.bach_size=2',
            ],
            'did you mean "batch_size"',
        ),
        ([str(LAPTOP / 'vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'), '--data-root', 'nowhere'], 'nowhere'),
        (['--data-root', 'somewhere'], '--data-root needs a config'),
        (['--cfg-options', 'a=1'], '--cfg-options needs a config'),
        (['--seconds', '0.1'], '--seconds must be at least'),
        (['--json', 'no/such/folder/report.json'], '--json: there is no folder'),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_message_alone(arguments, message, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, 'argv', ['doctor.py', *arguments])
    with pytest.raises(SystemExit) as error:
        doctor.command()
    told = capsys.readouterr().err
    assert error.value.code == 1 and message in told and 'Traceback' not in told


def test_a_list_of_broken_videos_alone_ends_with_their_names(aux_skd, videos, capsys):
    with pytest.raises(UserError, match='broken video.mp4|cannot be read|could not be read'):
        doctor.main([aux_skd, '--data-root', str(videos), '--ann-file', 'only_broken.txt', '--seconds', '1'])


def test_a_run_counted_in_iterations_with_workers_is_measured(capsys, videos, tmp_path):
    config = tmp_path / 'three_iterations.py'
    config.write_text(
        f"_base_ = ['{LAPTOP / 'vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'}']\n"
        "train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=3)\n"
    )
    text = run(
        capsys,
        config,
        '--data-root',
        videos,
        '--ann-file',
        'some.txt',
        '--seconds',
        '1',
        '--json',
        tmp_path / 'report.json',
        '--cfg-options',
        'model.backbone.base_channels=4',
        'model.heads.speed.in_channels=32',
        'model.heads.segment.in_channels=32',
        'train_dataloader.batch_size=2',
        'train_dataloader.num_workers=2',
    )
    report = json.loads((tmp_path / 'report.json').read_text())['measurement']
    assert report['workers'] == 2 and report['data']['2'] > 0 and report['training']['2'] > 0
    assert '2 workers (as training does here)' in text


def test_the_tool_lists_versions_even_where_videossl_cannot_be_imported(tmp_path):
    (tmp_path / 'videossl').mkdir()
    (tmp_path / 'videossl' / '__init__.py').write_text("raise ImportError('mmcv is too new')")
    environment = dict(os.environ, PYTHONPATH=str(tmp_path))
    ended = subprocess.run(
        [sys.executable, str(ROOT / 'tools' / 'doctor.py')],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1 and 'mmcv is too new' in ended.stderr and 'Traceback' not in ended.stderr
    assert f'mmengine        {importlib.metadata.version("mmengine")}' in ended.stdout
