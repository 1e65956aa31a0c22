"""What a study runs, in which order, and what its report says; with stand-ins for training, test and evaluation."""

import _thread
import json
import os
import signal
import threading
import time
from types import SimpleNamespace

import cv2
import pytest

from videossl.apis.studies import results as study_results
from videossl.apis.studies import study
from videossl.apis.studies.report import answer_lines, drawn_bar, number, write_report
from videossl.apis.studies.results import minutes, verdict_of
from videossl.errors import ConfigError
from videossl.evaluation.statistics import Interval, t_interval
from videossl.folder_lock import folder_lock

QUESTION = "answer = dict(rows=['vspp', 'aux_vspp'], columns=['finetune'], labels=['all', 1])"
GRID = "grid = {'vspp.optim_wrapper.optimizer.lr': [0.1, 0.2]}"


@pytest.fixture
def cell(tmp_path):
    def cell(**key):
        results = json.loads((tmp_path / 'work' / 'results.json').read_text())
        (found,) = [
            entry for entry in results['cells'] if dict(dict(point=0, labels='all'), **key).items() <= entry.items()
        ]
        return found

    return cell


def test_every_step_runs_once_and_after_what_it_needs(stand_in, run):
    status, output, results = run('--seeds', '0', '1', '--columns', 'probe', 'finetune', '--jobs', '3')
    assert status == 0, output
    calls = [(call['seed'], call['stage'], call['tool']) for call in stand_in()]
    assert len(calls) == len(set(calls)) == 2 * (10 + 6 + 3), 'trainings, tests, evaluations'
    for seed in (0, 1):
        for stage in ('finetune_vspp', 'finetune_vspp_1'):
            assert calls.index((seed, 'vspp', 'train')) < calls.index((seed, stage, 'train'))
            assert calls.index((seed, stage, 'train')) < calls.index((seed, stage, 'test'))
        assert calls.index((seed, 'vspp', 'train')) < calls.index((seed, 'vspp', 'features'))
    assert results['steps'] == dict(done=26, all=26)
    assert run('--seeds', '0', '1', '--columns', 'probe', 'finetune')[0] == 0 and len(stand_in()) == len(calls)


def test_the_probe_with_few_labels_is_asked_for_with_the_seed_and_the_counts(stand_in, run, tmp_path):
    assert run('--seeds', '3', '4', '--rows', 'vspp', '--columns', 'probe')[0] == 0
    for seed in (3, 4):
        job = json.loads((tmp_path / 'work' / f'seed_{seed}' / 'vspp' / 'features_job.json').read_text())
        assert (job['seed'], job['counts']) == (seed, [1, 2])


def test_the_report_is_written_after_each_step(stand_in, run, monkeypatch):
    steps = []

    def write(results, work_dir, console):
        write_report(results, work_dir, None)
        text = (work_dir / 'results.md').read_text()
        unfinished = 'Unfinished: {done} of {all} steps are done.'.format_map(results['steps'])
        steps.append((results['steps']['done'], console is not None, unfinished in text))

    monkeypatch.setattr(study, 'write_report', write)
    run('--seeds', '0', '--rows', 'vspp', '--columns', 'probe', '--jobs', '1')
    assert steps == [(1, False, True), (2, False, False), (2, True, False)]


def test_the_minutes_of_a_row_are_those_of_its_stages_each_once():
    def stage(name, seconds, init_from=None, trained=True):
        state = dict(seconds=seconds, trained=trained)
        return SimpleNamespace(name=name, init_from=init_from, read_state=lambda: state)

    runs = []
    for first, second, third in ((60, 600, 30), (120, 600, 90)):  # two seeds
        aux = stage('aux', first)
        after = stage('after', second, aux)
        tuned = {('aux', 'all'): stage('tuned', third, after), ('scratch', 'all'): stage('scratch', third)}
        runs.append(SimpleNamespace(point={}, features=dict(aux=after), finetuned=tuned))
    begun = dict(scratch=stage('begun', 6000, trained=False))
    runs.append(SimpleNamespace(point={}, features=begun, finetuned={}))
    found = minutes(SimpleNamespace(points=[{}, dict(lr=1)], rows=['aux', 'scratch', 'nothing'], runs=runs))
    # Features and fine-tuning share the two stages of pretraining: the mean of 690 and 810 seconds, and of 30 and 90.
    assert found == [dict(row='aux', point=0, minutes=12.5), dict(row='scratch', point=0, minutes=1.0)]


