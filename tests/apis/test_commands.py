import shlex

from videossl.apis.commands import remember_command


def test_commands_are_kept_once_each_the_newest_last(tmp_path):
    first = remember_command(tmp_path / 'new', 'tools/train.py', ['a config.py', '--seed', '1'])
    assert shlex.split(first[0]) == ['python', 'tools/train.py', 'a config.py', '--seed', '1']
    remember_command(tmp_path / 'new', 'tools/train.py', ['b.py'])
    again = remember_command(tmp_path / 'new', 'tools/train.py', ['a config.py', '--seed', '1'])
    assert again == ['python tools/train.py b.py', first[0]]
    assert (tmp_path / 'new' / 'commands.txt').read_text().splitlines() == again
