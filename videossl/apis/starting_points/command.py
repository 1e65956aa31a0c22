"""The command ``tools/new.py``: a pretext task or a backbone to begin with, in the user's own folder."""

import argparse
import itertools
import keyword
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import videossl  # noqa: F401  (registers the parts whose names are taken)
from videossl.errors import ConfigError
from videossl.files import whole_file
from videossl.registry import MODELS, TRANSFORMS

from ..user_errors import run_command

TEMPLATES = Path(__file__).parent
# The names that stand in the templates for the user's.
PLACEHOLDERS = dict(task=('my_task', 'MyTask'), backbone=('my_net', 'MyNet'))
CLASSES = dict(task=('Sample{}', '{}Head'), backbone=('{}',))
FILES = {'module.py.txt': '{}.py', 'config.py.txt': 'pretrain_{}.py', 'test.py.txt': 'test_{}.py'}


def names_of(name: str) -> tuple[str, str]:
    """A name as a module and as a class.

    Examples:
        >>> names_of('BackwardsQuarter'), names_of('mc3-net')
        (('backwards_quarter', 'BackwardsQuarter'), ('mc3_net', 'Mc3Net'))

    Raises:
        ConfigError: It cannot be the name of a module or of a class.
    """
    module = re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).replace('-', '_').lower()
    title = title_of(module)
    fault = None
    if foreign := re.sub(r'[a-z0-9_]', '', module):
        fault = f'it has {", ".join(map(repr, dict.fromkeys(foreign)))}, and only the letters a to z, digits and _ may be in it'
    elif not module[:1].isalpha():
        fault = 'a letter must come first'
    for word in (module, title):
        if keyword.iskeyword(word):
            fault = f'"{word}" is a keyword of Python'
    if fault is not None:
        near = re.sub(r'[^a-z0-9]+', '_', f'my_{module}').strip('_')
        raise ConfigError(f'NAME "{name}" cannot be the name of a module: {fault}; take another, such as {near}')
    return module, title


def title_of(module: str) -> str:
    """The name of a class for the name of a module."""
    return ''.join(word[:1].upper() + word[1:] for word in module.split('_'))


def write_starting_point(kind: str, name: str, folder: str | Path = '.') -> list[Path]:
    """Write a module, a config and a test. The test passes as the files are.

    The config names the module in ``custom_imports``; the module registers its classes when it is imported.

    Args:
        kind: ``'task'``, a sampler and a head, or ``'backbone'``.
        name: Name of the module; the classes' names are made from it.
        folder: Where to write; made when missing.

    Returns:
        The files.

    Raises:
        ConfigError: The name cannot be that of a module, is taken, or one of the files exists.
    """
    module, title = names_of(name)
    folder = Path(folder)
    files = {template: folder / file.format(module) for template, file in FILES.items()}
    existing = [str(path) for path in files.values() if path.exists()]
    if existing:
        raise ConfigError(f'{", ".join(existing)}: already there; take another NAME or another folder (--to)')
    taken = owner_of(kind, module, title)
    if taken is not None:
        others = (f'my_{module}{number or ""}' for number in itertools.count())
        free = next(other for other in others if owner_of(kind, other, title_of(other)) is None)
        raise ConfigError(f'NAME "{name}" is taken: {taken}; take another, such as {free}')
    for template, path in files.items():
        text = (TEMPLATES / kind / template).read_text()
        for placeholder, own in zip(PLACEHOLDERS[kind], (module, title)):
            text = text.replace(placeholder, own)
        with whole_file(path) as temporary:
            temporary.write_text(text)
    return list(files.values())


def owner_of(kind: str, module: str, title: str) -> str | None:
    """What has the name of a module or of one of its classes already; None: nothing has."""
    if find_spec(module) is not None:
        return f'Python has a module "{module}" already'
    texts = [(TEMPLATES / kind / template).read_text().replace(PLACEHOLDERS[kind][1], '') for template in FILES]
    for own in (pattern.format(title) for pattern in CLASSES[kind]):
        if any(registry.get(own) is not None for registry in (MODELS, TRANSFORMS)):
            return f'there is a part "{own}" already'
        if any(re.search(rf'^from .* import .*\b{own}\b', text, re.MULTILINE) for text in texts):
            return f'the files that are written import "{own}"'
    return None


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write a pretext task or a backbone to begin with: a module, a config that names it, and a test that '
        'passes.'
    )
    parser.add_argument('kind', choices=list(PLACEHOLDERS), help='task: a sampler and a head; backbone: a network')
    parser.add_argument('name', help='name of the module, e.g. backwards_quarter')
    parser.add_argument('--to', default='.', help='folder to write to; default: this folder')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Write the files, and say what to do next."""
    args = parse_args(argv)
    module, config, test = write_starting_point(args.kind, args.name, args.to)
    print(f'written: {module}, {config}, {test}\n\nNext:')
    if Path(args.to) != Path('.'):
        print(f'  cd {shlex.quote(args.to)}')
    print('  export PYTHONPATH=$PWD')
    if find_spec('pytest') is None:
        print('  pip install pytest')
    print(f'  python -m pytest {test.name}')
    print(f'  videossl browse {config.name} --data-root MY_VIDEOS')
    print(f'  videossl train {config.name} --data-root MY_VIDEOS')


def command() -> None:
    """``tools/new.py`` and ``videossl new``."""
    run_command(main)
