"""The site that ``make docs`` built: its links, and its pages in headless Chromium, opened from the disk."""

import ast
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from headless import in_a_tab, needs_browser

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / 'build' / 'site' / 'html'
SOURCES = [
    *(ROOT / 'docs').rglob('*.*'),
    *(ROOT / 'videossl').rglob('*.py'),
    *(ROOT / 'configs').rglob('*.py'),
    ROOT / 'README.md',
]


def why_not() -> str | None:
    """Why there is no site to test."""
    if not (SITE / 'index.html').is_file():
        return 'make docs has not built the site here'
    # Sphinx writes this file at the end.
    if (SITE / 'searchindex.js').stat().st_mtime < max(path.stat().st_mtime for path in SOURCES):
        return 'the site is older than what it is made from: make docs'
    return None


pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
# One page of each kind, and those with pictures, wide tables, long names.
SHOWN = [
    *('index', 'overview', 'start', 'aux_skd', 'results', 'pictures', 'evaluation', 'changelog', 'architecture'),
    *(
        'configs/aux_skd',
        'commands',
        'reference/videossl/models/heads/order_head/index',
        'reference/videossl/models/index',
        'genindex',
    ),
]
STATE = """({
    broken: [...document.images].filter(picture => !picture.naturalWidth).map(picture => picture.src),
    width: document.documentElement.scrollWidth, text: document.querySelector('article').innerText.length,
    background: getComputedStyle(document.body).backgroundColor,
})"""
# A click on the page's own search field, and the results.
RESULTS = "[...document.querySelectorAll('#search-results .search li a')].map(link => link.href)"
DONE = "document.querySelector('#search-results .search-summary')?.innerText.match(/found \\d+ page|found one page/) != null"


@cache
def content(path: Path) -> str:
    return path.read_text(errors='replace')


@cache
def anchors(path: Path) -> set[str]:
    return set(re.findall(r'\s(?:id|name)="([^"]*)"', content(path)))


def test_every_link_and_picture_of_every_page_leads_somewhere():
    pages = sorted(SITE.rglob('*.html'))
    assert len(pages) > 200
    lost = []
    for page in pages:
        # Nothing that a page needs comes from elsewhere.
        lost += [
            (page.relative_to(SITE).as_posix(), address)
            for address in re.findall(r'<(?:script|img)\b[^>]*?\ssrc="(\w+:[^"]*)"', content(page))
            if not address.startswith('data:')
        ]
        for link in set(re.findall(r'<(?:a|img|link|script)\b[^>]*?\s(?:href|src)="([^"]*)"', content(page))):
            address, fragment = urldefrag(link)
            if re.match(r'[a-z]+:', address) or address == '#':
                continue
            target = (page.parent / unquote(address.partition('?')[0])).resolve() if address else page
            if (
                not target.is_file()
                or fragment
                and target.suffix == '.html'
                and unquote(fragment) not in anchors(target)
            ):
                lost.append((page.relative_to(SITE).as_posix(), link))
    assert not lost


def test_every_page_of_the_repository_and_every_public_module_is_there():
    for page in (ROOT / 'docs').glob('*.md'):
        assert (SITE / f'{page.stem}.html').is_file(), page
    for module in (ROOT / 'videossl').rglob('*.py'):
        name = module.relative_to(ROOT).with_suffix('').as_posix().removesuffix('/__init__')
        public = '/_' not in name and ast.get_docstring(ast.parse(module.read_text())) is not None
        assert (SITE / 'reference' / name / 'index.html').is_file() == public, name


@needs_browser
def test_the_search_finds_known_words_without_a_network(tmp_path):
    wanted = dict(playbackrate='prp', MemoryBank='reference/videossl/models/memory_bank/index', intervals='studies')

    async def look(tab):
        found = {}
        for words in wanted:
            await tab.show(f'{(SITE / "search.html").as_uri()}?q={words}', 1280, 'light')
            await tab.wait_for(DONE)
            found[words] = await tab.ask(RESULTS)
        return found, tab.faults()

    found, faults = in_a_tab(look, tmp_path)
    for words, page in wanted.items():
        assert any(link.startswith((SITE / f'{page}.html').as_uri()) for link in found[words]), (words, found[words])
    assert not faults


@needs_browser
def test_pages_are_shown_whole_in_light_and_dark_and_on_a_telephone(tmp_path):
    async def look(tab):
        views = {}
        for page in SHOWN:
            for width, scheme in ((1280, 'light'), (380, 'dark')):
                await tab.show((SITE / f'{page}.html').as_uri(), width, scheme)
                views[page, width] = await tab.ask(STATE)
        return views, tab

    views, tab = in_a_tab(look, tmp_path)
    for (page, width), state in views.items():
        assert state['broken'] == [] and state['text'] > 100, page
        assert state['width'] <= width, f'{page}: something sticks out'
        levels = [int(level) for level in re.findall(r'\d+', state['background'])[:3]]
        assert min(levels) > 200 if width == 1280 else max(levels) < 60, page
    assert not tab.faults()
    assert all(url.startswith(SITE.as_uri()) for url in tab.requests())
