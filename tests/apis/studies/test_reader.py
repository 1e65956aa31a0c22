"""What a study lays out: lists, rows, grid points and stages."""

from pathlib import Path

import pytest

from videossl.apis.studies.reader import read_study
from videossl.apis.studies.study import parse_args, plan
from videossl.compat import config_directory
from videossl.datasets.annotations import read_annotations
from videossl.datasets.preparation.writing import PreparationError
from videossl.errors import ConfigError
from videossl.evaluation.statistics import nested_subsets

STUDIES = sorted(path.name for path in (Path(config_directory()) / 'studies').glob('*.py'))


@pytest.fixture
def read(videos, write_study, tmp_path):
    def read(*arguments, more=''):
        where = ['--data-root', str(videos), '--work-dir', str(tmp_path / 'work')]
        return read_study(parse_args([str(write_study(more)), *where, *arguments]))

    return read


def paths(file: Path) -> set[str]:
    return {path for path, _ in read_annotations(str(file))}


@pytest.mark.parametrize('name', STUDIES)
def test_every_ready_study_lays_out_all_rows_with_every_setting_in_its_place(name, tmp_path, videos):
    lists = [f'{split}={split if split == "test" else "train"}.txt' for split in ('pretrain', 'train', 'test')]
    (videos / 'masks').mkdir()
    (videos / 'few.txt').write_text((videos / 'train.txt').read_text())  # a list that the demo has
    study = read_study(
        parse_args(
            [
                str(Path(config_directory()) / 'studies' / name),
                *('--data-root', str(videos), '--ann-file', *lists, '--work-dir', str(tmp_path), '--seeds', '7'),
                *('--group', r'actor(\d)'),
            ]
        )
    )
    two_methods = name == 'moving_shapes_aux.py'
    assert {'vspp'} | (set() if two_methods else {'random', 'scratch'}) <= set(study.rows)
    assert study.config.baseline.features in study.rows
    assert ('human_prior' in study.rows) == (name == 'moving_shapes.py')
    assert (study.split == 'select') == (len(study.points) > 1) == ('select' in name), (
        'a grid never meets the test split'
    )
    for run in study.runs:
        for stage in run.stages.values():
            assert stage.resolved_config.randomness.seed == 7, 'settings are merged without an error'
            assert stage.resolved_config.get('model', {}).get('cls_head', {}).get('num_classes', 2) == 2
        assert set(run.features) == set(study.rows) - {'scratch'}
        tested = set(study.rows) - {'random', 'random_frames', 'random_vit'} if 'finetune' in study.columns else set()
        assert {row for row, _ in run.finetuned} == tested


