"""The examples of docstrings run, and give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = [
    '.'.join(path.relative_to(ROOT).with_suffix('').parts)
    for path in sorted((ROOT / 'videossl').rglob('*.py'))
    if '>>> ' in path.read_text() and '.mim' not in path.parts
]


@pytest.mark.parametrize('module', MODULES)
def test_the_examples_of_a_module_are_right(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = doctest.testmod(importlib.import_module(module))
    assert outcome.attempted and not outcome.failed


@pytest.mark.parametrize(
    'name',
    [
        *('datasets.draw_consecutive', 'evaluation.effective_rank', 'evaluation.knn'),
        *('models.R3D', 'models.MemoryBank', 'models.heads.ClipClassificationHead'),
    ],
)
def test_what_a_newcomer_calls_first_has_an_example(name):
    room, _, last = name.rpartition('.')
    assert '>>> ' in getattr(importlib.import_module(f'videossl.{room}'), last).__doc__