def test_seeds_and_rows_may_be_added_later(stand_in, run, cell):
    run('--seeds', '0', '--rows', 'random', '--columns', 'probe')
    assert cell(row='random', column='probe')['low'] is None
    before = len(stand_in())
    _, output, results = run('--seeds', '0', '1', '--rows', 'random', 'vspp', '--columns', 'probe')
    assert {(call['seed'], call['stage']) for call in stand_in()[before:]} == {
        (1, 'untrained_vspp'), (0, 'vspp'), (1, 'vspp')
    }  # fmt: skip
    assert len(results['commands']) == 2 and '2 of 8 steps were done before' in output


def test_the_report_keeps_the_rows_columns_and_seeds_of_earlier_calls(stand_in, run, tmp_path):
    run('--seeds', '0', '1', '2', '--rows', 'random', 'vspp', '--columns', 'probe')
    before = len(stand_in())
    _, _, results = run('--seeds', '1', '0', '--rows', 'scratch', 'aux_vspp', '--columns', 'finetune', more=QUESTION)
    assert {call['seed'] for call in stand_in()[before:]} == {0, 1}, 'no more is run than was asked for'
    assert results['seeds'] == [0, 1, 2] and list(results['columns']) == ['probe', 'finetune']
    found = {(cell['row'], cell['column'], cell['number']) for cell in results['cells'] if cell['labels'] == 'all'}
    assert found == {
        ('random', 'probe', 3), ('vspp', 'probe', 3), ('scratch', 'finetune', 2), ('aux_vspp', 'finetune', 2)
    }  # fmt: skip
    assert all(answer['confidence'] == pytest.approx(1 - 0.05 / 4) for answer in results['answers']), (
        'VSPP is a row, too'
    )
    assert results['steps']['done'] < results['steps']['all']
    text = (tmp_path / 'work' / 'results.md').read_text()
    assert '| VSPP minus random net | +10.0 ± 16.7 | - |' in text
    assert '| auxSKD + VSPP | - | 70.5 (2 of 3 seeds) |' in text and 'auxSKD + VSPP minus' not in text, 'two of three'
    assert not any(line.startswith('Two seeds give') for line in results['warnings']), 'no interval of two is shown'


def test_the_folder_of_the_videos_may_be_named_from_elsewhere(stand_in, run, videos, monkeypatch):
    arguments = ['--seeds', '0', '--rows', 'vspp', '--columns', 'probe', '--data-root']
    assert run(*arguments, str(videos))[0] == 0
    before = len(stand_in())
    monkeypatch.chdir(videos.parent)
    status, output, _ = run(*arguments, f'./{videos.name}/')
    assert status == 0 and len(stand_in()) == before, output


def test_results_that_other_settings_gave_are_not_kept(stand_in, run):
    run('--seeds', '0', '--rows', 'random', 'vspp', '--columns', 'probe')
    changed = ['--cfg-options', 'vspp.train_cfg.max_epochs=3']
    _, _, results = run('--seeds', '0', '--rows', 'scratch', '--columns', 'finetune', *changed)
    assert {cell['row'] for cell in results['cells']} == {'random', 'scratch'}


def test_cells_have_the_mean_and_the_interval_over_the_seeds(stand_in, run, cell):
    run()
    found = cell(row='vspp', column='probe')
    assert found['values'] == pytest.approx({'0': 0.4, '1': 0.41, '2': 0.44})
    expected = t_interval([0.4, 0.41, 0.44])
    assert (found['mean'], found['low'], found['high']) == pytest.approx((expected.mean, expected.low, expected.high))
    assert found['standard_error'] == pytest.approx((found['mean'] * (1 - found['mean']) / 6) ** 0.5)
    for column, value in {'knn': 0.2, 'R@1': 0.1, 'R@5': 0.25}.items():
        assert cell(row='random', column=column)['values']['0'] == pytest.approx(value)
    assert cell(row='scratch', column='finetune', labels='1')['values']['2'] == pytest.approx(0.44)
    assert cell(row='aux_vspp', column='finetune')['values']['0'] == pytest.approx(0.7)


