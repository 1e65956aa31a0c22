import math

import pytest

from videossl.visualization.charts import CEILING, COLOURS, Curve, Estimate, dash_of, thinned


def test_long_curves_are_thinned_evenly_with_both_ends_and_without_what_is_not_finite():
    values = [float(number) for number in range(10_001)]
    values[5] = math.nan
    x, y = thinned(range(10_001), values, most=11)
    assert x == y and (x[0], x[-1], len(x)) == (0, 10_000, 11)
    assert all(abs(later - earlier - 1000) <= 1 for earlier, later in zip(x, x[1:]))
    assert thinned([1, 2, 3], [0.5, math.inf, 0.25]) == ([1, 3], [0.5, 0.25])


def test_curves_of_one_colour_differ_in_their_dashes():
    assert dash_of(0) == dash_of(len(COLOURS) - 1) != dash_of(len(COLOURS))


def test_charts_hold_their_values_levels_and_intervals():
    pytest.importorskip('bokeh', reason='charts need bokeh: pip install "bokeh>=3.9"')
    from videossl.visualization.charts import draw_curves, draw_estimates, draw_few_labels

    def columns(figure):
        return [dict(renderer.data_source.data) for renderer in figure.renderers]

    curves = draw_curves(
        'acc', [Curve('a', [20], [0.25]), Curve('b', [20, 40], [0.5, 1.0])], [('at most', 0.8125, CEILING)]
    )
    assert [data['y'] for data in columns(curves)] == [[0.25], [0.5, 1.0], [0.8125, 0.8125]]
    assert curves.title.text == 'acc; dashed: at most 0.8125'
    rows = [Estimate('x', 50.0, 40.0, 60.0, [45.0, 55.0]), Estimate('y', 20.0)]
    interval, points, single, guessing = columns(draw_estimates('probe', rows, 12.5))
    assert interval == dict(name=['x'], low=[40.0], high=[60.0])
    assert points['value'] == [50.0, 20.0] and points['interval'] == ['40.0 to 60.0', 'none']
    assert single['value'] == [45.0, 55.0] and guessing['x'] == [12.5, 12.5]
    wide = columns(draw_estimates('two seeds', [Estimate('x', 50.0, -40.0, 140.0)]))[0]
    assert (wide['low'], wide['high']) == ([0], [100])
    few = columns(
        draw_few_labels('few', ['1', 'all'], [[Estimate('x', 30.0, 20.0, 40.0), Estimate('x', 50.0, place=1)]], 12.5)
    )
    assert few[0]['y'] == [30.0, 50.0] and few[2] == dict(x=[0.0], low=[20.0], high=[40.0])


@pytest.mark.parametrize(('number', 'most'), [(1, 400), (10, 400), (30, 133), (200, 50)])
def test_many_curves_have_fewer_points_each_and_each_name_is_kept_once(number, most):
    pytest.importorskip('bokeh', reason='charts need bokeh: pip install "bokeh>=3.9"')
    from videossl.visualization.charts import draw_curves

    steps = list(range(1000))
    figure = draw_curves(
        'loss', [Curve(f'run {place}', steps, steps) for place in range(number)], [('least', 0.5, CEILING)]
    )
    assert [line.name for line in figure.renderers] == [f'run {place}' for place in range(number)] + ['least']
    for line in figure.renderers[:-1]:
        data = line.data_source.data
        assert set(data) == {'x', 'y'} and len(data['x']) == most and data['x'][-1] == 999
    (tool,) = (tool for tool in figure.tools if type(tool).__name__ == 'HoverTool')
    assert tool.tooltips[0] == ('', '$name')  # the line's
