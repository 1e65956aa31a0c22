"""Seeds of several machines in one report; with stand-ins for training, test and evaluation."""

import json
from types import SimpleNamespace

import pytest

from videossl.apis.studies.results import pretext
from videossl.apis.studies.tasks import StageTask
from videossl.evaluation.statistics import t_interval

ROWS = ('--rows', 'random', 'vspp')
PROBE = ('--columns', 'probe')


@pytest.fixture
def elsewhere(stand_in, run, tmp_path):
    """A function that runs the small study in another folder, and returns its results.json."""

    def elsewhere(*arguments, folder='other'):
        status, output, _ = run('--work-dir', str(tmp_path / folder), *arguments)
        assert status == 0, output
        return tmp_path / folder / 'results.json'

    return elsewhere


def cells(results, **key):
    return [cell for cell in results['cells'] if key.items() <= cell.items()]


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return path


def test_seeds_of_another_machine_are_in_the_table_and_its_intervals(stand_in, run, elsewhere):
    other = elsewhere('--seeds', '0', '1', *ROWS, *PROBE)
    before = len(stand_in())
    status, output, results = run('--seeds', '2', '3', *ROWS, *PROBE, '--join', str(other))
    assert status == 0, output
    assert {call['seed'] for call in stand_in()[before:]} == {2, 3}
    assert results['seeds'] == [0, 1, 2, 3] and results['steps'] == dict(done=8, all=8)
    expected = {str(seed): pytest.approx(0.4 + 0.01 * seed * seed) for seed in range(4)}
    for labels in ('all', '1', '2'):
        (cell,) = cells(results, row='vspp', labels=labels)
        assert cell['values'] == expected
        interval = t_interval([0.4, 0.41, 0.44, 0.49])
        assert (cell['low'], cell['high']) == pytest.approx((interval.low, interval.high))
    assert all((entry['mean'], entry['number']) == (pytest.approx(0.1), 4) for entry in results['differences'])
    assert {entry['row'] for entry in results['minutes']} == {'random', 'vspp'}
    assert len(results['commands']) == 2 and '--seeds 0 1' in results['commands'][0], 'that of the other machine, too'
    assert '12 values were measured elsewhere and joined.' in results['notes'], '2 rows, 2 seeds, 3 numbers of labels'


def test_joined_values_stay_in_later_calls(stand_in, run, elsewhere):
    other = elsewhere('--seeds', '0', *ROWS, *PROBE)
    run('--seeds', '1', *ROWS, *PROBE, '--join', str(other))
    other.unlink()
    _, _, results = run('--seeds', '2', '--rows', 'random', *PROBE)
    assert {cell['row']: sorted(cell['values']) for cell in cells(results, labels='all')} == {
        'random': ['0', '1', '2'], 'vspp': ['0', '1']
    }  # fmt: skip


def test_what_is_known_from_elsewhere_is_not_run_but_for_what_other_steps_need(stand_in, run, elsewhere):
    other = elsewhere('--seeds', '0', *ROWS, *PROBE)
    before = len(stand_in())
    status, output, results = run('--seeds', '0', *ROWS, *PROBE, '--join', str(other))
    assert status == 0 and len(stand_in()) == before, output
    assert len(cells(results, labels='all')) == 2
    run('--seeds', '0', *ROWS, '--columns', 'probe', 'finetune', '--join', str(other))
    assert {(call['stage'], call['tool']) for call in stand_in()[before:]} == {
        ('vspp', 'train'), *((stage, tool) for stage in ('finetune_vspp', 'finetune_vspp_1') for tool in ('train', 'test'))
    }, 'fine-tuning needs the pretrained net; its features are known'  # fmt: skip


