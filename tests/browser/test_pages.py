"""The pages of the site as Sphinx gets them: docs/site/pages.py."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location('pages', ROOT / 'docs' / 'site' / 'pages.py')
pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pages)


def test_every_page_is_in_one_section_in_a_learner_s_order():
    order = pages.read_order()
    assert list(order)[0] == 'Start' and list(order)[-3:] == ['Evidence', 'Reference', 'Design']
    listed = [page for section in order.values() for page in section]
    assert len(listed) == len(set(listed)) and {f'docs/{path.name}' for path in (ROOT / 'docs').glob('*.md')} <= {
        *listed,
        'docs/index.md',
    }


@pytest.fixture
def repository(tmp_path) -> Path:
    """A repository of two methods, one of which has a page, and one other page."""
    for folder in ('docs/data', 'docs/images', 'configs/speedy', 'configs/still', 'videossl/models', 'tools'):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / 'docs' / 'index.md').write_text('# Home\n\n## How-to\n\n- [Data](data.md)\n\n## Methods\n\n## Design\n')
    (tmp_path / 'docs' / 'data.md').write_text('# Data\n')
    (tmp_path / 'docs' / 'speedy.md').write_text('# Speedy nets\n\n[config](../configs/speedy/a_b-c.py)\n')
    (tmp_path / 'configs' / 'speedy' / 'a_b-c.py').write_text("model = dict(type='R3D')\n")
    (tmp_path / 'videossl' / 'models' / '__init__.py').touch()
    (tmp_path / 'tools' / 'train.py').touch()
    return tmp_path


def test_a_method_s_page_needs_no_line_and_another_page_does(repository):
    assert pages.read_order(repository) == {
        'How-to': {'docs/data.md': 'Data'},
        'Methods': {'docs/speedy.md': 'Speedy nets'},
        'Design': {},
    }
    (repository / 'docs' / 'later.md').write_text('# Later\n')
    with pytest.raises(pages.PageError, match=r'docs/later\.md: in no section of docs/index\.md'):
        pages.lay_out(repository / 'site', repository)


def test_the_site_has_the_method_in_its_menu_and_its_list_and_the_configs_with_their_text(repository):
    site = repository / 'site'
    pages.lay_out(site, repository)
    index = (site / 'index.md').read_text()
    assert (
        '- [Speedy nets](speedy.md)\n' in index and ':caption: Methods\n:hidden:\n\nSpeedy nets <speedy>\n```' in index
    )
    assert (site / 'speedy.md').read_text() == '# Speedy nets\n\n[config](configs/speedy.md#a_b-cpy)\n'
    assert "## a_b-c.py\n\n```python\nmodel = dict(type='R3D')\n```" in (site / 'configs' / 'speedy.md').read_text()
    pages.lay_out(site, repository)  # over what is there


@pytest.mark.parametrize(
    ('link', 'expected'),
    [
        ('data.md#a-part', 'data.md#a-part'),
        ('#a-part', '#a-part'),
        ('https://example.org/a_(b)', 'https://example.org/a_(b)'),
        ('../configs/speedy', 'configs/speedy.md'),
        ('../configs', 'configs/index.md'),
        ('../videossl/models', 'reference/videossl/models/index.rst'),
        ('../tools/train.py', 'files/tools/train.py'),
        ('data', 'data_files.md'),
    ],
)
def test_a_link_leads_to_its_place_on_the_site(link, expected, repository):
    site = repository / 'site'
    text = pages.with_links_of_the_site(f'see [it]({link}).', 'docs/data.md', site, repository)
    assert text == f'see [it]({expected}).'
    if expected.startswith('files/'):
        assert (site / expected).is_file()


def test_code_is_no_link_and_a_link_into_nothing_is_an_error(repository):
    code = '`[a](b.md)`\n\n```text\n[a](b.md)\n```\n'
    assert pages.with_links_of_the_site(code, 'docs/data.md', repository / 'site', repository) == code
    with pytest.raises(pages.PageError, match=re.escape('docs/data.md: b.md leads nowhere')):
        pages.with_links_of_the_site('[a](b.md)', 'docs/data.md', repository / 'site', repository)
