"""The pages of the site: ``python docs/site/pages.py FOLDER`` lays them out for Sphinx.

The Markdown files of the repository stay as they are, for those who read them on a forge. The copies differ in their links:
a link to a module leads to the API reference, one to a config to the page of its folder. ``docs/index.md`` is the order of
the site.
"""

import os
import posixpath
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INDEX = 'docs/index.md'
METHODS = 'Methods'
TUTORIALS = 'examples/tutorials/'
# Pages outside of docs/, by the names that they have on the site.
OTHERS = {
    'README.md': 'overview.md',
    'CHANGELOG.md': 'changelog.md',
    'CONTRIBUTING.md': 'contributing.md',
    'SECURITY.md': 'security.md',
    'CODE_OF_CONDUCT.md': 'code_of_conduct.md',
    'configs': 'configs/index.md',
    'docs/data': 'data_files.md',
    'videossl': 'reference/videossl/index.rst',
}
LINK = re.compile(r'(\]\()([^)\s]+)(\))')


class PageError(Exception):
    """A page is in no section, or a link leads nowhere."""


def read_order(root: Path = ROOT) -> dict[str, dict[str, str]]:
    """The sections of the site, each with its pages, paths in the repository, and their titles in the menu.

    A section is a heading of ``docs/index.md``, and its pages are the links of the list under it. Methods need no list: their
    pages are those that are named like a folder in ``configs/``, unless another section lists them.

    Raises:
        PageError: A page of ``docs/``, or a tutorial, is in no section.
    """
    order: dict[str, dict[str, str]] = {}
    for part in re.split(r'^## ', (root / INDEX).read_text(), flags=re.MULTILINE)[1:]:
        title, _, text = part.partition('\n')
        links = re.findall(r'^- \[([^]]*)\]\(([^)]+)\)', text, re.MULTILINE)
        order[title] = {posixpath.normpath(posixpath.join('docs', target)): name for name, target in links}
    listed = {INDEX, *(page for pages in order.values() for page in pages)}
    folders = sorted(path.name for path in (root / 'configs').iterdir())
    methods = [f'docs/{folder}.md' for folder in folders if (root / 'docs' / f'{folder}.md').is_file()]
    order[METHODS].update({page: title_of(page, root) for page in methods if page not in listed})
    listed.update(methods)
    existing = [*root.glob('docs/*.md'), *root.glob(f'{TUTORIALS}*.py')]
    missing = sorted({path.relative_to(root).as_posix() for path in existing} - listed)
    if missing:
        raise PageError(f'{", ".join(missing)}: in no section of {INDEX}. Add a line to the list of one')
    return order


def place(path: str, root: Path = ROOT) -> str | None:
    """Where something of the repository is on the site; None: it has no page.

    Examples:
        >>> place('docs/vcop.md'), place('configs/vcop'), place('videossl/models/embeddings.py')
        ('vcop.md', 'configs/vcop.md', 'reference/videossl/models/embeddings/index.rst')
    """
    if path in OTHERS:
        return OTHERS[path]
    top, _, rest = path.partition('/')
    if top == 'docs':
        return rest
    if top == 'configs':
        folder, _, name = rest.partition('/')
        return f'configs/{folder}.md' + (f'#{anchor(name)}' if name else '')
    if top == 'videossl' and (path.endswith('.py') or (root / path / '__init__.py').is_file()):
        return f'reference/{path.removesuffix(".py")}/index.rst'
    if path.startswith(TUTORIALS):
        return f'tutorials/{path.removeprefix(TUTORIALS).removesuffix(".py")}.md'
    if top == 'examples' and path.endswith('/README.md'):
        return f'{path.removesuffix("/README.md")}.md'
    return None


def anchor(heading: str) -> str:
    """The anchor of a heading, as forges make it."""
    return re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


def with_links_of_the_site(text: str, page: str, target: Path, root: Path = ROOT) -> str:
    """A page's text with links that lead to places of the site. Linked files that have no page are copied there.

    Args:
        text: Markdown.
        page: Its path in the repository.
        target: The folder of the site's pages.

    Raises:
        PageError: A link leads nowhere.
    """
    own = place(page, root)

    def rewrite(match: re.Match[str]) -> str:
        link, _, fragment = match[2].partition('#')
        if '://' in link or link.startswith('mailto:') or not link:
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
        if not (root / path).exists():
            raise PageError(f'{page}: {match[2]} leads nowhere')
        found = place(path, root)
        if found is None:
            found = f'files/{path}'
            (target / found).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / path, target / found)
        new = posixpath.relpath(found, posixpath.dirname(own) or '.')
        return f'{match[1]}{new}{"#" + fragment if fragment else ""}{match[3]}'

    # Code is no link.
    parts = re.split(r'(^ *```.*?^ *```$|`[^`]*`)', text, flags=re.DOTALL | re.MULTILINE)
    return ''.join(part if index % 2 else LINK.sub(rewrite, part) for index, part in enumerate(parts))