def test_a_value_of_the_own_folder_counts_before_a_joined_one_and_of_those_the_newer(
    stand_in, run, elsewhere, tmp_path
):
    other = elsewhere('--seeds', '0', '1', '--rows', 'vspp', *PROBE)
    content = json.loads(other.read_text())

    def other_with(name, value):
        for cell in content['cells']:
            cell['values'] = dict.fromkeys(cell['values'], value)
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return str(path)

    files = other_with('older.json', 0.7), other_with('newer.json', 0.8)
    run('--seeds', '0', '--rows', 'vspp', *PROBE)
    _, _, results = run('--seeds', '0', '--rows', 'vspp', *PROBE, '--join', *files)
    (cell,) = cells(results, labels='all')
    assert cell['values'] == {'0': pytest.approx(0.4), '1': 0.8}
    _, _, results = run('--seeds', '0', '--rows', 'vspp', *PROBE, '--join', files[0])
    assert cells(results, labels='all')[0]['values']['1'] == 0.7, 'joined again, it is the newest'


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(name='weizmann'), 'name is weizmann there, small here'),
        (dict(split='select'), 'split is select there, test here'),
        (dict(test_videos=7), 'test_videos is 7 there, 6 here'),
        (dict(points=[dict(lr=1)]), "points is [{'lr': 1}] there, [{}] here"),
        (dict(label_counts=[1]), 'label_counts is [1] there, [1, 2] here'),
        (dict(list_digest='0'), 'its lists name other videos'),
    ],
)
def test_results_of_another_study_are_refused_and_nothing_is_kept_of_them(run, elsewhere, tmp_path, changes, message):
    other = change(elsewhere('--seeds', '0', '--rows', 'vspp', *PROBE), **changes)
    status, output, _ = run('--seeds', '1', '--rows', 'vspp', *PROBE, '--join', str(other))
    assert status == 1 and f'{other}: these results are of another study: {message}' in output
    assert not (tmp_path / 'work' / 'joined.json').exists() and not (tmp_path / 'work' / 'results.json').exists()


@pytest.mark.parametrize('text', [None, 'no JSON', '3', '[[]]', '{}'])
def test_a_file_that_holds_no_results_is_refused(run, tmp_path, text):
    path = tmp_path / 'some.json'
    if text is not None:
        path.write_text(text)
    status, output, _ = run('--seeds', '1', '--rows', 'vspp', *PROBE, '--join', str(path))
    assert status == 1 and f'{path}: it cannot be read as the results of a study' in output


def test_a_damaged_file_of_joined_results_is_named(run, elsewhere, tmp_path):
    other = elsewhere('--seeds', '0', '--rows', 'vspp', *PROBE)
    run('--seeds', '0', '--rows', 'vspp', *PROBE, '--join', str(other))
    (tmp_path / 'work' / 'joined.json').write_text('[{')
    status, output, _ = run('--seeds', '0', '--rows', 'vspp', *PROBE)
    assert status == 1 and 'joined.json: it cannot be read as the results of a study' in output


def test_a_dry_run_counts_what_is_left_and_keeps_nothing(run, elsewhere, tmp_path):
    other = elsewhere('--seeds', '0', '--rows', 'vspp', *PROBE)
    status, output, _ = run('--seeds', '0', '1', '--rows', 'vspp', *PROBE, '--join', str(other), '--dry-run')
    assert status == 0 and 'seeds [0, 1], 2 steps' in output and 'seed 0' not in output
    assert not (tmp_path / 'work' / 'joined.json').exists()


def test_the_report_names_other_versions_and_other_evaluations(run, elsewhere):
    other = elsewhere('--seeds', '0', '--rows', 'vspp', *PROBE)
    content = json.loads(other.read_text())
    change(other, versions=dict(content['versions'], torch='1.0'), protocols=dict(linear_probe='probe of another kind'))
    _, output, results = run('--seeds', '1', '--rows', 'vspp', *PROBE, '--join', str(other))
    assert '3 values were measured elsewhere and joined. There: torch 1.0.' in results['notes']
    assert (
        'Joined results have another linear_probe: "probe of another kind", here "probe as ever". Do not compare.'
        in results['notes']
    )


