"""``make demo``: what it renders, labels and asks of the study."""

import importlib.util
from collections import Counter
from pathlib import Path

import pytest

from videossl.apis.studies.reader import read_study
from videossl.apis.studies.study import parse_args
from videossl.datasets.annotations import read_annotations

ROOT = Path(__file__).resolve().parents[1]


def load():
    spec = importlib.util.spec_from_file_location('demo', ROOT / 'tools' / 'demo.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    """The arguments of the study, of a demo with fewer videos to render and one argument of the user's."""
    tool = load()
    assert tool.NUM_FEW < tool.NUM_TRAIN and tool.NUM_FEW % 8 == 0
    folder, calls = tmp_path_factory.mktemp('demo'), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tool, 'run_study', calls.append)
        patch.setattr(tool, 'write_html_report', lambda folder, page, seconds: page)
        for name, number in dict(NUM_TRAIN=24, NUM_FEW=8, NUM_TEST=8).items():
            patch.setattr(tool, name, number)
        patch.setattr('sys.argv', ['demo.py', '--work-dir', str(folder), '--rows', 'random', 'scratch', 'vspp'])
        tool.main()
    (arguments,) = calls
    return folder, arguments


def test_fine_tuning_has_few_videos_and_as_many_of_each_class(demo):
    folder, _ = demo
    few, train = (read_annotations(str(folder / 'moving_shapes' / f'{name}.txt')) for name in ('few', 'train'))
    assert set(few) < set(train)
    counts = Counter(label for _, label in few)
    assert len(counts) == 8 and len(set(counts.values())) == 1


def test_the_study_pretrains_on_all_videos_and_fine_tunes_with_few_labels(demo):
    folder, arguments = demo
    study = read_study(parse_args(arguments))
    assert study.seeds == [0] and list(study.rows) == ['random', 'scratch', 'vspp'] and study.videos.test == 8
    (run,) = study.runs
    lists = {name: Path(stage.ann_file).name for name, stage in run.stages.items()}
    assert lists == dict(
        untrained_vspp='train.txt', finetune_scratch='few.txt', vspp='train.txt', finetune_vspp='few.txt'
    )
    assert study.lists['train'].name == 'train.txt', 'of the linear probe'
    assert run.folder == folder / 'seed_0'


def test_a_folder_of_another_versions_videos_is_refused(demo, monkeypatch):
    monkeypatch.setattr('sys.argv', ['demo.py', '--work-dir', str(demo[0])])
    with pytest.raises(FileExistsError, match='moving_shapes'):
        load().main()


@pytest.mark.parametrize('option', ['--dry-run', '--dry'])
def test_a_dry_run_says_what_would_be_rendered_and_renders_nothing(tmp_path, monkeypatch, capsys, option):
    tool, calls, folder = load(), [], tmp_path / 'demo'
    monkeypatch.setattr(tool, 'run_study', calls.append)
    monkeypatch.setattr('sys.argv', ['demo.py', '--work-dir', str(folder), '--rows', 'vspp', option])
    tool.main()
    number = tool.NUM_TRAIN + tool.NUM_TEST
    printed = f'MovingShapes: {number} of {number} videos are to be rendered into {folder}/moving_shapes\n'
    assert capsys.readouterr().out == printed
    assert all(path.suffix in ('.txt', '.json') for path in folder.rglob('*') if path.is_file())
    (arguments,) = calls
    study = read_study(parse_args(arguments))  # the study has its lists, and so its steps
    assert study.videos.test == tool.NUM_TEST and list(study.runs[0].stages)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A function that runs the demo with a study that writes such results; returns what was printed."""
    tool, folder = load(), tmp_path / 'demo'

    def render(videos, **_):
        videos.mkdir(parents=True, exist_ok=True)
        (videos / 'train.txt').write_text('a.mp4 0\n')

    def run(results: str, write) -> str:
        monkeypatch.setattr(tool, 'write_moving_shapes', render)
        monkeypatch.setattr(tool, 'run_study', lambda arguments: (folder / 'results.json').write_text(results))
        monkeypatch.setattr(tool, 'write_html_report', write)
        monkeypatch.setattr('sys.argv', ['demo.py', '--work-dir', str(folder)])
        tool.main()
        return capsys.readouterr().out

    return run


def test_it_ends_with_a_report_that_is_written_anew_only_for_new_results(run, tmp_path):
    written = []

    def write(folder, page, seconds):
        page.write_text('a page')
        written.append(page)
        return page

    page = tmp_path / 'demo' / 'report.html'
    assert [run(results, write) for results in ('1', '1', '2')] == [f'report: {page}\n'] * 3
    assert written == [page, page]


def test_without_the_packages_of_the_report_it_says_what_to_install(run):
    def write(*_):
        raise ImportError('pip install what it needs')

    assert run('1', write) == 'pip install what it needs\n'
