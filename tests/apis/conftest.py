"""What the tests of recipes and studies share."""

import json
import sys

import pytest


@pytest.fixture
def replace_python(tmp_path, monkeypatch):
    """A function that lets a script of the test run in the place of every command of a recipe or study. It returns a function
    that lists what the script has written, a line of JSON a call, into the file that ``CALLS`` names."""

    def replace(script: str):
        (tmp_path / 'stand_in.py').write_text(script)
        python = tmp_path / 'python'
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "{tmp_path}/stand_in.py" "$@"\n')
        python.chmod(0o755)
        monkeypatch.setattr(sys, 'executable', str(python))
        monkeypatch.setenv('CALLS', str(tmp_path / 'calls'))
        (tmp_path / 'calls').write_text('')
        return lambda: [json.loads(line) for line in (tmp_path / 'calls').read_text().splitlines()]

    return replace
