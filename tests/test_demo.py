"""``make demo``: what it renders, labels and asks of the study."""

import importlib.util
from collections import Counter
from pathlib import Path

import pytest

from videossl.apis.studies.reader import read_study
from videossl.apis.studies.study import parse_args
from videossl.datasets.annotations import read_annotations

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    """The arguments of the study, of a demo with fewer videos to render and one argument of the user's."""
    spec = importlib.util.spec_from_file_location('demo', ROOT / 'tools' / 'demo.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    labelled, folder = tool.NUM_LABELLED, tmp_path_factory.mktemp('demo')
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tool, 'run_study', calls.append)
        patch.setattr(tool, 'NUM_TRAIN', labelled + 8)
        patch.setattr(tool, 'NUM_TEST', 8)
        patch.setattr('sys.argv', ['demo.py', '--work-dir', str(folder), '--rows', 'random', 'scratch', 'vspp'])
        tool.main()
    (arguments,) = calls
    return folder, arguments


def test_the_labelled_videos_are_few_and_as_many_of_each_class(demo):
    folder, _ = demo
    videos = folder / 'moving_shapes'
    labelled, train = (read_annotations(str(videos / f'{name}.txt')) for name in ('labelled', 'train'))
    assert set(labelled) < set(train)
    assert len(Counter(label for _, label in labelled)) == 8
    assert len(set(Counter(label for _, label in labelled).values())) == 1


def test_the_study_pretrains_on_all_videos_and_uses_the_few_labels_only(demo):
    folder, arguments = demo
    study = read_study(parse_args(arguments))
    assert study.seeds == [0] and list(study.rows) == ['random', 'scratch', 'vspp'] and study.test_videos == 8
    (run,) = study.runs
    lists = {name: Path(stage.ann_file).name for name, stage in run.stages.items()}
    assert lists == dict(
        untrained_vspp='train.txt', finetune_scratch='labelled.txt', vspp='train.txt', finetune_vspp='labelled.txt'
    )
    assert study.lists['train'].name == 'labelled.txt', 'of the linear probe'
    assert run.folder == folder / 'seed_0'


def test_a_folder_of_another_versions_videos_is_refused(demo, monkeypatch):
    folder, _ = demo
    spec = importlib.util.spec_from_file_location('demo', ROOT / 'tools' / 'demo.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr('sys.argv', ['demo.py', '--work-dir', str(folder)])
    with pytest.raises(SystemExit, match='moving_shapes'):
        tool.main()
