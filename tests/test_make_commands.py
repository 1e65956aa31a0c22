"""docs/commands.md is what the parsers say, and every command has an example. The examples are parsed by tests/test_docs.py."""

import importlib.util
from pathlib import Path

import pytest

from videossl.apis.front_door import TOOLS

ROOT = Path(__file__).resolve().parents[1]
spec = importlib.util.spec_from_file_location('make_commands', ROOT / 'tools' / 'make_commands.py')
make_commands = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_commands)


def test_the_page_is_up_to_date():
    assert (ROOT / 'docs' / 'commands.md').read_text() == make_commands.page(), 'run python tools/make_commands.py'


def test_every_command_has_an_example_and_says_what_each_argument_is():
    assert set(make_commands.EXAMPLES) == set(TOOLS)
    for name in TOOLS:
        assert make_commands.parser_of(name).description, name
        for row in make_commands.rows(make_commands.parser_of(name)):
            argument, meaning = row.strip('| ').split(' | ')
            assert argument.startswith('`') and meaning.removeprefix('default:').strip(), (name, row)


def test_what_markdown_would_read_as_markup_is_escaped():
    assert make_commands.plain('as "[a,b]", *.mp4  or a|b') == r'as "\[a,b\]", \*.mp4 or a\|b'


def test_a_command_without_a_parser_is_noticed(monkeypatch):
    monkeypatch.setattr(make_commands.front_door, 'main', lambda argv: None)
    with pytest.raises(ValueError, match='demo has no parser'):
        make_commands.parser_of('demo')
