"""What a forge and a newcomer read: workflows, templates, citation."""

import re
from pathlib import Path

import pytest
import yaml

from videossl.version import __version__

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / '.github' / 'workflows' / 'ci.yml'


@pytest.mark.parametrize(
    'path', [WORKFLOW, *(ROOT / '.github' / 'ISSUE_TEMPLATE').glob('*.yml'), ROOT / 'CITATION.cff']
)
def test_it_is_yaml_with_what_the_forge_asks_for(path):
    content = yaml.safe_load(path.read_text())
    needed = dict(
        workflows={'name', 'jobs', True}, ISSUE_TEMPLATE={'name', 'description', 'body'}
    )  # "on" is True in YAML
    if path.name == 'config.yml':
        assert content == dict(blank_issues_enabled=True)
    else:
        assert needed.get(path.parent.name, {'cff-version', 'message', 'title', 'authors', 'version'}) <= set(content)


def test_the_workflow_runs_the_commands_of_ci_on_every_python_that_setup_names():
    jobs = yaml.safe_load(WORKFLOW.read_text())['jobs']
    commands = {step['run'] for job in jobs.values() for step in job['steps'] if 'run' in step}
    assert set(re.findall(r'^make \w+', (ROOT / '.ci' / 'run').read_text(), re.MULTILINE)) <= commands
    targets = set(re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE))
    assert {target for command in commands for target in re.findall(r'\bmake ([\w-]+)', command)} <= targets
    minors = re.search(r'for minor in (\(.+?\))', (ROOT / 'setup.py').read_text()).group(1)
    assert [f'3.{minor}' for minor in re.findall(r'\d+', minors)] == jobs['test']['strategy']['matrix']['python']


def test_the_citation_and_the_changes_have_this_version_and_its_date():
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert citation['version'] == __version__
    parts = re.findall(r'^## (.+)$', (ROOT / 'CHANGELOG.md').read_text(), re.MULTILINE)
    date = citation['date-released']
    assert parts[:2] == ['Unreleased', f'{__version__} ({date.day} {date:%B %Y})']