def test_differences_are_paired_with_the_columns_baseline_and_with_the_rows_that_are_named(stand_in, run):
    _, _, results = run()
    found = {
        (entry['row'], entry['against'], entry['column']): entry
        for entry in results['differences']
        if entry['labels'] == 'all'
    }
    assert ('vspp', 'random', 'probe') in found and ('vspp', 'scratch', 'finetune') in found
    assert ('vspp', 'random', 'finetune') not in found and ('random', 'random', 'probe') not in found
    step = found['aux_vspp', 'vspp', 'knn']
    assert step['mean'] == pytest.approx(0.2) and step['excludes_zero'], 'the seeds differ alike in both rows'
    assert step['high'] - step['low'] == pytest.approx(2 / 6), 'one test video to each side'


def test_the_report_shows_every_number_and_what_it_stands_on(stand_in, run, tmp_path):
    _, output, _ = run(more=QUESTION + "\nnotes = ['These videos are small.']")
    text = (tmp_path / 'work' / 'results.md').read_text()
    half = 100 * t_interval([0.4, 0.41, 0.44]).half_width
    assert f'| VSPP | 41.7 ± {half:.1f} |' in text
    assert '| guessing | 50.0 | 50.0 | 50.0 |  | 50.0 |  |' in text
    assert '## Accuracy in per cent on 6 test videos (mean ± half of the 95 % t-interval over 3 seeds)' in text
    assert '| auxSKD + VSPP minus VSPP | +20.0 ± 16.7 * |' in text
    assert '|  | 1 | 2 | all |' in text and '|  | 1 | all |' in text
    few = text.partition('## Linear probe with few labels per class, differences')[2].partition('## ')[0]
    assert '| VSPP minus random net | +10.0 ± 16.7 | +10.0 ± 16.7 | +10.0 ± 16.7 |' in few
    for words in (
        'largest binomial standard error | 20.1', 'this study selects nothing on the', 'Epoch: the last of every stage',
        'paired by seed', 'nested subsets', 'These videos are small.', 'linear probe: probe as ever', 'seeds: 0, 1, 2',
        'tools/run_study.py', 'torch ', 'scipy ', 'decord '
    ):  # fmt: skip
        assert words in text, words
    for line in (line for line in text.splitlines() if line.startswith('| VSPP |')):
        assert line.split('|')[2].strip() in output
    assert cv2.imread(str(tmp_path / 'work' / 'results.png')) is not None


def test_a_question_is_answered_in_words_with_how_sure_it_is(stand_in, run):
    arguments = ['--rows', 'scratch', 'vspp', 'aux_vspp', '--columns', 'finetune']
    _, output, results = run(*arguments, more=QUESTION)
    assert [(answer['row'], answer['labels']) for answer in results['answers']] == [
        ('vspp', 'all'), ('aux_vspp', 'all'), ('vspp', '1'), ('aux_vspp', '1')
    ]  # fmt: skip
    assert all(answer['confidence'] == pytest.approx(1 - 0.05 / 4) for answer in results['answers'])
    line = next(line for line in output.splitlines() if 'auxSKD + VSPP against from scratch' in line)
    assert line.startswith('Probably, it pays: ') and '+30.0 ± 16.7 points' in line
    assert '3 seeds; the interval allows for 4 comparisons' in line and '6 test videos' in line
    results['answers'] = results['answers'][:1]  # as after the first steps, when the others have no values yet
    assert 'the interval allows for 4 comparisons' in answer_lines(results)[0]


