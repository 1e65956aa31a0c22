"""``videossl COMMAND``."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from videossl.apis.front_door import COMMANDS, SHELLS, TOOLS, main, script_of
from videossl.version import __version__

ROOT = Path(__file__).parents[2]


def test_every_command_has_its_script_and_the_help_lists_it_by_task(capsys):
    for name in TOOLS:
        script = script_of(name)
        assert Path(script).is_file() and Path(script).is_relative_to(ROOT / 'tools'), name
    main(['--help'])
    text = capsys.readouterr().out
    for task, commands in COMMANDS.items():
        part = text.partition(f'\n{task}\n')[2].partition('\n\n')[0]
        assert [line.split()[0] for line in part.splitlines()] == list(commands)
    assert str(ROOT / 'configs') in text
    main(['--version'])
    assert capsys.readouterr().out == f'{__version__}\n'


def test_a_command_has_its_own_name_in_its_usage_and_gets_its_arguments(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['videossl'])
    with pytest.raises(SystemExit) as end:
        main(['few-labels', '--help'])
    assert end.value.code == 0 and 'usage: videossl few-labels' in capsys.readouterr().out
    labels = tmp_path / 'train.txt'
    labels.write_text(''.join(f'{number}.mp4 {number % 2}\n' for number in range(8)))
    main(['few-labels', str(labels), '--per-class', '1', '--seed', '0'])
    (few,) = set(tmp_path.glob('*.txt')) - {labels}
    assert len(few.read_text().splitlines()) == 2


def test_a_misspelt_command_is_answered_with_the_nearest():
    with pytest.raises(SystemExit) as end:
        main(['trian'])
    assert str(end.value).splitlines() == [
        'there is no command "trian"; did you mean "train"?',
        '"videossl --help" lists the commands',
    ]


@pytest.mark.parametrize('shell', SHELLS)
def test_a_shell_completes_the_commands(shell, capsys):
    main(['completion', shell])
    line = capsys.readouterr().out
    assert set(TOOLS) <= set(re.split(r"['() ]", line))
    if shell == 'bash' and shutil.which('bash'):
        found = subprocess.run(
            ['bash', '-c', f'{line}\ncompgen -W "$(complete -p videossl | cut -d"\'"  -f2)" tr'],
            capture_output=True,
            text=True,
        )
        assert found.stdout.split() == ['train']
    with pytest.raises(SystemExit, match='usage'):
        main(['completion', 'tcsh'])