def test_a_study_in_a_folder_of_its_own_takes_parts_that_are_installed(tmp_path, videos, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('mine.py').write_text(
        "_base_ = 'videossl::studies/your_videos.py'\nrecipe = './ours.py'\nrows = dict(aux=None, aux_vspp=None)\n"
    )
    Path('ours.py').write_text(
        "__laptop = 'videossl::laptop/{}_r3d-10_16x1x1-64px-20e_videos-rgb.py'\n"
        "ann_files = dict(train='train.txt', test='test.txt')\n"
        "stages = dict(vspp=dict(config=__laptop.format('vspp'), ann_file='train'),\n"
        "    finetune_vspp=dict(config=__laptop.format('finetune'), ann_file='train', init_from='vspp'))\n"
    )
    study = read_study(parse_args(['mine.py', '--data-root', str(videos), '--rows', 'vspp', '--seeds', '0']))
    assert list(study.runs[0].stages) == ['vspp', 'finetune_vspp', 'finetune_vspp_5']
    assert all(Path(stage.config).is_file() for stage in study.runs[0].stages.values())
    ready = ['videossl::studies/your_videos.py', '--data-root', str(videos), '--rows', 'vspp', '--seeds', '0']
    assert read_study(parse_args(ready)).name == 'your_videos'


def test_rows_share_the_stages_that_they_have_in_common(read):
    (run,) = read('--seeds', '3').runs
    assert list(run.stages) == [
        'untrained_vspp', 'finetune_scratch', 'finetune_scratch_1', 'vspp', 'finetune_vspp', 'finetune_vspp_1', 'aux',
        'vspp_after_aux', 'finetune_vspp_after_aux', 'finetune_vspp_after_aux_1'
    ]  # fmt: skip
    assert run.stages['vspp_after_aux'].init_from is run.stages['aux']
    assert run.stages['finetune_vspp_after_aux_1'].init_from is run.stages['vspp_after_aux']
    assert run.features['aux_vspp'] is run.stages['vspp_after_aux']


def test_the_random_net_is_that_of_the_pretext_task_without_a_step(read):
    (run,) = read('--seeds', '3').runs
    untrained, trained = (run.stages[name].resolved_config for name in ('untrained_vspp', 'vspp'))
    assert untrained.model == trained.model and untrained.randomness == trained.randomness
    assert untrained.optim_wrapper.optimizer.lr == 0 and untrained.train_cfg.max_epochs == 1


def test_few_labels_are_nested_and_take_as_many_iterations(read):
    study = read('--seeds', '3')
    assert study.counts == [1, 2], '50 of a class are more than there are'
    (run,) = study.runs
    few, everything = run.stages['finetune_vspp_1'], run.stages['finetune_vspp']
    assert len(read_annotations(few.ann_file)) == 2 and len(read_annotations(everything.ann_file)) == 18
    repeats = [stage.resolved_config.train_dataloader.sampler.repeats for stage in (few, everything)]
    assert repeats[0] == 9 * repeats[1]


def test_each_seed_draws_few_labels_anew_and_fine_tuning_has_those_of_the_probe(read, videos):
    study = read('--seeds', '3', '4', '--rows', 'vspp', more='few_labels = dict(counts=[1, 2], finetune=[1, 2])')
    everything = read_annotations(str(videos / 'train.txt'))
    lists = {}
    for run in study.runs:
        probe = nested_subsets([label for _, label in everything], [1, 2], run.seed)  # as the evaluation calls it
        for count in (1, 2):
            stage = run.finetuned['vspp', str(count)]
            lists[run.seed, count] = read_annotations(stage.ann_file)
            assert lists[run.seed, count] == [everything[place] for place in probe[count]]
            assert Path(stage.resolved_config.train_dataloader.dataset.ann_file) == Path(stage.ann_file)
        assert set(lists[run.seed, 1]) < set(lists[run.seed, 2])
    assert lists[3, 1] != lists[4, 1] and lists[3, 2] != lists[4, 2]
    assert {(task.seed, task.stage.options['randomness.seed']) for task in plan(study)} == {(3, 3), (4, 4)}


def test_columns_that_are_not_asked_for_cost_nothing(read):
    assert set(read('--columns', 'probe').runs[0].stages) == {'untrained_vspp', 'vspp', 'aux', 'vspp_after_aux'}
    assert set(read('--columns', 'finetune', '--rows', 'scratch').runs[0].stages) == {
        'finetune_scratch',
        'finetune_scratch_1',
    }


def test_a_grid_shares_what_its_points_do_not_change(read):
    study = read('--seeds', '0', '--columns', 'probe', more="grid = {'vspp.optim_wrapper.optimizer.lr': [0.1, 0.2]}")
    first, second = study.runs
    assert [run.folder.parent.name for run in study.runs] == ['vspp.lr=0.1', 'vspp.lr=0.2']
    assert first.stages['vspp'] is not second.stages['vspp']
    assert first.stages['vspp_after_aux'] is second.stages['vspp_after_aux']
    assert [run.stages['vspp'].resolved_config.optim_wrapper.optimizer.lr for run in study.runs] == [0.1, 0.2]


def test_a_pattern_sets_every_stage_of_such_a_name(read):
    (run,) = read('--seeds', '0', '--cfg-options', 'finetune*.train_cfg.max_epochs=3').runs
    epochs = {name: stage.resolved_config.train_cfg.max_epochs for name, stage in run.stages.items()}
    assert {number for name, number in epochs.items() if name.startswith('finetune')} == {3}
    assert epochs['vspp'] == epochs['aux'] == 20
    with pytest.raises(ConfigError, match='no stage is called like that'):
        read('--cfg-options', 'fintune*.train_cfg.max_epochs=3')


def test_a_row_without_its_maps_is_left_out_and_named(read, videos):
    study = read(more='')
    assert 'human_prior' not in study.rows and any('human prior was left out' in note for note in study.notes)
    (videos / 'parsing_lip').mkdir()
    assert 'human_prior' in read().rows


# ------------------------------------------------------------------------------------------------------------- the data
def test_the_select_split_holds_whole_actors_out_and_reads_no_test_label(read, videos):
    others = ''.join(f'actor{actor}/unlabelled.mp4 0\n' for actor in (1, 2, 3))
    more = f'{others}actor4/0_0.mp4 0\nactor5/9.mp4 0\nno_group.mp4 0\n'
    (videos / 'longer.txt').write_text((videos / 'train.txt').read_text() + more)
    (videos / 'test.txt').write_text('actor4/0_0.mp4 9\n')
    study = read('--split', 'select', '--ann-file', 'pretrain=longer.txt')
    train, test, pretrain = (paths(study.lists[name]) for name in ('train', 'test', 'pretrain'))
    assert train | test == paths(videos / 'train.txt') and not train & test
    actors = [{path.partition('/')[0] for path in part} for part in (train, test)]
    assert [len(part) for part in actors] == [2, 1] and not actors[0] & actors[1]
    others = {f'{actor}/unlabelled.mp4' for actor in actors[0]} | {'actor5/9.mp4', 'no_group.mp4'}
    assert pretrain == train | others, 'neither the held-out actor nor test videos'
    assert study.videos.classes == 2


@pytest.mark.parametrize('of_study', [False, True], ids=['by the command', 'by the study'])
def test_a_folder_of_class_folders_is_divided(write_study, tmp_path, of_study):
    folder = tmp_path / 'clips'
    for name in ('run', 'walk'):
        (folder / name).mkdir(parents=True)
        for take in range(10):
            (folder / name / f'p{take % 5}_{take}.mp4').touch()
    where = ['--data-root', str(folder), '--work-dir', str(tmp_path / 'work'), '--rows', 'vspp']
    study = read_study(parse_args([str(write_study()), *where, '--group', '']))
    assert [len(read_annotations(str(study.lists[name]))) for name in ('train', 'test')] == [14, 6]
    assert any('--group PATTERN' in note for note in study.notes)
    arguments = (
        [str(write_study("group = r'p(\\d)'")), *where]
        if of_study
        else [str(write_study()), *where, '--group', r'p(\d)']
    )
    study = read_study(parse_args(arguments))
    people = [{Path(path).name[:2] for path in paths(study.lists[name])} for name in ('train', 'test')]
    assert not people[0] & people[1] and len(people[0] | people[1]) == 5


def test_classes_from_several_folders_and_groups_of_the_test_videos_are_named(write_study, tmp_path):
    folder = tmp_path / 'clips'
    for part in ('train', 'test'):
        (folder / part / 'run').mkdir(parents=True)
        for person in range(5):
            (folder / part / 'run' / f'p{person}_{part}.mp4').touch()
    (folder / 'walk').mkdir()
    for person in range(5):
        (folder / 'walk' / f'p{person}.mp4').touch()
    arguments = [str(write_study()), '--data-root', str(folder), '--work-dir', str(tmp_path / 'work'), '--rows', 'vspp']
    study = read_study(parse_args([*arguments, '--group', r'p(\d)']))
    assert any('1 classes come from several folders, run from test/run, train/run' in note for note in study.notes)
    people = sorted({Path(path).name[1] for path in paths(study.lists['test'])})
    shown = 'group: ' if len(people) == 1 else 'groups: '
    assert any(f'show {len(people)} {shown}{", ".join(people)}.' in note for note in study.notes), study.notes


def test_a_class_that_one_list_lacks_is_named(read, videos):
    with (videos / 'test.txt').open('a') as file:
        file.write('actor4/2_0.mp4 2\n')
    assert any('no video of 1 of 3 classes, the first being label 2: its videos are always' in n for n in read().notes)


def test_pretraining_takes_the_training_list_that_is_named_where_its_own_is_absent(read, videos):
    for name in ('train', 'test'):
        (videos / f'{name}.txt').rename(videos / f'my_{name}.txt')
    study = read('--ann-file', 'train=my_train.txt', 'test=my_test.txt')
    assert study.lists['pretrain'] == study.lists['train'] == videos / 'my_train.txt'
    with pytest.raises(ConfigError, match='there is no list .*all.txt'):
        read('--ann-file', 'train=my_train.txt', 'test=my_test.txt', more="ann_files = dict(pretrain='all.txt')")


@pytest.mark.parametrize(
    'name', ['actor4/1_1.mp4', './actor4/1_1.mp4', 'actor3/../actor4/1_1.mp4', '{videos}/actor4/1_1.mp4']
)
def test_a_test_video_that_is_trained_on_is_refused_however_it_is_named(read, videos, name):
    name = name.format(videos=videos)
    with (videos / 'train.txt').open('a') as file:
        file.write(f'{name} 1\n')
    with pytest.raises(ConfigError, match=rf'1 test videos are in .*train.txt too, the first being {name}'):
        read()


def test_groups_of_the_test_videos_are_counted_and_those_that_are_trained_on_named(read, videos):
    assert any('test videos show 1 group: 4. Standard errors count videos' in note for note in read().notes)
    with (videos / 'train.txt').open('a') as file:
        file.write('actor4/another.mp4 1\n')
    notes = read().notes
    assert sum(f'1 are in the {name} list, too: 4.' in note for note in notes for name in ('train', 'pretrain')) == 2
    with pytest.raises(PreparationError, match='the pattern of groups "person" is not found in 6 of 6 paths'):
        read('--group', 'person')


def test_a_stage_that_names_no_list_would_train_on_the_test_videos_and_is_refused(read, tmp_path):
    recipe, laptop = tmp_path / 'recipe.py', f'{config_directory()}/laptop'
    finetune, vspp = (f'{laptop}/{name}_r3d-10_16x1x1-64px-20e_videos-rgb.py' for name in ('finetune', 'vspp'))
    recipe.write_text(
        f"ann_files = dict(train='train.txt', test='test.txt')\nstages = dict(vspp=dict(config='{vspp}'), "
        f"finetune_scratch=dict(config='{finetune}', ann_file='train', test_ann_file='test'))\n"
    )
    with pytest.raises(ConfigError, match='vspp names no list by ann_file'):
        read('--rows', 'random', more=f"recipe = '{recipe}'")
    more = f"recipe = '{recipe}'\nfew_labels = dict(counts=[])"
    assert read('--rows', 'scratch', more=more).runs


def test_an_option_of_the_command_overrides_those_of_the_study(read):
    epochs = 'train_cfg.max_epochs'
    more = f"options = {{'finetune*.{epochs}': 6, 'vspp.{epochs}': 7, 'all.train_dataloader.batch_size': 5}}"
    for given, expected in ((f'all.{epochs}=1', [1, 1]), (f'finetune*.{epochs}=2', [2, 7])):
        stages = read('--rows', 'scratch', 'vspp', '--cfg-options', given, more=more).runs[0].stages
        found = [stages[name].resolved_config for name in ('finetune_vspp', 'vspp')]
        assert [config.train_cfg.max_epochs for config in found] == expected
        assert {config.train_dataloader.batch_size for config in found} == {5}


@pytest.mark.parametrize(
    ('grid', 'given'),
    [('vspp', 'vspp'), ('vspp', 'all'), ('vspp', 'vsp*'), ('all', 'vspp'), ('finetune*', 'finetune_vspp')],
)
def test_an_option_that_the_grid_compares_is_refused(read, grid, given):
    more = f"grid = {{'{grid}.optim_wrapper.optimizer.lr': [0.1, 0.2]}}"
    with pytest.raises(ConfigError, match='compares values of this setting'):
        read('--cfg-options', f'{given}.optim_wrapper.optimizer.lr=0.5', more=more)
    assert grid == 'all' or read('--cfg-options', 'aux.optim_wrapper.optimizer.lr=0.5', more=more)


def test_videos_of_one_class_are_refused(read, videos):
    for name in ('train', 'test'):
        (videos / f'{name}.txt').write_text(f'{name}.mp4 3\n')
    with pytest.raises(ConfigError, match='have one class, so that every answer is right'):
        read()


def test_a_folder_with_too_few_videos_to_divide_is_refused(write_study, tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / '1.mp4').touch()
    arguments = [str(write_study('group = None')), '--data-root', str(tmp_path), '--work-dir', str(tmp_path / 'work')]
    with pytest.raises(ConfigError, match='has 1 videos, of which none is left for test'):
        read_study(parse_args(arguments))
    (tmp_path / 'run' / '12.mp4').touch()
    with pytest.raises(ConfigError, match='has 2 videos of 1 groups, of which none is left for test'):
        read_study(parse_args([*arguments, '--group', r'(\d)']))


def test_guessing_is_the_share_of_the_commonest_class(read, videos):
    (videos / 'test.txt').write_text('a.mp4 0\nb.mp4 0\nc.mp4 0\nd.mp4 1\n')
    (videos / 'train.txt').write_text('e.mp4 0\nf.mp4 0\ng.mp4 1\n')
    assert read(more='group = None').videos.chance == 0.75


@pytest.mark.parametrize(
    ('arguments', 'more', 'message'),
    [
        (['--rows', 'nothing'], '', 'there is no nothing'),
        (['--rows', 'scratch', '--columns', 'probe'], '', 'nothing to run'),
        (['--columns', 'probe', 'finetune'], "columns = ['probe']", 'there is no finetune'),
        ([], "columns = ['prob', 'knn']", 'columns: there is no prob'),
        (['--seeds', '-1'], '', 'a seed is a number from 0'),
        ([], 'colums = 1', 'unknown'),
        ([], "rows = dict(vspp=dict(feature='vspp'))", 'unknown'),
        ([], "rows = dict(vspp=dict(features='none'))", 'has no stage none'),
        (['--ann-file', 'train=absent.txt'], '', 'there is no list'),
        (['--ann-file', 'other=train.txt'], '', 'expected NAME=LIST'),
    ],
)
def test_what_cannot_be_meant_is_refused(read, arguments, more, message):
    with pytest.raises(ConfigError, match=message):
        read(*arguments, more=more)
