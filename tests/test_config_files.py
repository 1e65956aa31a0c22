"""Configs by their names, and configs that a process reads more than once."""

import os
from pathlib import Path

import pytest

from videossl.compat import config_directory
from videossl.config_files import find_config, load_config, read_config
from videossl.errors import ConfigError


def write(path, text):
    path.write_text(text)
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1_000_000))  # as if some time had passed


def test_a_config_is_read_again_only_when_a_file_of_it_has_changed(tmp_path, monkeypatch):
    (tmp_path / 'base.py').write_text('model = dict(depth=10)\n')
    (tmp_path / 'leaf.py').write_text("_base_ = './base.py'\nmodel = dict(width=4)\n")
    first = read_config(str(tmp_path / 'leaf.py'))
    assert first.model == dict(depth=10, width=4) and first.filename == str(tmp_path / 'leaf.py')
    first.model.depth = 18
    assert read_config(str(tmp_path / 'leaf.py')).model.depth == 10, 'each caller has a copy'
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr('videossl.config_files.Config.fromfile', lambda *args, **settings: 1 / 0)
        assert read_config('leaf.py').model == dict(depth=10, width=4)
    write(tmp_path / 'base.py', 'model = dict(depth=34)\n')
    assert read_config('leaf.py').model.depth == 34
    write(tmp_path / 'leaf.py', "_base_ = './base.py'\nmodel = dict(width=8)\n")
    assert read_config('leaf.py').model == dict(depth=34, width=8)


def test_a_config_of_videossl_is_found_from_any_folder_and_a_file_of_the_user_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = 'laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'
    own = os.path.join(config_directory(), name)
    assert find_config(f'configs/{name}') == find_config(f'videossl::{name}') == own and os.path.isfile(own)
    assert find_config(f'configz/{name}') == f'configz/{name}'
    (tmp_path / 'configs' / 'laptop').mkdir(parents=True)
    (tmp_path / 'configs' / name).touch()
    assert find_config(f'configs/{name}') == f'configs/{name}'


@pytest.mark.parametrize(
    'name, path',
    [('a.py', 'mine/a.py'), ('/other/a.py', '/other/a.py'), ('videossl::a/b.py', f'{config_directory()}/a/b.py')],
)
def test_a_name_in_a_file_is_relative_to_its_folder(name, path):
    assert find_config(name, Path('mine')) == path


MAS = 'laptop/mas_r3d-10_16x1x1-64px-20e_videos-rgb.py'


@pytest.mark.parametrize(
    ('name', 'near'),
    [
        ('videossl::laptop/mas', f'videossl::{MAS}'),
        ('configs/laptop/mas.py', f'configs/{MAS}'),
        ('configs/laptop/masr', f'configs/{MAS}'),
        (f'videossl::{MAS[:-4]}s.py', f'videossl::{MAS}'),
        (f'videossl::laptp/{MAS[7:]}', f'videossl::{MAS}'),
        (f'videossl:{MAS}', f'videossl::{MAS}'),
        (MAS[:-3], f'videossl::{MAS}'),
        ('mine/own', 'mine/own_net.py'),
        ('mine/own_nets.py', 'mine/own_net.py'),
        ('videossl::recipes/laptopp.py', 'videossl::recipes/laptop.py'),
    ],
)
def test_near_names_are_given_in_the_form_of_the_name(name, near, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'own_net.py').touch()
    with pytest.raises(ConfigError) as error:
        load_config(name)
    assert str(error.value).endswith(f'; did you mean {near}?') and os.path.isfile(find_config(near))


def test_of_several_near_names_three_are_given_and_none_where_nothing_is_near(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        load_config('videossl::laptop/aux-skd')
    near = str(error.value).partition('did you mean ')[2].rstrip('?').split(' or ')
    assert len(set(near)) == 3 and all(os.path.isfile(find_config(other)) for other in near)
    for name in ('no/such/folder/a.py', 'videossl::xyz'):
        with pytest.raises(ConfigError, match=r'there is no config [^;]*$'):
            load_config(name)
    with pytest.raises(ConfigError, match='is a folder; name a config in it, such as videossl::psp/psp_.*py$'):
        load_config('videossl::psp')
