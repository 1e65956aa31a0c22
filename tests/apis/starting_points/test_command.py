"""``videossl new``: what it writes works as it is."""

import importlib
import inspect
import subprocess
import sys

import pytest

from videossl.apis.starting_points.command import FILES, main, names_of, write_starting_point
from videossl.errors import ConfigError
from videossl.registry import MODELS, TRANSFORMS


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A folder on Python's path. Its modules, and the parts that they register, are forgotten afterwards."""
    folder = tmp_path / 'mine'
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    parts = {registry: dict(registry.module_dict) for registry in (MODELS, TRANSFORMS)}
    modules = set(sys.modules)
    yield folder
    for registry, before in parts.items():
        registry.module_dict.clear()
        registry.module_dict.update(before)
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], '__file__', '')).startswith(str(folder)):
            del sys.modules[name]


@pytest.mark.parametrize(('kind', 'tests'), [('task', 4), ('backbone', 5)])
def test_the_generated_test_passes(kind, tests, own_folder, tmp_path):
    write_starting_point(kind, f'newcomers_{kind}', own_folder)
    importlib.invalidate_caches()
    module = importlib.import_module(f'test_newcomers_{kind}')
    found = [value for name, value in vars(module).items() if name.startswith('test_')]
    assert len(found) == tests
    for test in found:
        test(**({'tmp_path': tmp_path} if 'tmp_path' in inspect.signature(test).parameters else {}))


@pytest.mark.parametrize('kind', ['task', 'backbone'])
def test_no_name_of_the_template_is_left_and_the_style_is_ours(kind, own_folder):
    files = write_starting_point(kind, 'NewcomersPart', own_folder)
    assert [path.name for path in files] == [
        'newcomers_part.py',
        'pretrain_newcomers_part.py',
        'test_newcomers_part.py',
    ]
    for path in files:
        text = path.read_text()
        assert 'newcomers_part' in text or 'NewcomersPart' in text
        assert not {word for word in ('my_task', 'MyTask', 'my_net', 'MyNet') if word in text}
    ruff = [sys.executable, '-m', 'ruff', 'check', '--line-length', '120', '--select', 'E,F,W,UP', own_folder]
    done = subprocess.run([str(word) for word in ruff], capture_output=True, text=True)
    assert done.returncode == 0 or 'No module named ruff' in done.stderr, done.stdout


def test_a_name_becomes_that_of_a_module_and_of_a_class():
    assert names_of('backwards_quarter') == names_of('BackwardsQuarter') == ('backwards_quarter', 'BackwardsQuarter')


@pytest.mark.parametrize(
    ('name', 'words', 'near'),
    [
        ('class', '"class" is a keyword of Python', 'my_class'),
        ('true', '"True" is a keyword of Python', 'my_true'),
        ('2fast', 'a letter must come first', 'my_2fast'),
        ('a.b c', "it has '.', ' ', and only the letters a to z", 'my_a_b_c'),
        ('../größe', "it has '.', '/', 'ö', 'ß', and only", 'my_gr_e'),
        ('', 'a letter must come first', 'my'),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_the_reason_and_one_that_can(name, words, near):
    with pytest.raises(ConfigError) as error:
        names_of(name)
    assert f'NAME "{name}" cannot be the name of a module: {words}' in str(error.value)
    assert str(error.value).endswith(f'such as {near}') and names_of(near)


@pytest.mark.parametrize(
    ('kind', 'name', 'message'),
    [
        ('task', 'random', 'is taken: Python has a module "random" already.*such as my_random$'),
        ('task', 'Speed', 'there is a part "SpeedHead" already.*such as my_speed$'),
        ('backbone', 'C3D', 'there is a part "C3D" already.*such as my_c3_d$'),
        ('backbone', 'stage', 'the files that are written import "Stage".*such as my_stage$'),
    ],
)
def test_a_name_that_is_taken_is_refused(kind, name, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        write_starting_point(kind, name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path, capsys):
    main(['backbone', 'newcomers_net', '--to', str(tmp_path)])
    printed = capsys.readouterr().out
    assert f'cd {tmp_path}' in printed and 'videossl train pretrain_newcomers_net.py' in printed
    (tmp_path / 'newcomers_net.py').unlink()
    (tmp_path / 'test_newcomers_net.py').write_text('mine')
    with pytest.raises(ConfigError, match='pretrain_newcomers_net.py.*already there'):
        write_starting_point('task', 'newcomers_net', tmp_path)
    assert (tmp_path / 'test_newcomers_net.py').read_text() == 'mine' and not (tmp_path / 'newcomers_net.py').exists()
    assert set(FILES) == {'module.py.txt', 'config.py.txt', 'test.py.txt'}
