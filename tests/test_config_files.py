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
    with pytest.raises(ConfigError, match=r'did you mean .*vspp_r3d-10_16x1x1-64px-20e_videos-rgb\.py'):
        load_config(f'videossl::{name[:-4]}s.py')


@pytest.mark.parametrize(
    'name, path',
    [('a.py', 'mine/a.py'), ('/other/a.py', '/other/a.py'), ('videossl::a/b.py', f'{config_directory()}/a/b.py')],
)
def test_a_name_in_a_file_is_relative_to_its_folder(name, path):
    assert find_config(name, Path('mine')) == path