def test_one_seed_has_standard_errors_and_says_what_it_does_not_tell(stand_in, run, tmp_path):
    arguments = ['--rows', 'scratch', 'vspp', 'aux_vspp', '--columns', 'finetune']
    _, output, _ = run('--seeds', '0', *arguments, more=QUESTION)
    text = (tmp_path / 'work' / 'results.md').read_text()
    # sqrt(0.5 (1 - 0.5) / 6), and of the difference to scratch sqrt((0.5 (1 - 0.5) + 0.4 (1 - 0.4)) / 6)
    assert '| VSPP | 50.0 (20.4) |' in text and 'one seed; in brackets the standard error over the test videos' in text
    assert 'Differences in points' not in text and 'largest binomial' not in text
    line = next(line for line in output.splitlines() if line.startswith('Fine-tuning, right on 6 test videos'))
    assert 'VSPP 50.0 %, from scratch 40.0 %. The difference, +10.0 points, has a standard error of 28.6.' in line
    assert line.endswith('The choice of the test videos may explain it.')
    assert output.count('One seed does not tell how much the seed matters; --seeds 0 1 2 does.') == 1


@pytest.mark.parametrize(
    ('mean', 'half_width', 'error', 'verdict'),
    [
        (0.1, 0.05, 0.04, 'yes'),
        (0.1, 0.05, 0.06, 'probably'),
        (0.1, 0.12, 0.01, 'open'),
        (-0.1, 0.05, 0.04, 'worse'),
        (-0.1, 0.05, 0.06, 'probably worse'),
        (0.1, None, 0.01, 'unknown'),
    ],
)
def test_a_verdict_looks_at_the_seeds_and_at_the_number_of_test_videos(mean, half_width, error, verdict):
    assert verdict_of(Interval(mean, half_width, 0.95, 3), error) == verdict


def test_a_question_counts_all_its_comparisons_whatever_rows_are_run(stand_in, run):
    _, _, results = run('--rows', 'scratch', 'vspp', '--columns', 'finetune', more=QUESTION)
    assert [answer['confidence'] for answer in results['answers']] == [pytest.approx(1 - 0.05 / 4)] * 2


def test_a_question_waits_for_the_third_seed(stand_in, run, monkeypatch):
    monkeypatch.setenv('FAIL', 'train finetune_vspp 2')
    arguments = ['--rows', 'scratch', 'vspp', '--columns', 'finetune']
    _, _, results = run(*arguments, more=QUESTION)
    assert [answer['labels'] for answer in results['answers']] == ['1'], 'two of three seeds have all labels'


def test_a_comparison_of_one_seed_shows_that_seed_of_both_rows(stand_in, run, monkeypatch):
    monkeypatch.setenv('FAIL', 'train finetune_vspp 2')
    run('--seeds', '2', '--rows', 'vspp', '--columns', 'finetune', more=QUESTION)
    monkeypatch.delenv('FAIL')
    run('--seeds', '0', '2', '--rows', 'scratch', '--columns', 'finetune', more=QUESTION)
    _, output, _ = run('--seeds', '0', '--rows', 'vspp', '--columns', 'finetune', more=QUESTION)
    assert 'VSPP 50.0 %, from scratch 40.0 %. The difference, +10.0 points' in output, (
        'scratch has 42.0 with both seeds'
    )


def test_values_of_other_settings_are_counted_when_they_are_left_out(stand_in, run):
    run(
        '--seeds', '0', '--rows', 'random', 'vspp', '--columns', 'probe', '--cfg-options', 'vspp.train_cfg.max_epochs=3'
    )
    _, _, results = run('--seeds', '0', '--rows', 'random', 'aux_vspp', '--columns', 'probe')
    assert not any(cell['row'] == 'vspp' for cell in results['cells'])
    assert not any(
        'not shown' in note for note in run('--seeds', '0', '--rows', 'random', '--columns', 'probe')[2]['notes']
    )
    assert '3 values of earlier calls are not shown' in results['notes'][-1] and 'Rows: VSPP.' in results['notes'][-1]


def test_versions_of_earlier_calls_are_kept(stand_in, run, tmp_path, monkeypatch):
    today = study_results.versions()
    for version in ('0.0.1', '0.0.2', '0.0.2'):
        monkeypatch.setattr(study_results, 'versions', lambda: {**today, 'videossl': version})
        _, _, results = run('--seeds', '0', '--rows', 'random', '--columns', 'probe')
    assert [entry['videossl'] for entry in results['earlier_versions']] == ['0.0.1']
    assert '. In earlier calls: videossl 0.0.1.' in (tmp_path / 'work' / 'results.md').read_text()


