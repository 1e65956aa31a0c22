"""Settings of Sphinx for the site. ``make docs`` builds it."""

import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from pages import anchor  # noqa: E402

project = 'videossl'
copyright = 'the videossl authors'
release = version = re.search(r"__version__ = '(.+)'", (ROOT / 'videossl' / 'version.py').read_text())[1]

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx.ext.viewcode', 'autoapi.extension']

# Pages. The anchors of headings are those of a forge, since the links of the pages are.
myst_heading_anchors = 4
myst_heading_slug_func = anchor
myst_links_external_new_tab = False
pygments_style, pygments_dark_style = 'tango', 'monokai'

# The API reference is made from the source, without importing it, so that it needs neither torch nor mmaction2.
autoapi_dirs = [str(ROOT / 'videossl')]
autoapi_root = 'reference'
autoapi_options = ['members', 'show-inheritance', 'show-module-summary']
autoapi_ignore = ['*/.mim/*', '*/starting_points/*']
autoapi_member_order = 'bysource'
autoapi_add_toctree_entry = False
autoapi_python_class_content = 'class'
autoapi_template_dir = str(HERE / 'templates')
autoapi_keep_files = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True

# A reference to something of ours must lead somewhere. What others document is named, not linked: an inventory of their
# pages would have to be fetched.
nitpicky = True
nitpick_ignore_regex = [(r'py:.*', r'(?!videossl).*')]

html_theme = 'furo'
html_title = f'videossl {release}'
html_static_path = [str(HERE / 'static')]
html_css_files = ['site.css']
html_js_files = ['site.js']
html_show_sourcelink = False
html_copy_source = False
html_theme_options = dict(navigation_with_keys=True)


def find_object(env: BuildEnvironment, target: str) -> str | None:
    """The full name of an object that a docstring names by a shorter one, or by a package that re-exports it.

    ``videossl.models.OrderHead`` is ``videossl.models.heads.order_head.OrderHead``, and ``OrderHead`` is, too, as long as no
    other object has the name.
    """
    package, _, name = target.lstrip('.').rpartition('.')
    objects = env.get_domain('py').objects
    if package.startswith('videossl'):
        found = [full for full in objects if full.startswith(f'{package}.') and full.endswith(f'.{name}')]
    else:
        found = [full for full in objects if full.endswith(f'.{target.lstrip(".")}')]
    found = [full for full in found if not objects[full].aliased]
    tops = [full for full in found if objects[full].objtype in ('class', 'function', 'exception', 'data', 'module')]
    found = tops or found
    return found[0] if len(found) == 1 else None


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Node) -> nodes.reference | None:
    """Resolve a reference to an object of ours by :func:`find_object`."""
    if node.get('refdomain') != 'py' or (full := find_object(env, node['reftarget'])) is None:
        return None
    entry = env.get_domain('py').objects[full]
    return make_refnode(app.builder, node['refdoc'], entry.docname, entry.node_id, content, full)


def setup(app: Sphinx) -> None:
    app.connect('missing-reference', resolve)