def test_evaluations_of_joined_results_are_named_and_compared_where_nothing_ran_here(run, elsewhere):
    first = elsewhere('--seeds', '0', '--rows', 'vspp', *PROBE)
    second = change(
        elsewhere('--seeds', '1', '--rows', 'vspp', *PROBE, folder='third'), protocols=dict(linear_probe='new')
    )
    status, output, results = run('--seeds', '0', '1', '--rows', 'vspp', *PROBE, '--join', str(first), str(second))
    assert status == 0 and results['steps'] == dict(done=0, all=0) and results['protocols'] == dict(linear_probe='new')
    assert 'Joined results have another linear_probe: "probe as ever", here "new". Do not compare.' in results['notes']


def test_videos_that_could_not_be_read_elsewhere_are_named(run, elsewhere, monkeypatch):
    monkeypatch.setenv('NOTES', 'train: 3 videos could not be read: a.mp4|')
    other = elsewhere('--seeds', '0', '--rows', 'vspp', *PROBE)
    monkeypatch.delenv('NOTES')
    _, _, results = run('--seeds', '1', '--rows', 'vspp', *PROBE, '--join', str(other))
    assert '3 videos could not be read: a.mp4' in results['warnings'] and results['unread'] == []


def test_fine_tuning_is_joined_as_features_are(stand_in, run, elsewhere):
    columns = ('--columns', 'probe', 'finetune')
    other = elsewhere('--seeds', '0', '--rows', 'vspp', *columns)
    status, output, results = run('--seeds', '0', '1', '--rows', 'vspp', *columns, '--join', str(other))
    assert status == 0, output
    (cell,) = cells(results, row='vspp', column='finetune', labels='all')
    assert cell['values'] == {'0': pytest.approx(0.5), '1': pytest.approx(0.51)}
    before = len(stand_in())
    status, output, results = run('--seeds', '0', '--rows', 'vspp', *columns)
    assert status == 0 and len(stand_in()) == before and cells(results, column='finetune')[0]['number'] == 2, output


def test_results_of_the_test_videos_do_not_enter_the_choice_of_settings(run, elsewhere):
    other = elsewhere('--seeds', '0', '--rows', 'vspp', *PROBE)
    run('--seeds', '1', '--rows', 'vspp', *PROBE, '--join', str(other))
    status, output, _ = run('--seeds', '0', '--rows', 'vspp', *PROBE, '--split', 'select')
    assert status == 1 and 'joined.json: these results are of another study: split is test there, select here' in output


def test_a_list_of_other_videos_is_refused(run, elsewhere, videos):
    other = elsewhere('--seeds', '0', '--rows', 'vspp', *PROBE)
    test = videos / 'test.txt'
    test.write_text(test.read_text().replace('actor4', 'actor9'))
    status, output, _ = run('--seeds', '1', '--rows', 'vspp', *PROBE, '--join', str(other))
    assert status == 1 and 'its lists name other videos' in output


def test_a_row_is_shown_without_the_folder_that_it_needed_elsewhere(run, elsewhere, videos):
    (videos / 'parsing_lip').mkdir()
    other = elsewhere('--seeds', '0', '--rows', 'human_prior', *PROBE)
    (videos / 'parsing_lip').rmdir()
    status, output, results = run('--seeds', '0', '--rows', 'vspp', *PROBE, '--join', str(other))
    assert status == 0, output
    assert {cell['row'] for cell in results['cells']} == {'vspp', 'human_prior'}


def test_accuracies_of_the_pretext_tasks_are_those_of_all_trainings_each_once(tmp_path):
    parts = [
        dict(learnt=dict(vspp=dict(acc_speed=dict(seed_0=0.25)))),
        {},
        dict(learnt=dict(vspp=dict(acc_speed=dict(seed_0=0.27, seed_1=0.9)))),
    ]
    here = tmp_path / 'seed_1' / 'vspp'
    task = StageTask(1, SimpleNamespace(name='vspp', folder=here), [])
    task.done, task.accuracies = lambda: True, dict(acc_speed=0.5)
    found = pretext(SimpleNamespace(work_dir=tmp_path), [task], parts)
    assert found == dict(vspp=dict(acc_speed=dict(seed_0=0.27, seed_1=0.5)))
