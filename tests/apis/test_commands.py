import shlex
import sys

from videossl.apis.commands import remember_command


def test_commands_are_kept_once_each_the_newest_last(tmp_path):
    first = remember_command(tmp_path / 'new', 'train', ['a config.py', '--seed', '1'])
    assert shlex.split(first[0]) == ['python', 'tools/train.py', 'a config.py', '--seed', '1']
    remember_command(tmp_path / 'new', 'train', ['b.py'])
    again = remember_command(tmp_path / 'new', 'train', ['a config.py', '--seed', '1'])
    assert again == ['python tools/train.py b.py', first[0]]
    assert (tmp_path / 'new' / 'commands.txt').read_text().splitlines() == again


def test_the_command_of_an_installation_without_tools_is_kept_as_it_can_be_called(tmp_path, monkeypatch):
    for called in ('videossl demo', '/usr/bin/videossl-train'):
        monkeypatch.setattr(sys, 'argv', [called])
        assert remember_command(tmp_path, 'study', ['a.py']) == ['videossl study a.py']
