"""Interactive charts for a report page, by bokeh, which is imported when it is used."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_POINTS = 400  # of a curve; more cannot be told apart on a screen
MOST_ON_CHART = 4000  # points of all curves, so that many curves do not make a page of many MB
FEWEST_POINTS = 50  # of a curve, however many there are
MOST_IN_LEGEND = 14
# Told apart on white and on black, and by most colour-blind people.
COLOURS = ('#3b82d6', '#e07b1f', '#1f9e77', '#c25ba5', '#8c7ae6', '#b8860b', '#d1495b', '#5c8a8a', '#7a9a3a', '#888888')
MARKERS = ('circle', 'square', 'triangle', 'diamond', 'inverted_triangle', 'star', 'plus', 'cross', 'hex', 'asterisk')
# Legends take no colour of the page's style sheet; this grey can be read on white and on black.
LEGEND_COLOUR = '#787e86'
GUESSING, CEILING = 'dotted', 'dashed'


@dataclass
class Curve:
    """A named curve."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass
class Estimate:
    """A value with its interval, in per cent.

    Args:
        name: of the row.
        value: the mean.
        low, high: ends of the interval; None: no interval is drawn.
        values: single values, shown as small strokes.
        place: on the x axis of a curve.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    values: Sequence[float] = ()
    place: float = 0.0


def draw_curves(title: str, curves: Sequence[Curve], levels: Sequence[tuple[str, float, str]] = ()) -> Any:
    """Curves over iterations; the pointer shows name and value.

    Args:
        title: of the chart.
        curves: values that are not finite are left out, and points of long curves, the more curves there are the more.
        levels: horizontal lines: name, value, and dash (``GUESSING`` or ``CEILING``).
    """
    figure = _figure(title, 300, x_axis_label='iteration')
    names = list(dict.fromkeys(curve.name for curve in curves))
    most = min(MOST_POINTS, max(MOST_ON_CHART // len(curves), FEWEST_POINTS))
    for curve in curves:
        x, y = thinned(curve.x, curve.y, most)
        number = names.index(curve.name)
        legend = {} if len(names) > MOST_IN_LEGEND else dict(legend_label=curve.name)
        style = dict(color=COLOURS[number % len(COLOURS)], line_width=2, line_dash=dash_of(number), **legend)
        # The name is the line's: a column of the data would have it at every point.
        style['name'] = curve.name
        data = dict(x=x, y=y)
        if len(x) == 1:
            figure.scatter(source=_source(data), x='x', y='y', size=8, **style)  # a line of one point is invisible
        else:
            figure.line(source=_source(data), x='x', y='y', **style)
    ends = [place for curve in curves for place in (min(curve.x), max(curve.x))]
    first, last = min(ends), max(ends)
    if first == last:
        first, last = first - 0.5, last + 0.5
    for name, value, dash in levels:
        _level(figure, name, value, dash, first, last)
    _hover(figure, [('', '$name'), ('iteration', '@x{0}'), ('value', '@y{0.0000}')])
    return figure


def dash_of(number: int) -> str:
    """Tells curves of the same colour apart."""
    return ('solid', 'dashdot', 'dotdash')[number // len(COLOURS) % 3]


def thinned(x: Sequence[float], y: Sequence[float], most: int = MOST_POINTS) -> tuple[list[float], list[float]]:
    """At most so many finite points of a curve, evenly spread, the first and the last among them."""
    finite = [place for place, value in enumerate(y) if math.isfinite(value)]
    if len(finite) > most:
        finite = [finite[place] for place in np.linspace(0, len(finite) - 1, most).round().astype(int)]
    return [float(x[place]) for place in finite], [float(y[place]) for place in finite]


def draw_estimates(title: str, rows: Sequence[Estimate], guessing: float | None = None) -> Any:
    """A point a row with its interval, in per cent."""
    names = [row.name for row in rows]
    figure = _figure(title, 110 + 26 * len(rows), y_range=names[::-1], x_axis_label='per cent')
    known = [row for row in rows if row.low is not None]
    ends = dict(name=[row.name for row in known], **_bars(known))
    figure.segment(source=_source(ends), x0='low', x1='high', y0='name', y1='name', line_width=3, color=COLOURS[0])
    points = dict(name=names, value=[row.value for row in rows], interval=[_interval_text(row) for row in rows])
    shown = figure.scatter(source=_source(points), x='value', y='name', size=10, color=COLOURS[0])
    single = [(row.name, value) for row in rows for value in row.values]
    strokes = dict(name=[name for name, _ in single], value=[value for _, value in single])
    figure.scatter(
        source=_source(strokes), x='value', y='name', marker='dash', angle=math.pi / 2, size=12, color='#888888'
    )
    if guessing is not None:
        line = dict(x=[guessing, guessing], y=[names[-1], names[0]])
        figure.line(source=_source(line), x='x', y='y', line_dash=GUESSING, line_color='#888888', line_width=1.5)
        figure.title.text += f'; {GUESSING}: guessing {guessing:g}'
    _hover(figure, [('', '@name'), ('per cent', '@value{0.0}'), ('interval', '@interval')], [shown])
    return figure


def _bars(rows: Sequence[Estimate]) -> dict[str, list[float]]:
    """Ends of the intervals, at most 0 and 100: that of two seeds may be longer than all accuracies that there are."""
    ends = [(row.low, row.high) for row in rows if row.low is not None and row.high is not None]
    return dict(low=[max(low, 0) for low, _ in ends], high=[min(high, 100) for _, high in ends])


def draw_few_labels(
    title: str, labels: Sequence[str], curves: Sequence[Sequence[Estimate]], guessing: float | None = None
) -> Any:
    """Accuracies over the number of labels, a curve a row, with intervals.

    Args:
        title: of the chart.
        labels: words for places 0, 1, ... of the x axis.
        curves: the estimates of each row, whose ``place`` is that of a label.
        guessing: accuracy of guessing in per cent.
    """
    figure = _figure(title, 340, x_axis_label='labels per class', y_axis_label='per cent')
    figure.xaxis.ticker = list(range(len(labels)))
    figure.xaxis.major_label_overrides = dict(enumerate(labels))
    for number, curve in enumerate(curves):
        # Shifted, so that the bars do not hide each other.
        shift = 0.2 * ((number + 0.5) / len(curves) - 0.5)
        colour = COLOURS[number % len(COLOURS)]
        legend = {} if len(curves) > MOST_IN_LEGEND else dict(legend_label=curve[0].name)
        data = dict(
            x=[row.place + shift for row in curve],
            y=[row.value for row in curve],
            name=[row.name for row in curve],
            labels=[labels[int(row.place)] for row in curve],
            interval=[_interval_text(row) for row in curve],
        )
        figure.line(source=_source(data), x='x', y='y', color=colour, line_width=2, line_dash=dash_of(number), **legend)
        figure.scatter(source=_source(data), x='x', y='y', size=7, color=colour, **legend)
        known = [row for row in curve if row.low is not None]
        ends = dict(x=[row.place + shift for row in known], **_bars(known))
        figure.segment(source=_source(ends), x0='x', x1='x', y0='low', y1='high', color=colour, line_width=1.5)
    if guessing is not None:
        _level(figure, 'guessing', guessing, GUESSING, 0, len(labels) - 1)
    _hover(figure, [('', '@name'), ('labels', '@labels'), ('per cent', '@y{0.0}'), ('interval', '@interval')])
    return figure


def draw_map(
    title: str, points: np.ndarray, classes: Sequence[str], texts: Sequence[str], thumbnails: Sequence[str]
) -> Any:
    """Videos as points [N, 2], coloured by class; the pointer shows a video's thumbnail, class and text.

    Args:
        title: of the chart.
        points: [N, 2].
        classes: N words.
        texts: N texts, such as the videos' names.
        thumbnails: N ``data:`` addresses; empty for a video without one.
    """
    figure = _figure(title, 480)
    figure.axis.visible = figure.grid.visible = False
    names = sorted(set(classes))
    for number, name in enumerate(names):
        chosen = [place for place, other in enumerate(classes) if other == name]
        data = dict(
            x=points[chosen, 0].tolist(),
            y=points[chosen, 1].tolist(),
            name=[name] * len(chosen),
            text=[texts[place] for place in chosen],
            thumbnail=[thumbnails[place] for place in chosen],
        )
        legend = {} if len(names) > len(COLOURS) else dict(legend_label=name)
        figure.scatter(
            source=_source(data),
            x='x',
            y='y',
            size=10,
            alpha=0.85,
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[(number + number // len(COLOURS)) % len(MARKERS)],
            **legend,
        )
    _hover(
        figure,
        '<div style="max-width:9rem;overflow-wrap:anywhere;font-size:12px"><img src="@thumbnail" alt="" '
        'style="width:96px;height:96px;display:block"><b>@name</b><br>@text</div>',
    )
    return figure


def draw_minutes(title: str, rows: Sequence[tuple[str, dict[str, float]]]) -> Any:
    """A bar a row, divided into parts, in minutes."""
    parts = list(dict.fromkeys(part for _, minutes in rows for part in minutes))
    names = [name for name, _ in rows]
    figure = _figure(title, 130 + 24 * len(rows), y_range=names[::-1], x_axis_label='minutes')
    data = dict(name=names, **{part: [minutes.get(part, 0.0) for _, minutes in rows] for part in parts})
    bars = figure.hbar_stack(
        parts, source=_source(data), y='name', height=0.7, color=list(COLOURS[: len(parts)]), legend_label=parts
    )
    for part, bar in zip(parts, bars):
        _hover(figure, [('', '@name'), (part, f'@{{{part}}}{{0.00}} minutes')], [bar])
    return figure


def _figure(title: str, height: int, **settings: Any) -> Any:
    """An empty figure that fills its column. Nothing moves while a page is scrolled: zooming is chosen in the tool bar."""
    from bokeh.plotting import figure

    made = figure(
        title=title,
        height=height,
        sizing_mode='stretch_width',
        tools='pan,box_zoom,wheel_zoom,reset',
        active_drag=None,
        active_scroll=None,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        **settings,
    )
    made.toolbar.logo = None
    made.toolbar.autohide = True
    return made


def _source(data: dict) -> Any:
    from bokeh.models import ColumnDataSource

    return ColumnDataSource(data)


def _hover(figure: Any, tooltips: Any, renderers: Sequence[Any] | None = None) -> None:
    from bokeh.models import HoverTool

    tool = (
        HoverTool(tooltips=tooltips) if renderers is None else HoverTool(tooltips=tooltips, renderers=list(renderers))
    )
    figure.add_tools(tool)
    for legend in figure.legend:
        legend.click_policy = 'hide'
        legend.background_fill_color = legend.border_line_color = None
        legend.label_text_font_size = '11px'
        legend.label_text_color = LEGEND_COLOUR
        legend.padding = legend.spacing = 2
    # Beside the curves there is no room on a phone, and over them it would hide some.
    if figure.legend and figure.legend[0] in figure.center:
        legend = figure.legend[0]
        figure.center = [part for part in figure.center if part is not legend]
        legend.ncols = 2
        figure.add_layout(legend, 'below')
        figure.height += 20 * math.ceil(len(legend.items) / 2) + 10


def _level(figure: Any, name: str, value: float, dash: str, first: float, last: float) -> None:
    """A horizontal line, which the title explains."""
    line = dict(x=[first, last], y=[value, value], name=[name, name])
    style = dict(line_dash=dash, line_color='#888888', line_width=1.5, name=name)
    figure.line(source=_source(line), x='x', y='y', **style)
    figure.title.text += f'; {dash}: {name} {value:g}'


def _interval_text(row: Estimate) -> str:
    return 'none' if row.low is None or row.high is None else f'{row.low:.1f} to {row.high:.1f}'
