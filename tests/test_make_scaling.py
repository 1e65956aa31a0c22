"""The model of a loader, by hand; docs/scaling.md has the tables that its script writes."""

import importlib.util
from pathlib import Path

import pytest

from videossl.cores import loader_rate, workers_for

ROOT = Path(__file__).resolve().parents[1]


def make_scaling():
    spec = importlib.util.spec_from_file_location('make_scaling', ROOT / 'tools' / 'make_scaling.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def test_a_loader_is_as_fast_as_the_least_of_its_three_bounds():
    # A worker takes 10 ms, the training process 2 ms a sample.
    assert loader_rate(0, 4, 0.01, 0.002) == pytest.approx(100)
    assert loader_rate(1, 16, 0.01, 0.002) == pytest.approx(100), 'the workers'
    assert loader_rate(3, 16, 0.01, 0.002) == pytest.approx(300)
    assert loader_rate(16, 16, 0.01, 0.002) == pytest.approx(500), 'the training process'
    assert loader_rate(16, 3, 0.01, 0.002) == pytest.approx(250), 'three cores'


@pytest.mark.parametrize('rate, workers', [(50, 1), (100, 1), (101, 2), (300, 3), (500, 5), (501, None)])
def test_the_fewest_workers_for_a_rate(rate, workers):
    assert workers_for(rate, 100, 0.01, 0.002) == workers
    if workers is not None:
        assert loader_rate(workers, 100, 0.01, 0.002) >= rate
        assert workers == 1 or loader_rate(workers - 1, 100, 0.01, 0.002) < rate
    assert workers_for(rate, 100, 0.01, 1e-9) is not None


def test_too_few_cores_feed_no_faster_with_more_workers():
    assert workers_for(250, 3, 0.01, 0.002) == 3 and workers_for(251, 3, 0.01, 0.002) is None


def test_the_page_has_the_tables_of_the_script():
    tool = make_scaling()
    text = tool.PAGE.read_text(encoding='utf-8')
    assert {match[2] for match in tool.MARK.finditer(text)} == set(tool.TABLES)
    assert tool.page(text) == text, 'run python tools/make_scaling.py'
    made = tool.page('by hand\n<!-- scaling: banks -->\nold\n<!-- end of scaling -->')
    assert made.startswith('by hand\n') and '| 16,384 | 8 MiB |' in made and 'old' not in made


def test_a_size_and_a_time_get_a_fitting_unit():
    tool = make_scaling()
    assert [tool.size(number) for number in (512, 3 * 2**20, 5 * 2**41)] == ['0.5 KiB', '3 MiB', '10 TiB']
    assert [tool.duration(number) for number in (0.5, 90, 7200, 2e6)] == ['500 ms', '90 s', '2 h', '23.1 days']
