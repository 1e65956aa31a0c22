"""Every method's page shows what its sampler draws."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def make_pictures():
    spec = importlib.util.spec_from_file_location('make_pictures', ROOT / 'tools/make_pictures.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_method_of_the_studies_has_a_picture_on_a_page(make_pictures):
    pages = ''.join(page.read_text() for page in (ROOT / 'docs').glob('*.md'))
    methods = make_pictures.training_samplers()
    assert {'aux', 'vspp', 'rtt', 'human_prior'} <= set(methods)
    for name in methods:
        assert f'images/clips_{name}.jpg' in pages, f'draw it with tools/make_pictures.py {name}, and show it on its page'
        assert (ROOT / f'docs/images/clips_{name}.jpg').is_file()


def test_a_picture_is_drawn_of_one_method(make_pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(make_pictures, 'IMAGES', tmp_path)
    monkeypatch.setattr('sys.argv', ['make_pictures.py', 'vspp'])
    make_pictures.main()
    assert [path.name for path in tmp_path.iterdir()] == ['clips_vspp.jpg']
    monkeypatch.setattr('sys.argv', ['make_pictures.py', 'nothing'])
    with pytest.raises(SystemExit, match='no method nothing'):
        make_pictures.main()
