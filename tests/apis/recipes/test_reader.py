"""Recipes: how they are read, and what a stage refuses before anything runs."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from rich.console import Console

from videossl.apis.recipes.command import parse_args
from videossl.apis.recipes.reader import read_recipe
from videossl.apis.recipes.runner import Display, run_stage
from videossl.errors import ConfigError

ROOT = Path(__file__).parents[3]
LAPTOP = ROOT / 'configs' / 'recipes' / 'laptop.py'
AUX, VSPP = (
    str(ROOT / 'configs' / 'laptop' / f'{name}_r3d-10_16x1x1-64px-20e_videos-rgb.py') for name in ('aux-skd', 'vspp')
)


def read(*argv):
    """The stages by name."""
    stages, _, _ = read_recipe(parse_args([str(argument) for argument in argv]))
    return {stage.name: stage for stage in stages}


@pytest.fixture
def write_recipe(tmp_path):
    """A function that writes a recipe file from its variables."""

    def write(**variables):
        path = tmp_path / 'recipe.py'
        path.write_text(''.join(f'{name} = {value!r}\n' for name, value in variables.items()))
        return path

    return write


def test_stages_come_in_order_each_with_the_one_it_starts_from(write_recipe, tmp_path):
    path = write_recipe(
        stages=dict(
            aux=dict(config=AUX), vspp=dict(config=VSPP, init_from='aux', init_epoch=3), alone=dict(config=VSPP)
        )
    )
    stages = read(path, '--work-dir', tmp_path / 'work')
    assert list(stages) == ['aux', 'vspp', 'alone']
    assert stages['vspp'].init_from is stages['aux'] and stages['vspp'].init_epoch == 3
    assert stages['alone'].init_from is None and stages['alone'].folder == tmp_path / 'work' / 'alone'


def test_a_recipe_of_several_networks_is_read_with_the_one_that_is_asked_for(write_recipe):
    config = str(ROOT / 'configs' / 'vspp' / 'vspp_{net}_16x1x1-20e_k100-rgb.py')
    rows = [dict(name='{net}, K-100', stages=['vspp'], cited={'c3d': '1.5'})]
    path = write_recipe(
        nets={'r3d-10': 'R3D', 'c3d': 'C3D'}, stages=dict(vspp=dict(config=config)), table=dict(rows=rows)
    )
    for arguments, net, name, cited in (
        ([], 'r3d-10', 'R3D, K-100', None),
        (['--net', 'c3d'], 'c3d', 'C3D, K-100', '1.5'),
    ):
        (stage,), recipe, work_dir = read_recipe(parse_args([str(path), *arguments]))
        assert Path(stage.config).name == f'vspp_{net}_16x1x1-20e_k100-rgb.py'
        assert (recipe.table.rows[0].name, recipe.table.rows[0].cited) == (name, cited)
        assert work_dir == Path('work_dirs') / f'recipe_{net}'
    with pytest.raises(ConfigError, match=r"--net r2d: .*\['r3d-10', 'c3d'\]"):
        read(path, '--net', 'r2d')
    with pytest.raises(ConfigError, match='--net c3d: .*one network only'):
        read(LAPTOP, '--net', 'c3d')


@pytest.mark.parametrize(
    'variables, message',
    [
        (dict(stages=dict(a=dict(config=VSPP)), tables=1), r"unknown: \['tables'\]"),
        (dict(table={}), r'stages being required'),
        (dict(stages=dict(a=dict(config=VSPP, annfile='x'))), r"stage a: .*unknown: \['annfile'\]"),
        (dict(stages=dict(a=dict(ann_file='x'))), r'stage a: .*config being required'),
        (dict(stages={'a.b': dict(config=VSPP)}), r'stage a\.b: a name of a stage has no dot'),
        (
            dict(stages=dict(a=dict(config=VSPP, init_from='b'), b=dict(config=VSPP))),
            r'"b", which is no stage before it',
        ),
        (dict(stages=dict(a=dict(config=VSPP, init_from='a'))), r'"a", which is no stage before it'),
        (
            dict(stages=dict(a=dict(config=VSPP, ann_file='x')), ann_files=dict(y='y.txt')),
            r'"x" is none of the lists .*y',
        ),
    ],
)
def test_a_recipe_with_a_mistake_is_refused_by_the_key_or_stage(write_recipe, variables, message):
    with pytest.raises(ConfigError, match=message):
        read(write_recipe(**variables))


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--stage', 'vsp'], r'--stage vsp: .*no such stage; it has .*vspp'),
        (['--ann-file', 'tran=x.txt'], r'--ann-file tran=.*no list and no stage of this name; its lists are .*train'),
        (['--ann-file', 'x.txt'], r'--ann-file x.txt: expected NAME=LIST'),
        (['--cfg-options', 'vsp.train_cfg.max_epochs=1'], r'no stage "vsp"'),
        (['--cfg-options', 'vspp.train_cfg.max_epochs'], r'expected STAGE.KEY=VALUE'),
        (['--cfg-options', 'vspp.train_cfg.milestones=[1,2'], r'Imbalanced brackets'),
        (['--cfg-options', 'all.model.bckbone.depth=1'], r'no key "bckbone".*did you mean "backbone"'),
        (['--data-root', 'no/such/folder'], r'--data-root no/such/folder: there is no such folder'),
    ],
)
def test_an_argument_that_means_nothing_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        read(LAPTOP, *arguments)


def test_a_misspelt_option_of_one_stage_names_the_stage_before_anything_runs():
    stage = read(LAPTOP, '--cfg-options', 'vspp.model.bckbone.depth=1')['vspp']
    with pytest.raises(ConfigError, match=r'stage vspp, .*did you mean "backbone"'):
        stage.check()


def test_settings_for_a_test_that_a_stage_does_not_have_are_refused():
    with pytest.raises(ConfigError, match='stage vspp, .*test_dataloader'):
        read(LAPTOP, '--cfg-options', 'vspp.test_dataloader.batch_size=1')['vspp'].check()


def test_lists_are_given_by_their_names_or_by_stage(data):
    stages = read(
        LAPTOP, '--data-root', data, '--ann-file', 'train=other.txt', 'vspp=mine.txt', 'finetune_vspp.test=a.txt'
    )
    assert stages['vspp'].ann_file == 'mine.txt' and stages['aux'].ann_file == 'train.txt'
    assert stages['finetune_scratch'].ann_file == 'other.txt' and stages['finetune_scratch'].test_ann_file == 'test.txt'
    assert stages['finetune_vspp'].ann_file == 'other.txt' and stages['finetune_vspp'].test_ann_file == 'a.txt'
    config = stages['finetune_vspp'].resolved_config
    assert config.train_dataloader.dataset.ann_file == 'other.txt'
    assert config.test_dataloader.dataset.ann_file == 'a.txt'
    assert config.test_dataloader.dataset.data_root == str(data)


def test_a_folder_alone_is_scanned_unless_it_has_the_recipes_lists(tmp_path, data):
    (tmp_path / 'plain').mkdir()
    stage = read(LAPTOP, '--data-root', tmp_path / 'plain')['vspp']
    assert stage.ann_file is None and stage.resolved_config.train_dataloader.dataset.ann_file is None
    assert read(LAPTOP, '--data-root', data)['vspp'].ann_file == 'train.txt'


def test_a_stage_brings_those_it_starts_from_and_no_other():
    assert list(read(LAPTOP, '--stage', 'finetune_after_aux')) == ['aux', 'vspp_after_aux', 'finetune_after_aux']
    assert list(read(LAPTOP, '--stage', 'finetune_vspp', 'aux')) == ['vspp', 'finetune_vspp', 'aux']


@pytest.mark.parametrize('text, value', [
    ('3', 3), ('1e-3', 1e-3), ('.5', 0.5), ('-1', -1),
    ('true', True), ('True', True), ('False', False), ('None', None), ('null', None),
    ('[1,2]', [1, 2]), ('[1, 2]', [1, 2]), ('1,2', [1, 2]), ('(1,2)', (1, 2)),
    ('["a", "b"]', ['a', 'b']), ('[a,b]', ['a', 'b']),
    ('SGD', 'SGD'), ('a b', 'a b'), ('"3"', '3'), ('"a, b"', 'a, b'), ('{"lr": 0.1}', dict(lr=0.1)), ('a=b', 'a=b'),
])  # yapf: disable
def test_a_value_arrives_at_the_stage_with_its_type(tmp_path, data, monkeypatch, text, value):
    stage = read(
        LAPTOP,
        '--stage',
        'vspp',
        '--data-root',
        data,
        '--work-dir',
        tmp_path / 'the work, mine',
        '--cfg-options',
        f'vspp.env_cfg.some_setting={text}',
    )['vspp']
    # What the process that trains is started with.
    monkeypatch.setattr(
        subprocess,
        'Popen',
        lambda command, **kwargs: SimpleNamespace(
            poll=lambda: 0, wait=lambda seconds: 0, returncode=0, command=started.extend(command)
        ),
    )
    started: list[str] = []
    run_stage(stage, Display(Console(quiet=True)))
    config = Config.fromfile(started[3])
    assert config.env_cfg.some_setting == value
    assert type(config.env_cfg.some_setting) in (type(value), type(config.env_cfg))
    assert config.default_hooks.progress.file == str(tmp_path / 'the work, mine' / 'vspp' / 'progress.json')
    assert config.train_dataloader.dataset.data_root == str(data)


def test_an_option_for_all_reaches_every_stage_that_has_it_and_a_stages_own_wins():
    stages = read(
        LAPTOP,
        '--cfg-options',
        'all.model.cls_head.num_classes=12',
        'all.train_cfg.max_epochs=2',
        'aux.train_cfg.max_epochs=3',
        'all.test_dataloader.batch_size=1',
    )
    for name, stage in stages.items():
        config = stage.resolved_config
        assert config.train_cfg.max_epochs == (3 if name == 'aux' else 2)
        assert config.model.get('cls_head', {}).get('num_classes') == (12 if name.startswith('finetune') else None)
        assert (config.get('test_dataloader') is not None) == name.startswith('finetune')


def test_a_recipes_own_options_are_overridden_by_the_stages_and_the_command_lines(write_recipe):
    path = write_recipe(
        options={'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 1, 'model.backbone.depth': 18},
        stages=dict(a=dict(config=VSPP, options={'train_cfg.max_epochs': 2, 'train_dataloader.batch_size': 2})),
    )
    config = read(path, '--cfg-options', 'a.train_cfg.max_epochs=3')['a'].resolved_config
    assert (config.train_cfg.max_epochs, config.train_dataloader.batch_size, config.model.backbone.depth) == (3, 2, 18)


def test_a_stage_that_learns_labels_is_refused_on_a_scanned_folder_before_anything_runs(tmp_path):
    stages = read(LAPTOP, '--data-root', tmp_path)
    stages['aux'].check()
    with pytest.raises(ConfigError, match=r'finetune_vspp.*--ann-file.*--stage'):
        stages['finetune_vspp'].check()


def test_a_list_that_is_missing_is_named_before_anything_runs(data):
    stages = read(LAPTOP, '--data-root', data, '--ann-file', 'test=tset.txt')
    stages['aux'].check()
    with pytest.raises(ConfigError, match=r'finetune_vspp: .*tset\.txt'):
        stages['finetune_vspp'].check()


# --------------------------------------------------------------------------------------------------------- fingerprint
def test_the_fingerprint_follows_all_that_a_result_depends_on(data, tmp_path, write_recipe):

    def fingerprint(*arguments, stage='vspp_after_aux', recipe=LAPTOP):
        return read(recipe, '--data-root', data, *arguments)[stage].fingerprint

    same = fingerprint()
    assert fingerprint('--work-dir', tmp_path / 'elsewhere') == same
    assert fingerprint('--data-root', f'{data}/') == same
    assert fingerprint('--cfg-options', 'vspp.train_cfg.max_epochs=7') == same, 'another stage'
    assert fingerprint('--ann-file', 'test=other.txt') == same, 'it has no test'
    assert fingerprint('--cfg-options', 'vspp_after_aux.train_cfg.max_epochs=7') != same
    assert fingerprint('--cfg-options', 'aux.train_cfg.max_epochs=7') != same, 'the stage that it starts from'
    assert fingerprint('--ann-file', 'vspp_after_aux=other.txt') != same
    assert fingerprint('--data-root', tmp_path) != same
    stages = dict(vspp_after_aux=dict(config=VSPP, ann_file='a'))
    lists = dict(ann_files=dict(a='train.txt'))
    assert fingerprint(recipe=write_recipe(stages=stages, **lists)) != same, 'from scratch'
    (data / 'train.txt').write_text('a.mp4 0\nb.mp4 0\n')
    assert fingerprint() != same, 'the list itself'


def test_another_epoch_of_the_stage_before_is_another_result(write_recipe):
    fingerprints = set()
    for epoch in (1, 2, None):
        stages = dict(a=dict(config=VSPP), b=dict(config=VSPP, init_from='a', init_epoch=epoch))
        fingerprints.add(read(write_recipe(stages=stages))['b'].fingerprint)
    assert len(fingerprints) == 3