def test_what_makes_the_numbers_worth_less_is_said(stand_in, run, tmp_path, videos):
    (videos / 'test.txt').write_text(''.join(f'actor4/{video}.mp4 {video % 2}\n' for video in range(600)))
    scalars = tmp_path / 'work' / 'seed_1' / 'vspp' / '20250101_000000' / 'vis_data' / 'scalars.json'
    arguments = ['--seeds', '1', '3', '--rows', 'scratch', 'vspp', '--columns', 'probe', 'finetune']
    _, _, results = run(*arguments)
    assert results['warnings'][0].startswith('Two seeds give') and len(results['warnings']) == 2
    assert results['warnings'][1] == (
        'Fine-tuning does not beat guessing (50.0) by two standard errors: from scratch (45.0). More labels or longer '
        'fine-tuning may change that.'
    )
    scalars.parent.mkdir(parents=True)
    scalars.write_text('{"loss": 1.0, "acc_speed": 0.26, "acc_segment": 0.6, "epoch": 1, "step": 1}\n')
    _, output, results = run(*arguments)
    assert 'vspp: acc_speed is 0.26, and guessing gives 0.25: this part of the pretext task was not learnt' in output
    assert len(results['warnings']) == 3 and results['warnings'][1] in (tmp_path / 'work' / 'results.md').read_text()


def test_videos_that_could_not_be_read_are_named(stand_in, run, monkeypatch, tmp_path):
    note = '1 of 6 videos could not be read and are counted as wrong: actor4/0_0.mp4'
    monkeypatch.setenv('NOTES', f'test: {note}|queries: {note}|R@50: the gallery has 18 videos|')
    arguments = ['--seeds', '0', '--rows', 'random', 'scratch']
    _, output, results = run(*arguments)
    assert results['warnings'].count(note) == 1 and note in output and 'R@50' not in output
    for stage, video in (('finetune_scratch', 'b.mp4'), ('finetune_scratch_1', 'a.mp4'), ('untrained_vspp', 'b.mp4')):
        (tmp_path / 'work' / 'seed_0' / stage / 'broken_videos.txt').write_text(f'{video}\tempty file\n')
    _, _, results = run(*arguments)
    words = '2 videos could not be read by trainings and their tests: a.mp4, b.mp4.'
    assert sum(line.startswith(words) for line in results['warnings']) == 1


def test_an_interval_of_two_seeds_is_shown_only_where_no_more_were_asked_for():
    cell = dict(mean=0.5, low=0.1, high=0.9, number=2)
    assert number(cell, 2) == '50.0 ± 40.0' and number(cell, 5) == '50.0 (2 of 5 seeds)'
    assert number(dict(cell, number=3), 5) == '50.0 ± 40.0 (3 of 5 seeds)'


def test_bars_end_where_accuracies_do():
    results = dict(seeds=[0, 1])
    assert drawn_bar(results, dict(mean=0.9, low=-0.4, high=2.2, number=2)) == [[90], [pytest.approx(10)]]
    assert drawn_bar(results, dict(mean=0.5, low=0.4, high=0.6, number=2)) == [[pytest.approx(10)], [pytest.approx(10)]]
    assert drawn_bar(results, dict(mean=0.5, low=None, high=None, number=1)) is None
    assert drawn_bar(dict(seeds=[0, 1, 2]), dict(mean=0.5, low=0.4, high=0.6, number=2)) is None, 'two of three seeds'


def test_a_step_that_fails_stops_only_what_needs_it(stand_in, run, monkeypatch, cell):
    monkeypatch.setenv('FAIL', 'train vspp 1')
    at_first: list[str] = []

    def write(results, work_dir, console):
        write_report(results, work_dir, console)
        if console is None:
            at_first.extend(results['failed'])

    monkeypatch.setattr(study, 'write_report', write)
    status, output, results = run('--columns', 'probe')
    assert status == 1 and 'ValueError: made to fail' in output
    assert [title for title in at_first if title.endswith(', vspp')], 'the report says so while other steps run'
    assert {title.partition(',')[0] for title in results['failed']} == {'seed 1'}
    assert cell(row='vspp', column='probe')['number'] == 2 and cell(row='aux_vspp', column='probe')['number'] == 3
    assert '(2 of 3 seeds)' in output
    monkeypatch.delenv('FAIL')
    status, _, results = run('--columns', 'probe')
    assert status == 0 and not results['failed'] and cell(row='vspp', column='probe')['number'] == 3


