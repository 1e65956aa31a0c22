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


def test_every_installation_of_the_makefile_takes_the_options_of_pip():
    lines = (ROOT / 'Makefile').read_text().replace('\\\n', ' ').splitlines()
    commands = [
        command for line in lines for command in re.findall(r'(?:-m pip|\$\(PIP\)) install.*?(?=&&|\|\||$)', line)
    ]
    # An installation of the checkout itself needs nothing but what is installed.
    installs = [command for command in commands if ' -e .' not in command]
    assert len(installs) == 6 and all('$(PIP_OPTIONS)' in command for command in installs), installs


def test_the_makefile_suggests_the_pythons_that_setup_names():
    named = re.findall(r'python(3\.\d+)', re.search(r'for name in (.+?);', (ROOT / 'Makefile').read_text()).group(1))
    minors = re.search(r'for minor in (\(.+?\))', (ROOT / 'setup.py').read_text()).group(1)
    assert named == [f'3.{minor}' for minor in reversed(re.findall(r'\d+', minors))]


def test_building_a_wheel_keeps_the_site():
    recipe = (ROOT / 'Makefile').read_text().split('\nwheel: ')[1].split('\n\n')[0]
    assert re.search(r'rm -rf (.+)', recipe).group(1).split() == ['build/lib', 'build/bdist*', 'dist/videossl-*.whl']


def test_the_citation_and_the_changes_have_this_version_and_its_date():
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert citation['version'] == __version__
    parts = re.findall(r'^## (.+)$', (ROOT / 'CHANGELOG.md').read_text(), re.MULTILINE)
    date = citation['date-released']
    assert parts[:2] == ['Unreleased', f'{__version__} ({date.day} {date:%B %Y})']
