"""The tool that damages videos at random: a short run, in which nothing may get lost."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'analysis' / 'fuzz_videos.py'


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location('fuzz_videos', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_short_run_loses_nothing(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['fuzz_videos.py', '--files', '48', '--work-dir', str(tmp_path), '--passes', '2'])
    tool.main()
    printed = capsys.readouterr().out
    assert '48 files, 96 of 96 samples delivered, 2 of 2 workers until the end, 0 files lost' in printed
    total = next(line for line in printed.splitlines() if line.startswith('| all |'))
    files, *outcomes = [int(cell) for cell in total.split('|')[2:-1]]
    assert files == sum(outcomes) == 48 and outcomes[0] > 0 and outcomes[1] > 5


@pytest.mark.parametrize(
    'kind', ['bytes flipped', 'tables flipped', 'truncated', 'cut out', 'zeroed', 'doubled', 'spliced', 'joined']
)
def test_each_kind_of_damage_changes_a_file_and_is_the_same_for_the_same_seed(tool, kind):
    content, other = (np.random.default_rng(seed).bytes(20000) for seed in (0, 1))
    damaged = [bytes(tool.DAMAGES[kind](np.random.default_rng(seed), content, other)) for seed in (0, 0, 1)]
    assert damaged[0] == damaged[1] and damaged[0] != damaged[2]
    assert all(one != content for one in damaged)


def test_a_file_that_is_neither_delivered_nor_named_counts_as_lost(tool):
    assert tool.outcome_of(None, 0) == 'lost' and tool.outcome_of(None, 1) == 'read'
    assert tool.outcome_of('the decoder took its process down (SIGSEGV)', 0) == 'crashed'
    assert (
        tool.outcome_of('not read within 20 seconds', 0) == 'hung' and tool.outcome_of('it has no frames', 1) == 'named'
    )
