import json
import time
from pathlib import Path

from videossl.apis.report.work_folder import Notes, RunFolder, WorkFolder, numbers


def test_a_run_a_recipe_and_a_study_are_told_apart(tmp_path, make_run):
    run = make_run(tmp_path / 'run')
    make_run(tmp_path / 'recipe' / 'vspp')
    make_run(tmp_path / 'study' / 'lr=0.1' / 'seed_1' / 'vspp')
    make_run(tmp_path / 'study' / 'seed_0' / 'vspp')
    found = {name: WorkFolder(tmp_path / name) for name in ('run', 'recipe', 'study')}
    assert {name: work.kind for name, work in found.items()} == {name: name for name in found}
    assert [entry.name for entry in found['run'].runs] == ['run'] and found['run'].runs[0].folder == run
    assert [entry.name for entry in found['recipe'].runs] == ['vspp']
    assert {entry.name for entry in found['study'].runs} == {'lr=0.1/seed_1/vspp', 'seed_0/vspp'}
    assert [entry.group for entry in found['study'].first_runs] == ['lr=0.1/seed_1']


def test_the_hand_off_is_read_from_the_log_with_its_modules(tmp_path, make_run):
    hand_off = RunFolder('x', make_run(tmp_path / 'run'), Notes()).hand_off
    assert hand_off.checkpoint == '/somewhere/aux/epoch_9.pth'
    assert hand_off.counts == {'taken': 72, 'dropped': 87, 'missing': 4, 'of another shape': 1}
    assert hand_off.details == ['taken: backbone.stem (6), backbone.stage1 (66)', 'dropped: teacher.backbone (87)']


def test_time_is_divided_into_computing_waiting_and_the_rest(tmp_path, make_run):
    folder = make_run(tmp_path / 'run', seconds=200.0)
    (folder / 'features.json').write_text(json.dumps(dict(seconds=12.0)))
    seconds = RunFolder('x', folder, Notes()).seconds
    assert seconds == {
        'computing': 60.0, 'waiting for videos': 30.0, 'start, checkpoints, test': 110.0, 'evaluation of features': 12.0
    }  # fmt: skip


def test_a_run_without_a_state_takes_the_time_of_its_log(tmp_path, make_run):
    folder = make_run(tmp_path / 'run')
    (folder / 'stage.json').unlink()
    log = next(folder.glob('*/*.log'))
    started = time.mktime(time.strptime(log.stem, '%Y%m%d_%H%M%S'))
    import os

    os.utime(log, (started + 100, started + 100))
    assert sum(RunFolder('x', folder, Notes()).seconds.values()) == 100


def test_evaluations_are_found_by_their_content(tmp_path):
    (tmp_path / 'report.json').write_text(json.dumps(dict(knn=dict(top1=0.5, protocol='20 nearest'))))
    (tmp_path / 'features.json').write_text(
        json.dumps(
            dict(
                results={
                    'all': dict(linear_probe=dict(top1=0.75, protocol='p')),
                    '2': dict(linear_probe=dict(top1=0.25, protocol='p')),
                }
            )
        )
    )
    (tmp_path / 'other.json').write_text('{"a": 1}')
    notes = Notes()
    found = RunFolder('x', tmp_path, notes).evaluations
    assert found['all'] == dict(knn=dict(top1=0.5, protocol='20 nearest'), linear_probe=dict(top1=0.75, protocol='p'))
    assert found['2']['linear_probe']['top1'] == 0.25 and not notes.problems


def test_nothing_of_a_config_is_run(tmp_path, make_run):
    folder = make_run(tmp_path / 'run')
    config = next(folder.glob('*/vis_data/config.py'))
    config.write_text(f'{config.read_text()}\nhook = open({str(tmp_path / "touched")!r}, "w")\n')
    assert RunFolder('x', folder, Notes()).config['randomness'] == dict(seed=3)
    assert not (tmp_path / 'touched').exists()


def test_problems_are_named_once_in_one_line():
    notes = Notes()
    for _ in range(2):
        assert notes.attempt('file', 7, Path('/no/such').read_text) == 7
    assert notes.problems == ["file: [Errno 2] No such file or directory: '/no/such'"]
    assert notes.attempt('other', 0, lambda: 1 / 0) == 0 and len(notes.problems) == 2
    assert numbers(dict(a=1, b=True, c='x', d=0.5)) == dict(a=1, d=0.5)
