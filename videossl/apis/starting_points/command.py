"""The command ``tools/new.py``: a pretext task or a backbone to begin with, in the user's own folder."""

import argparse
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
        ConfigError: It cannot be the name of a module.
    """
    module = re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).replace('-', '_').lower()
    if not re.fullmatch(r'[a-z][a-z0-9_]*', module) or keyword.iskeyword(module):
        raise ConfigError(f'NAME "{name}" cannot be the name of a module: take letters, digits and _, a letter first')
    words = module.split('_')
    return module, ''.join(word[:1].upper() + word[1:] for word in words)


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
        ConfigError: The name is no name of a module, is taken, or one of the files exists.
    """
    module, title = names_of(name)
    folder = Path(folder)
    files = {template: folder / file.format(module) for template, file in FILES.items()}
    existing = [str(path) for path in files.values() if path.exists()]
    if existing:
        raise ConfigError(f'{", ".join(existing)}: already there; take another NAME or another folder (--to)')
    if find_spec(module) is not None:
        raise ConfigError(f'NAME "{name}": Python has a module "{module}" already; take another name')
    for pattern in CLASSES[kind]:
        if any(registry.get(pattern.format(title)) is not None for registry in (MODELS, TRANSFORMS)):
            raise ConfigError(f'NAME "{name}": there is a part "{pattern.format(title)}" already; take another name')
    for template, path in files.items():
        text = (TEMPLATES / kind / template).read_text()
        for placeholder, own in zip(PLACEHOLDERS[kind], (module, title)):
            text = text.replace(placeholder, own)
        with whole_file(path) as temporary:
            temporary.write_text(text)
    return list(files.values())


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