def test_a_step_that_fails_at_one_point_of_a_grid_stops_nothing_at_others(stand_in, run, monkeypatch):
    monkeypatch.setenv('FAIL', 'train vspp 0')
    monkeypatch.setenv('FAIL_AT', 'lr=0.2')
    arguments = ['--columns', 'probe', '--rows', 'random', 'vspp', '--seeds', '0', '--split', 'select']
    status, output, results = run(*arguments, more=GRID)
    points = {cell['point'] for cell in results['cells'] if cell['row'] == 'vspp'}
    assert status == 1 and points == {0}
    assert set(results['failed']) == {'seed 0, vspp (vspp.lr=0.2)', 'seed 0, vspp (vspp.lr=0.2): features'}
    _, output, results = run(*arguments, more=GRID.replace('0.2]', '0.2, 0.3]'))
    (best,) = results['selected']
    assert best['without'] == [{'vspp.optim_wrapper.optimizer.lr': 0.2}]
    assert 'nothing is known of lr 0.2' in output


def test_a_result_that_does_not_fit_is_a_failure(stand_in, run, monkeypatch, tmp_path):
    monkeypatch.setenv('FORGET', 'untrained_vspp')
    status, output, results = run('--seeds', '0', '--rows', 'random', '--columns', 'probe')
    assert status == 1 and 'features.json is missing or does not fit' in output and list(results['failed'])


def test_an_evaluation_that_fails_is_shown_with_the_end_of_its_log(stand_in, run, monkeypatch):
    monkeypatch.setenv('FAIL', 'features vspp 0')
    status, output, _ = run('--seeds', '0', '--columns', 'probe')
    assert status == 1 and 'features.log:\nValueError: made to fail' in output


def test_asked_to_end_it_ends_what_runs_and_says_how_to_go_on(stand_in, run, monkeypatch, tmp_path):
    monkeypatch.setenv('SLOW', 'train vspp 0')

    def ask():
        while not any(call['stage'] == 'vspp' for call in stand_in()):
            time.sleep(0.05)
        _thread.interrupt_main(signal.SIGTERM)

    threading.Thread(target=ask).start()
    status, output, results = run('--seeds', '0', '--columns', 'probe', '--jobs', '2')
    assert status == 130 and output.rstrip().endswith('stopped; run the same command again to go on')
    for call in stand_in():
        with pytest.raises(ProcessLookupError):
            os.kill(call['pid'], 0)
    assert 'Unfinished: ' in (tmp_path / 'work' / 'results.md').read_text()
    monkeypatch.delenv('SLOW')
    status, _, results = run('--seeds', '0', '--columns', 'probe')
    assert status == 0 and results['steps'] == dict(done=7, all=7)


def test_changed_settings_are_not_mixed_with_what_is_there(stand_in, run):
    run('--seeds', '0', '--columns', 'probe')
    before = len(stand_in())
    status, output, _ = run('--seeds', '0', '--columns', 'probe', '--cfg-options', 'vspp.train_cfg.max_epochs=3')
    assert status == 1 and 'holds stage "vspp" of other settings' in output and len(stand_in()) == before


def test_fine_tuned_nets_are_removed_and_pretrained_ones_kept(stand_in, run, tmp_path):
    run('--seeds', '0')
    folder = tmp_path / 'work' / 'seed_0'
    assert (folder / 'vspp' / 'epoch_1.pth').exists() and not (folder / 'finetune_vspp' / 'epoch_1.pth').exists()
    assert run('--seeds', '0')[0] == 0, 'what is done needs none'


