"""The figures of README.md and docs/results.md come from docs/data, by tools/make_results.py."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = 'By hand: 71.2.\n\n<!-- results: {} -->\nold | 99.9\n<!-- end of results -->\n\nThe end.\n'


def load(path: str):
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


make_results = load('tools/make_results.py')


def cell(row: str, column: str, values: dict[str, float], labels: str = 'all') -> dict:
    mean = sum(values.values()) / len(values)
    half = 0.05 if len(values) > 1 else None
    low, high = (None, None) if half is None else (mean - half, mean + half)
    return dict(
        row=row, point=0, column=column, labels=labels, values=values, mean=mean, low=low, high=high,
        number=len(values), standard_error=0.02
    )  # fmt: skip


@pytest.fixture
def work_dir(tmp_path):
    """The folder of a study with two seeds, of which the second is not finished and a third row not begun."""
    folder = tmp_path / 'work'
    folder.mkdir()
    results = dict(
        name='moving_shapes', split='test', seeds=[0, 1], confidence=0.95, data_root=str(tmp_path / 'my videos'),
        lists=dict(train=str(tmp_path / 'train.txt')), test_videos=400, classes=8, chance=0.125,
        titles=dict(random='random net', scratch='from scratch', vspp='VSPP', vcop='VCOP'),
        columns={'probe': 'linear probe', 'R@1': 'R@1', 'finetune': 'fine-tuning'}, label_counts=[5], points=[{}],
        baseline={'probe': 'random', 'R@1': 'random', 'finetune': 'scratch'},
        cells=[
            cell('random', 'probe', {'0': 0.25, '1': 0.27}), cell('vspp', 'probe', {'0': 0.61}),
            cell('scratch', 'finetune', {'0': 0.5, '1': 0.6}), cell('scratch', 'finetune', {'0': 0.3, '1': 0.4}, '5'),
        ],
        differences=[], answers=[], selected=[], warnings=[], minutes=[], protocols={}, chosen=None, best_epochs=[],
        notes=[f'human prior was left out: there is no folder {tmp_path}/my videos/parsing_lip.'],
        failed={'seed 1, vspp': f'{tmp_path}/log'}, steps=dict(done=5, all=9),
        commands=[f'python tools/run_study.py {tmp_path}/configs/studies/moving_shapes.py --work-dir {tmp_path}/work'],
        versions=dict(torch='2.13'),
    )  # fmt: skip
    (folder / 'results.json').write_text(json.dumps(results))
    (folder / 'results.png').write_bytes(b'a picture')
    return folder


@pytest.fixture
def write(work_dir, tmp_path):
    """A function that makes a repository with such a mark on a page, runs the tool, and returns the page."""

    def write(mark: str) -> str:
        for name in ('docs/data', 'docs/images'):
            (tmp_path / 'root' / name).mkdir(parents=True)
        for page in make_results.PAGES:
            (tmp_path / 'root' / page).write_text(PAGE.format(mark))
        make_results.main([str(work_dir), '--root', str(tmp_path / 'root')])
        return (tmp_path / 'root' / 'docs' / 'results.md').read_text()

    return write


@pytest.mark.parametrize('page', make_results.PAGES)
def test_the_committed_page_is_what_the_command_writes(page):
    text = (ROOT / page).read_text(encoding='utf-8')
    assert make_results.MARK.search(text)
    assert make_results.filled(text, ROOT, page) == text, 'run python tools/make_results.py'


def test_committed_results_name_no_place_of_a_machine():
    for path in (ROOT / 'docs' / 'data').glob('study_*.json'):
        assert not make_results.PATH.search(path.read_text(encoding='utf-8')), path


def test_a_study_is_shown_with_its_intervals_and_with_what_is_missing(write, tmp_path):
    page = write('study moving_shapes')
    assert page.startswith('By hand: 71.2.') and page.endswith('The end.\n') and '99.9' not in page
    assert '| random net | 26.0 ± 5.0 | - | - | - |' in page
    assert '| VSPP | 61.0 (1 of 2 seeds) | - | - | - |' in page
    assert '| from scratch | 35.0 ± 5.0 | 55.0 ± 5.0 |' in page, 'few labels'
    assert (
        '**Unfinished.** 5 of 9 steps are done; all 2 seeds in every cell that is shown: random net, from scratch;'
        in page
    )
    assert 'some seeds: VSPP; nothing yet: VCOP.' in page
    assert '![accuracies of the study moving_shapes](images/study_moving_shapes.png)' in page
    assert (tmp_path / 'root' / 'docs' / 'images' / 'study_moving_shapes.png').read_bytes() == b'a picture'


def test_the_copy_names_no_folder_of_the_machine(write, tmp_path):
    page = write('study moving_shapes')
    copy = (tmp_path / 'root' / 'docs' / 'data' / 'study_moving_shapes.json').read_text()
    assert str(tmp_path) not in page + copy and json.loads(copy)['cells'][0]['values'] == {'0': 0.25, '1': 0.27}
    assert 'there is no folder FOLDER/parsing_lip.' in page
    assert 'python tools/run_study.py configs/studies/moving_shapes.py --work-dir work' in page


def test_a_summary_has_the_studies_that_exist(write):
    page = write('summary moving_shapes weizmann')
    head = next(line for line in page.splitlines() if line.startswith('| |') or line.startswith('|  |'))
    assert [name.strip() for name in head.split('|')[2:-1]] == [
        'MovingShapes: linear probe', 'MovingShapes: fine-tuning, 5 labels per class', 'MovingShapes: fine-tuning'
    ]  # fmt: skip
    assert '| from scratch | - | 35.0 ± 5.0 | 55.0 ± 5.0 |' in page
    assert '(MovingShapes: 400 test videos, 2 seeds.' in page and 'Unfinished: MovingShapes.' in page
    assert '| VSPP |' not in page and 'With fewer than three seeds, and not shown: VSPP.' in page


def test_a_summary_leaves_out_cells_of_two_seeds_where_there_are_more():
    def enough(number: int, seeds: int) -> bool:
        return make_results.has_enough_seeds(dict(number=number), seeds)

    assert enough(3, 5) and enough(2, 2) and enough(1, 1)
    assert not enough(2, 5) and not enough(1, 2)


def test_commands_that_ask_for_nothing_more_than_later_ones_are_left_out():
    script = 'python tools/run_study.py configs/studies/moving_shapes.py'
    first, last = f'{script} --rows vspp --seeds 0', f'{script} --rows random vspp --seeds 0 1 --jobs 2'
    results = dict(cells=[dict(row='vspp', column='probe', values={'0': 0.5, '1': 0.25})], commands=[first, last])
    assert make_results.shown_commands(results) == [last]
    assert make_results.shown_commands(dict(results, commands=[last, script])) == [script], 'all rows and seeds'
    assert make_results.shown_commands(dict(results, commands=[last, first])) == [last, first]
    other = dict(row='rtt', column='probe', values={'0': 0.5})
    earlier = f'{script} --rows rtt vspp --seeds 0'
    found = make_results.shown_commands(dict(cells=[*results['cells'], other], commands=[earlier, first, last]))
    assert found == [earlier, last]
    joining = f"{first} --join a.json 'b c.json' --jobs 2"
    assert make_results.shown_commands(dict(results, commands=[joining])) == [f'{first} --jobs 2'], (
        'as if run in one place'
    )


def test_a_study_without_results_is_said_to_have_none(write):
    assert 'This study has not been run yet.' in write('table weizmann')


def test_a_study_that_no_page_shows_is_named(write, capsys):
    write('table weizmann')
    assert 'no page shows moving_shapes: write <!-- results: study moving_shapes -->' in capsys.readouterr().out


def test_a_summary_of_none_is_empty(write):
    assert write('summary weizmann') == PAGE.format('summary weizmann').replace('old | 99.9', '')


def test_a_page_that_would_change_is_noticed_and_not_written(write, tmp_path, capsys):
    root = ['--root', str(tmp_path / 'root')]
    write('table moving_shapes')
    make_results.main([*root, '--check'])
    page = tmp_path / 'root' / 'README.md'
    changed = page.read_text().replace('26.0', '26.1')
    page.write_text(changed)
    with pytest.raises(SystemExit):
        make_results.main([*root, '--check'])
    assert page.read_text() == changed and 'README.md would change' in capsys.readouterr().out


def test_a_mark_of_no_known_kind_and_a_folder_without_results_are_refused(write, tmp_path):
    with pytest.raises(ValueError, match='expected "study NAME"'):
        write('tabel moving_shapes')
    with pytest.raises(SystemExit, match='is no folder of a study'):
        make_results.main([str(tmp_path)])


def test_checks_of_pretext_tasks_are_kept_by_task_and_shown(tmp_path):
    checks = load('tools/analysis/check_pretext_tasks.py')
    path = tmp_path / 'docs' / 'data' / 'pretext_tasks.json'
    path.parent.mkdir(parents=True)
    for name, value in (('vcop', 0.5), ('vspp', 0.8), ('vcop', 0.9)):
        task = checks.TASKS[name]
        measured = {f'pretext/{accuracy}': value for accuracy in task.chance}
        checks.write(path, name, checks.describe(task, dict(measured, seconds=90.0)))
    assert make_results.block('pretext tasks', tmp_path, 'README.md').splitlines()[2:] == [
        '| VSPP | speed | 80.0 | 25.0 | +55.0 | 1.5 |',
        '| VSPP | segment | 80.0 | 25.0 | +55.0 | 1.5 |',
        '| VCOP | order | 90.0 | 16.7 | +73.3 | 1.5 |',
    ]


def test_the_spread_of_embeddings_over_a_run_is_read_from_its_log_and_shown(tmp_path):
    checks = load('tools/analysis/check_pretext_tasks.py')
    path = tmp_path / 'docs' / 'data' / 'pretext_tasks.json'
    path.parent.mkdir(parents=True)
    log = tmp_path / 'run' / '20261127_010203' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    lines = [
        dict(step=step, loss=1.0, std_student=1 - step / 1000, rank_student=30 - step / 100)
        for step in range(20, 401, 20)
    ]
    log.write_text('\n'.join(json.dumps(line) for line in lines))
    for name in ('vcop', 'video-moco'):
        task = checks.TASKS[name]
        entries = checks.describe(task, dict({f'pretext/{accuracy}': 0.5 for accuracy in task.chance}, seconds=6.0))
        collapse = checks.watched(task, tmp_path / ('run' if name == 'video-moco' else 'nothing'))
        if name == 'video-moco':
            entries[0]['collapse'] = collapse
            assert collapse == dict(std=[0.98, 0.9, 0.8, 0.6], rank=[29.8, 29.0, 28.0, 26.0], clips=32)
        else:
            assert collapse == {}
            checks.write(path, name, entries)
            assert make_results.block('pretext collapse', tmp_path, 'README.md') == 'This has not been measured yet.'
        checks.write(path, name, entries)
    assert make_results.block('pretext collapse', tmp_path, 'README.md').splitlines()[2:] == [
        '| VideoMoCo without generator | 0.98 | 0.90 | 0.80 | 0.60 | 29.8 | 29.0 | 28.0 | 26.0 | 32 |'
    ]
    assert len(make_results.block('pretext tasks', tmp_path, 'README.md').splitlines()) == 4


def test_every_task_of_the_check_has_its_config():
    checks = load('tools/analysis/check_pretext_tasks.py')
    assert [name for name, task in checks.TASKS.items() if not (ROOT / checks.config_of(task)).is_file()] == []
