"""A report as one HTML file: sections of tables, charts and pictures, with nothing outside of the file.

jinja2 and bokeh are optional and imported when they are used. bokeh's wheel has its JavaScript, 1.3 MB for plots alone.
"""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

NUMBER = re.compile(r'[-+\u2212]?(\d|$)')
TEMPLATE = Path(__file__).with_name('page.html.jinja')
MISSING = 'a report page needs jinja2 and bokeh: pip install "jinja2>=3.1" "bokeh>=3.9"'


@dataclass
class Text:
    """A paragraph."""

    kind: ClassVar[str] = 'text'
    text: str


@dataclass
class Problem:
    """Sentences about what is missing, damaged or doubtful."""

    kind: ClassVar[str] = 'problem'
    lines: Sequence[str]


@dataclass
class Items:
    """A list of sentences."""

    kind: ClassVar[str] = 'items'
    lines: Sequence[str]


@dataclass
class Facts:
    """Names and values."""

    kind: ClassVar[str] = 'facts'
    entries: dict[str, Any]


@dataclass
class Table:
    """A table, whose first column names the rows.

    Args:
        header: a word a column.
        rows: texts.
        title: above the table.
        folded: closed until it is clicked.
    """

    kind: ClassVar[str] = 'table'
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    title: str = ''
    folded: bool = False

    def words(self) -> list[bool]:
        """Of each column whether it holds words, which are set to the left; numbers are set to the right."""
        columns = [[str(row[place]) for row in self.rows if place < len(row)] for place in range(len(self.header))]
        return [any(cell and not NUMBER.match(cell) for cell in cells) for cells in columns]


@dataclass
class Code:
    """A text in a fixed-width font, closed until it is clicked if it has a title."""

    kind: ClassVar[str] = 'code'
    text: str
    title: str = ''


@dataclass
class Folded:
    """Parts that are closed until their title is clicked."""

    kind: ClassVar[str] = 'folded'
    title: str
    parts: Sequence[Any]


@dataclass
class Picture:
    """A picture.

    Args:
        source: ``data:`` address, see :func:`picture_source`.
        alt: what it shows, in words.
        caption: below it.
        wide: keeps its size, and is scrolled on a narrow screen.
    """

    kind: ClassVar[str] = 'picture'
    source: str
    alt: str
    caption: str = ''
    wide: bool = False


@dataclass
class Thumbnail:
    """A small picture with its caption.

    Args:
        source: ``data:`` address.
        alt: what it shows, in words.
        lines: of the caption.
        tone: ``'right'``, ``'wrong'`` or ``'query'``, the colour of its frame.
    """

    source: str
    alt: str
    lines: Sequence[str]
    tone: str = ''


@dataclass
class Gallery:
    """Rows of thumbnails."""

    kind: ClassVar[str] = 'gallery'
    rows: Sequence[Sequence[Thumbnail]]


@dataclass
class Chart:
    """An interactive chart.

    Args:
        figure: of bokeh.
        alt: what it shows, in words.
        caption: below it.
    """

    kind: ClassVar[str] = 'chart'
    figure: Any
    alt: str
    caption: str = ''
    html: str = ''


@dataclass
class Section:
    """A part of the page with a heading; the table of contents links to it."""

    title: str
    parts: list = field(default_factory=list)

    @property
    def name(self) -> str:
        """The heading as an anchor."""
        return re.sub(r'\W+', '-', self.title.lower()).strip('-')


def require_packages() -> None:
    """Find out whether a page can be made.

    Raises:
        ImportError: jinja2 or bokeh is missing; the message is one line with the command that installs both.
    """
    try:
        import bokeh.embed  # noqa: F401
        import jinja2  # noqa: F401
    except ImportError as error:
        raise ImportError(f'{MISSING} ({error})') from error


def render_page(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """The page as HTML. Texts are escaped; it requests nothing from anywhere.

    Raises:
        ImportError: see :func:`require_packages`.
    """
    require_packages()
    from bokeh.embed import components
    from bokeh.resources import Resources
    from jinja2 import Environment, StrictUndefined

    charts = [part for section in sections for part in section.parts if isinstance(part, Chart)]
    script = resources = ''
    if charts:
        for chart in charts:
            chart.figure.title.visible = False  # the page shows it: bokeh's would be cut on a phone
        script, divisions = components([chart.figure for chart in charts])
        for chart, division in zip(charts, divisions):
            chart.html = division
        # "bokeh" alone: widgets, tables and formulas would be 3 MB more.
        resources = Resources(mode='inline', components=['bokeh']).render()
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding='utf-8'))
    return template.render(title=title, subtitle=subtitle, sections=sections, resources=resources, script=script)


def picture_source(picture: Any, quality: int = 85, dpi: int = 110) -> str:
    """A picture as a ``data:`` address, in WebP.

    Args:
        picture: a matplotlib figure, or uint8 RGB [H, W, 3].
        quality: of WebP, 1 to 100.
        dpi: of a figure.
    """
    from PIL import Image

    if not isinstance(picture, np.ndarray):
        drawn = io.BytesIO()
        picture.savefig(drawn, dpi=dpi, format='png')
        drawn.seek(0)
        picture = np.asarray(Image.open(drawn).convert('RGB'))
    out = io.BytesIO()
    Image.fromarray(picture).save(out, format='WEBP', quality=quality)
    return 'data:image/webp;base64,' + base64.b64encode(out.getvalue()).decode('ascii')
