"""Settings of Sphinx for the site. ``make docs`` builds it."""

import ast
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

project = 'videossl'
copyright = 'the videossl authors'
release = version = re.search(r"__version__ = '(.+)'", (ROOT / 'videossl' / 'version.py').read_text())[1]

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx.ext.viewcode', 'autoapi.extension']

# Pages. The anchors of headings are those of a forge, since the links of the pages are.
myst_heading_anchors = 4
myst_heading_slug_func = 'pages.anchor'
myst_links_external_new_tab = False
pygments_style, pygments_dark_style = 'tango', 'monokai'

# The API reference is made from the source, without importing it, so that it needs neither torch nor mmaction2.
autoapi_dirs = [str(ROOT / 'videossl')]
autoapi_root = 'reference'
autoapi_options = ['members', 'show-inheritance', 'show-module-summary']
autoapi_ignore = ['*/.mim/*']
autoapi_member_order = 'bysource'
autoapi_add_toctree_entry = False
autoapi_python_class_content = 'class'
autoapi_template_dir = str(HERE / 'templates')
autoapi_keep_files = True
napoleon_numpy_docstring = False
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True

# A reference to something of ours must lead somewhere. What others document is named, not linked: an inventory of their
# pages would have to be fetched.
nitpicky = True
# Constants without a docstring are imported by modules, and are not in the reference.
suppress_warnings = ['autoapi.python_import_resolution']
nitpick_ignore_regex = [(r'py:.*', r'(?!videossl).*')]

html_theme = 'furo'
html_title = f'videossl {release}'
html_static_path = [str(HERE / 'static')]
html_css_files = ['site.css']
html_js_files = ['site.js']
html_math_renderer = 'mathml'
html_show_sourcelink = False
html_copy_source = False
html_theme_options = dict(navigation_with_keys=True)


@cache
def imports_of(module: str) -> dict[str, str]:
    """Full names of what a module of ours imports from modules of ours, by the names that they have in it."""
    path = ROOT.joinpath(*module.split('.'))
    is_package = path.is_dir()
    path = path / '__init__.py' if is_package else path.with_suffix('.py')
    found = {}
    for node in ast.walk(ast.parse(path.read_text())) if path.is_file() else ():
        if isinstance(node, ast.ImportFrom):
            parts = module.split('.') if is_package else module.split('.')[:-1]
            parts = parts[: len(parts) - node.level + 1] if node.level else []
            source = '.'.join([*parts, *filter(None, [node.module])])
            if source.startswith('videossl'):
                found.update({alias.asname or alias.name: f'{source}.{alias.name}' for alias in node.names})
    return found


def find_object(objects: Mapping, target: str, module: str | None) -> str | None:
    """The full name of an object that a docstring names as Python would, or by a name that no other object has.

    ``videossl.models.OrderHead`` is ``videossl.models.heads.order_head.OrderHead``, since the package imports it from there,
    and so is ``OrderHead`` in a module that imports it.
    """
    name = imports_of(module).get(target, target) if module else target
    for _ in range(5):  # from package to package
        if name in objects:
            return name
        package, _, last = name.rpartition('.')
        if last not in imports_of(package):
            break
        name = imports_of(package)[last]
    if target.startswith('videossl'):
        return None
    found = [full for full in objects if full.endswith(f'.{target}') and not objects[full].aliased]
    kinds = {full for full in found if objects[full].objtype in ('class', 'exception', 'function', 'data')}
    found = [full for full in found if full in kinds or not kinds]
    return found[0] if len(found) == 1 else None


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Node) -> nodes.reference | None:
    """Resolve a reference to an object of ours by :func:`find_object`."""
    objects = env.get_domain('py').objects
    if node.get('refdomain') != 'py':
        return None
    full = find_object(objects, node['reftarget'], node.get('py:module'))
    if full is None:
        return None
    return make_refnode(app.builder, node['refdoc'], objects[full].docname, objects[full].node_id, content, full)


def fold_the_menu(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """Show of the menu only what is around the page: the whole of it, on each page, would take most of the time."""
    if 'toctree' in context:
        whole = context['toctree']
        context['toctree'] = lambda **options: whole(**{**options, 'collapse': True})


def write_math(writer: nodes.NodeVisitor, node: nodes.math | nodes.math_block) -> None:
    """Formulas as MathML, which browsers show by themselves: Sphinx's own renderer would load MathJax from the network."""
    writer.body.append(tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block)))
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer('mathml', (write_math, None), (write_math, None))
    app.connect('missing-reference', resolve)
    app.connect('html-page-context', fold_the_menu, priority=100)  # before the theme's