def toctree(title: str, pages: dict[str, str]) -> str:
    """A section of the site's menu: the titles of pages by their places on the site."""
    names = '\n'.join(f'{name} <{posixpath.splitext(page)[0]}>' for page, name in pages.items())
    return f'```{{toctree}}\n:caption: {title}\n:hidden:\n\n{names}\n```\n'


def title_of(page: str, root: Path = ROOT) -> str:
    return re.search(r'^# (.*)$', (root / page).read_text(), re.MULTILINE)[1]


def write_index(target: Path, root: Path = ROOT) -> None:
    """The first page: that of the repository, with the methods and the menu."""
    order = read_order(root)
    text = with_links_of_the_site((root / INDEX).read_text(), INDEX, target, root)
    methods = ''.join(f'- [{title}]({place(page, root)})\n' for page, title in order[METHODS].items())
    text = re.sub(rf'(?<=^## {METHODS}\n).*?(?=^## )', f'\n{methods}\n', text, flags=re.DOTALL | re.MULTILINE)
    menu = (toctree(title, {place(page, root): name for page, name in pages.items()}) for title, pages in order.items())
    (target / 'index.md').write_text('\n'.join([text, *menu]))


def write_configs(target: Path, root: Path = ROOT) -> None:
    """A page for each folder of ``configs/``, with its files."""
    (target / 'configs').mkdir()
    folders = sorted(path for path in (root / 'configs').iterdir() if path.is_dir())
    for folder in folders:
        text = f'# configs/{folder.name}\n\n'
        for path in sorted(folder.rglob('*.py')):
            text += f'## {path.relative_to(folder).as_posix()}\n\n```python\n{path.read_text()}```\n\n'
        (target / 'configs' / f'{folder.name}.md').write_text(text)
    names = [folder.name for folder in folders]
    links = ''.join(f'- [configs/{name}]({name}.md)\n' for name in names)
    menu = f'```{{toctree}}\n:hidden:\n\n{chr(10).join(names)}\n```\n'
    (target / 'configs' / 'index.md').write_text(
        f'# Configs\n\nA config inherits from the files in `_base_` and states what differs.\n\n{links}\n{menu}'
    )


def write_tutorial(page: str, target: Path, root: Path = ROOT) -> None:
    """A tutorial as a page and as a notebook, from its script."""
    import jupytext

    notebook = jupytext.reads((root / page).read_text(), 'py:percent')
    path = target / place(page, root)
    path.parent.mkdir(exist_ok=True)
    jupytext.write(notebook, path.with_suffix('.ipynb'))
    text = '\n\n'.join(
        cell.source if cell.cell_type == 'markdown' else f'```python\n{cell.source}\n```' for cell in notebook.cells
    )
    name, script = path.with_suffix('.ipynb').name, posixpath.basename(page)
    shutil.copy(root / page, path.with_name(script))
    ending = f'\n\nThis page as [a notebook]({name}) and as [a script]({script}).\n'
    path.write_text(with_links_of_the_site(text, page, target, root) + ending)


def write_data_files(target: Path, root: Path = ROOT) -> None:
    """A page that offers the files of ``docs/data/``."""
    files = sorted(path.name for path in (root / 'docs' / 'data').iterdir())
    links = ''.join(f'- [{name}](data/{name})\n' for name in files)
    (target / 'data_files.md').write_text(f'---\norphan: true\n---\n# Files of results\n\n{links}')


def lay_out(target: Path, root: Path = ROOT) -> None:
    """Write all pages that Sphinx reads, but for the API reference.

    Raises:
        PageError: A page is in no section, or a link leads nowhere.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in ('images', 'data'):
        shutil.copytree(root / 'docs' / name, target / name)
    write_configs(target, root)
    write_data_files(target, root)
    listed = {page for pages in read_order(root).values() for page in pages}
    pages = {page for page in listed if page.endswith('.md')}
    for page in sorted(page for page in listed if page.startswith(TUTORIALS)):
        write_tutorial(page, target, root)
    for page in sorted(pages | {path.relative_to(root).as_posix() for path in root.glob('examples/*/README.md')}):
        path = target / place(page, root)
        path.parent.mkdir(parents=True, exist_ok=True)
        front = '' if page in pages else '---\norphan: true\n---\n'
        path.write_text(front + with_links_of_the_site((root / page).read_text(), page, target, root))
    write_index(target, root)


if __name__ == '__main__':
    try:
        lay_out(Path(os.path.abspath(sys.argv[1])))
    except PageError as error:
        sys.exit(f'docs: {error}')
