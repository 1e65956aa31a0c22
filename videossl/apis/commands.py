"""The commands that worked in a folder, kept in it."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from videossl.files import whole_file

FILE_NAME = 'commands.txt'


def remember_command(folder: str | Path, tool: str, argv: Sequence[str]) -> list[str]:
    """Add a command to those that worked in a folder.

    Args:
        folder: of a run, a recipe or a study.
        tool: path of the tool, ``'tools/train.py'``.
        argv: its arguments.

    Returns:
        All commands, each once, the newest last.
    """
    path = Path(folder) / FILE_NAME
    command = shlex.join(['python', tool, *argv]).replace('\n', ' ')
    before = path.read_text(errors='replace').splitlines() if path.exists() else []
    commands = [*(entry for entry in before if entry != command), command]
    with whole_file(path, flush=True) as temporary:
        temporary.write_text(''.join(f'{entry}\n' for entry in commands))
    return commands