def test_commands_run_on_the_cores_of_their_job(stand_in, run):
    every = sorted(os.sched_getaffinity(0))
    run('--seeds', '0', '--rows', 'scratch', '--jobs', str(len(every)))
    assert {len(call['cores']) for call in stand_in()} == {1}
    before = len(stand_in())
    run('--seeds', '1', '--rows', 'scratch', '--jobs', '1')
    assert {tuple(call['cores']) for call in stand_in()[before:]} == {tuple(every)}
    assert sorted(os.sched_getaffinity(0)) == every, 'of this process'


def test_on_held_out_actors_a_point_may_be_selected(stand_in, run, tmp_path):
    grid = "grid = {'vspp.optim_wrapper.optimizer.lr': [0.1, 0.2], 'finetune*.optim_wrapper.optimizer.lr': [0.3, 0.4]}"
    arguments = ['--columns', 'probe', 'finetune', '--rows', 'random', 'scratch', 'vspp', '--seeds', '0']
    _, output, results = run(*arguments, '--split', 'select', more=grid)
    assert [(entry['row'], entry['column']) for entry in results['selected']] == [
        ('scratch', 'finetune'), ('vspp', 'probe'), ('vspp', 'finetune')
    ]  # fmt: skip
    best = {(entry['row'], entry['column']): list(entry['options'].values()) for entry in results['selected']}
    assert best == {('scratch', 'finetune'): [0.4], ('vspp', 'probe'): [0.2], ('vspp', 'finetune'): [0.2, 0.4]}, (
        'options that change nothing of a row are not chosen for it'
    )
    assert 'Best on the held-out training videos, fine-tuning, VSPP: vspp.lr 0.2, finetune*.lr 0.4' in output
    text = (tmp_path / 'work' / 'results.md').read_text()
    assert 'training videos that were held out' in text and 'no test video was used' in text


def test_a_grid_on_the_test_split_shows_all_points_and_says_so(stand_in, run, tmp_path):
    _, output, results = run('--columns', 'probe', '--rows', 'vspp', '--seeds', '0', more=GRID)
    assert results['selected'] == [] and 'Best on' not in output
    text = (tmp_path / 'work' / 'results.md').read_text()
    assert '| VSPP; lr 0.1 |' in text and '| VSPP; lr 0.2 |' in text
    assert 'all 2 grid points are shown; none was selected on the test videos' in text


@pytest.mark.parametrize(
    ('option', 'words', 'dry_run'),
    [
        (
            'train_cfg.max_epochs=0',
            'train_cfg.max_epochs must be a whole number of at least 1, but is 0',
            ['--dry-run'],
        ),
        ('optim_wrapper.optimizer.lrr=0.1', 'lrr', []),
    ],
)
def test_a_wrong_setting_of_a_late_stage_is_refused_before_the_first_begins(stand_in, run, option, words, dry_run):
    status, output, _ = run('--seeds', '0', '--cfg-options', f'finetune_vspp.{option}', *dry_run)
    assert status == 1 and 'stage finetune_vspp, ' in output and words in output and not stand_in()


def test_a_dry_run_lists_the_steps_and_starts_none(stand_in, run):
    status, output, _ = run('--dry-run', '--seeds', '0')
    assert status == 0 and not stand_in() and 'seed 0, vspp: features' in output


def test_a_developer_sees_where_an_error_was_raised(stand_in, run, monkeypatch):
    assert run('--rows', 'nothing')[0] == 1
    monkeypatch.setenv('VIDEOSSL_DEBUG', '1')
    with pytest.raises(ConfigError, match='there is no nothing'):
        run('--rows', 'nothing')


@pytest.mark.parametrize('dry', [[], ['--dry-run']], ids=['', 'dry run'])
def test_a_second_run_in_the_same_folder_is_refused_before_it_writes_its_lists(stand_in, run, tmp_path, dry):
    run('--seeds', '0', '--split', 'select', '--dry-run')
    lists = tmp_path / 'work' / 'lists'
    before = {path.name: path.read_text() for path in lists.iterdir()}
    with folder_lock(tmp_path / 'work', 'study'):
        status, output, _ = run('--seeds', '0', '--split', 'select', *dry, more='held_out = 2 / 3')
    assert status == 1 and 'another run works in' in output and not stand_in()
    assert {path.name: path.read_text() for path in lists.iterdir()} == before
