"""The commands that worked in a folder, kept in it."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from videossl.apis.front_door import TOOLS
from videossl.files import whole_file

FILE_NAME = 'commands.txt'


def remember_command(folder: str | Path, name: str, argv: Sequence[str]) -> list[str]:
    """Add a command to those that worked in a folder.

    Args:
        folder: of a run, a recipe or a study.
        name: of the command, ``'train'``. It is kept as ``python tools/train.py`` if a script of a checkout was called, and as
            ``videossl train`` otherwise.
        argv: its arguments.

    Returns:
        All commands, each once, the newest last.
    """
    path = Path(folder) / FILE_NAME
    installed = Path(sys.argv[0]).name.startswith('videossl')
    program = ['videossl', name] if installed else ['python', f'tools/{TOOLS[name]}']
    command = shlex.join([*program, *argv]).replace('\n', ' ')
    before = path.read_text(errors='replace').splitlines() if path.exists() else []
    commands = [*(entry for entry in before if entry != command), command]
    with whole_file(path, flush=True) as temporary:
        temporary.write_text(''.join(f'{entry}\n' for entry in commands))
    return commands
