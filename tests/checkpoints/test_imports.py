"""checkpoints/ stands below models, engine and apis; the ground floor below everything."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / 'videossl'
GROUND_FLOOR = {'compat', 'config_files', 'errors', 'files', 'registry', 'version', 'wrappers'}


def imported(path: Path) -> set[str]:
    """The parts of videossl that a file imports, at its top and inside functions: ``errors``, ``models``, ..."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module] if node.module != 'videossl' else [f'videossl.{alias.name}' for alias in node.names]
        found |= {name.split('.')[1] for name in names if name.startswith('videossl.')}
    return found


@pytest.mark.parametrize('path', sorted((PACKAGE / 'checkpoints').glob('*.py')), ids=lambda path: path.stem)
def test_checkpoints_import_the_ground_floor_alone(path):
    assert imported(path) <= GROUND_FLOOR | {'checkpoints'}


@pytest.mark.parametrize('name', ['compat', 'errors', 'files', 'wrappers'])
def test_the_ground_floor_imports_nothing_from_above(name):
    assert imported(PACKAGE / f'{name}.py') <= GROUND_FLOOR
