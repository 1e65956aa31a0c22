"""The drawing of imports that docs/architecture.md shows: downwards only, and no circle."""

import ast
import importlib
import pkgutil
from pathlib import Path

import videossl

PACKAGE = Path(videossl.__file__).parent
# From the ground up. Rooms on one level do not know each other.
LEVELS = [
    {'version'},
    {'compat'},
    {'registry', 'ground floor'},
    {'checkpoints', 'datasets'},
    {'models'},
    {'features'},
    {'evaluation'},
    {'engine', 'visualization'},
    {'apis'},
    {'videossl'},  # the package itself imports what registers parts
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}


def modules() -> dict[str, Path]:
    return {
        '.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts).removesuffix('.__init__'): path
        for path in PACKAGE.rglob('*.py')
    }


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of the package that a module imports, inside functions too."""
    package = name.split('.') if path.name == '__init__.py' else name.split('.')[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = '.'.join(package[: len(package) - node.level + 1] if node.level else [])
            base = '.'.join(part for part in (base, node.module) if part)
            found |= {f'{base}.{alias.name}' if f'{base}.{alias.name}' in known else base for alias in node.names}
    return {target for target in found if target in known} - {name}


def room(name: str) -> str:
    parts = name.split('.')
    if len(parts) == 1:
        return 'videossl'
    return parts[1] if parts[1] in LEVEL else 'ground floor'


KNOWN = modules()
EDGES = {name: imports(name, path, KNOWN) for name, path in KNOWN.items()}


def test_imports_run_downwards_only():
    upwards = [
        f'{name} imports {target}'
        for name in sorted(set(KNOWN) - {'videossl'})
        for target in EDGES[name] - {'videossl'}
        if room(target) != room(name) and LEVEL[room(target)] >= LEVEL[room(name)]
    ]
    assert upwards == []


def test_no_module_imports_itself_by_way_of_others():
    # A package's __init__ gathers its modules; they reach each other by name, so it is no part of a circle.
    edges = {
        name: {target for target in targets if KNOWN[target].name != '__init__.py'} for name, targets in EDGES.items()
    }
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        assert name not in path, ' -> '.join([*path[path.index(name) :], name])
        if name not in done:
            for target in edges[name]:
                visit(target, [*path, name])
            done.add(name)

    for name in edges:
        visit(name, [])


def test_a_public_name_means_one_thing():
    packages = [module.name for module in pkgutil.walk_packages(videossl.__path__, 'videossl.') if module.ispkg]
    meanings: dict[str, dict[int, str]] = {}
    for package in map(importlib.import_module, packages):
        for name in getattr(package, '__all__', ()):
            meanings.setdefault(name, {})[id(getattr(package, name))] = package.__name__
    assert len(meanings) > 100
    assert {name: list(places.values()) for name, places in meanings.items() if len(places) > 1} == {}


def test_one_function_alone_reads_checkpoints():
    """So that no file's code runs, and damaged files are noticed."""
    tools = sorted((PACKAGE.parent / 'tools').rglob('*.py'))
    found = [
        path.relative_to(PACKAGE.parent).as_posix()
        for path in (*KNOWN.values(), *tools)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ('torch.load', 'pickle.load', 'pickle.loads')
    ]
    assert found == ['videossl/checkpoints/reading.py']
