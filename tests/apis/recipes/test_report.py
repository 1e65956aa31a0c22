"""What a recipe says in the end: accuracies, a warning at chance, the table and the picture."""

import json
from pathlib import Path

import pytest
from mmengine.config import Config
from rich.console import Console

from videossl.apis.recipes.report import pretext_accuracies, result_rows, warn_at_chance
from videossl.apis.recipes.runner import Display
from videossl.apis.recipes.stage import Stage

VSPP = str(Path(__file__).parents[3] / 'configs' / 'laptop' / 'vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py')


@pytest.fixture
def stage(tmp_path):
    """A stage whose last epoch, the second, has known accuracies; the run was resumed within it."""

    def write(name, entries):
        path = tmp_path / 'vspp' / name / 'vis_data' / 'scalars.json'
        path.parent.mkdir(parents=True)
        path.write_text(''.join(json.dumps(entry) + '\n' for entry in entries))

    write(
        '20250101_120000',
        [
            dict(loss=1.0, epoch=1, step=10, acc_speed=0.1, acc_segment=0.9),
            dict(loss=1.0, epoch=2, step=20, acc_speed=0.2, acc_segment=0.7),
            dict(loss=1.0, epoch=2, step=30, acc_speed=0.9),
        ],
    )
    write(
        '20250101_130000',
        [
            dict(loss=1.0, epoch=2, step=30, acc_speed=0.3),
            dict(loss=1.0, epoch=2, step=40, acc_speed=0.34, top1_acc=1.0),
        ],
    )
    stage = Stage('vspp', VSPP, tmp_path / 'vspp')
    stage.write_state(dict(seconds=90.0, trained=True, metrics={'acc/top1': 0.5, 'acc/top5': 0.75, 'acc/mean1': 0.4}))
    return stage


def test_pretext_accuracies_are_means_over_the_last_epoch(stage):
    assert pretext_accuracies(stage) == pytest.approx(dict(acc_speed=(0.2 + 0.3 + 0.34) / 3, acc_segment=0.7))


@pytest.mark.parametrize(('entries', 'last'), [(25, 3), (4, 1)])
def test_without_epochs_pretext_accuracies_are_means_over_the_last_tenth_of_the_log(tmp_path, entries, last):
    path = tmp_path / 'vspp' / '20250101_120000' / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    lines = [dict(loss=1.0, iter=step, step=step, acc_speed=step / entries) for step in range(1, entries + 1)]
    lines += [{'eval/knn': 0.5, 'epoch': 1, 'step': entries}]  # of an evaluation in between
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    expected = sum(step / entries for step in range(entries - last + 1, entries + 1)) / last
    assert pretext_accuracies(Stage('vspp', VSPP, tmp_path / 'vspp')) == pytest.approx(dict(acc_speed=expected))


def test_a_stage_that_logged_nothing_has_no_pretext_accuracies(tmp_path):
    assert pretext_accuracies(Stage('a', VSPP, tmp_path / 'a')) == {}


def test_a_pretext_task_at_chance_is_said_to_be_worth_nothing_and_a_part_of_it_to_be_not_learnt(stage, capsys):
    display = Display(Console(width=140))
    warn_at_chance(stage, dict(acc_speed=0.25, acc_segment=0.25), display)
    output = capsys.readouterr().out
    assert 'vspp: acc_speed is 0.28, and guessing gives 0.25: this part of the pretext task was not learnt.' in output
    assert 'acc_segment' not in output and 'do not expect its features to help' not in output
    warn_at_chance(stage, dict(acc_speed=0.25, acc_segment=0.7), display)
    output = ' '.join(capsys.readouterr().out.split())
    assert (
        'vspp: acc_segment is 0.70, and guessing gives 0.70 and acc_speed is 0.28, and guessing gives 0.25: the pretext task '
        'was not learnt, so do not expect its features to help.'
    ) in output


def test_the_table_has_accuracies_with_chance_minutes_and_cited_figures(stage, tmp_path):
    other = Stage('other', VSPP, tmp_path / 'other')
    table = dict(
        chance={'acc_speed': 0.25, 'acc/top1': 0.125},
        rows=[
            dict(name='VSPP', stages=['vspp', 'other'], cited='61.0'),
            dict(name='scratch', stages=['other']),
            dict(name='left out', stages=['vspp', 'not_selected']),
        ],
    )
    header, rows = result_rows(Config(dict(table=table)), [stage, other])
    assert header == ['', 'top-1 (chance 12.5)', 'top-5', 'speed (chance 25.0)', 'minutes', 'cited']
    assert rows == [['VSPP', '50.0', '75.0', '28.0', '1.5', '61.0'], ['scratch', '-', '-', '-', '0.0', '-']]


def test_a_table_that_names_no_chance_has_all_accuracies(stage):
    header, rows = result_rows(Config(dict(table=dict(rows=[dict(name='VSPP', stages=['vspp'])]))), [stage])
    assert header == ['', 'top-1', 'top-5', 'segment', 'speed', 'minutes']
    assert rows == [['VSPP', '50.0', '75.0', '70.0', '28.0', '1.5']]


def test_where_no_row_is_complete_there_is_no_table_but_a_picture_and_a_record(stand_in, run, tmp_path):
    status, output = run(stage='vspp')
    work = tmp_path / 'work'
    assert output.rstrip().endswith(f'all of it as a page: videossl report {work}')
    record = json.loads((work / 'recipe.json').read_text())
    assert record['stages']['vspp']['init_from'] is None and record['chance'] == dict(acc_speed=0.25, acc_segment=0.25)
    assert record['recipe'].endswith('laptop.py') and record['table']['rows'] == [] and 'torch' in record['versions']
    assert (work / 'commands.txt').read_text().endswith(f'--work-dir {work}\n')
    assert status == 0 and 'top-1' not in output and not (tmp_path / 'work' / 'table.md').exists()
    assert (tmp_path / 'work' / 'curves.png').exists()
