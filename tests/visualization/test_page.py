import base64
import io

import numpy as np
import pytest
from PIL import Image

from videossl.visualization.figures import new_figure
from videossl.visualization.page import (
    Code,
    Facts,
    Folded,
    Gallery,
    Section,
    Table,
    Text,
    Thumbnail,
    picture_source,
    render_page,
)


def test_columns_of_words_are_set_to_the_left_and_numbers_to_the_right():
    table = Table(['', 'what', 'value', 'may lack'], [['a', 'probe', '12.5 ± 3.1', '-'], ['b', '3 views', '-4', '+1']])
    assert table.words() == [True, True, False, False]


@pytest.mark.parametrize('kind', ['figure', 'pixels'])
def test_pictures_are_webp_within_the_page(kind):
    picture = np.zeros((6, 9, 3), dtype=np.uint8)
    picture[..., 0] = 200
    if kind == 'figure':
        picture = new_figure(0.09, 0.06)
        picture.set_facecolor('#c80000')
    head, _, data = picture_source(picture, dpi=100).partition(',')
    assert head == 'data:image/webp;base64'
    read = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert('RGB')).astype(int)
    assert read.shape == (6, 9, 3) and abs(read.mean(axis=(0, 1)) - [200, 0, 0]).max() < 12


def test_every_part_is_on_the_page_and_escaped():
    pytest.importorskip('bokeh', reason='a page needs bokeh: pip install "bokeh>=3.9"')
    parts = [
        Text('a < b'),
        Facts({'<key>': '<value>'}),
        Table(['', 'n'], [['<row>', 1]], 'A <title>', folded=True),
        Folded('more', [Code('if x < 1:\n    y')]),
        Gallery([[Thumbnail('data:,', 'a "video"', ['<class>'], 'wrong')]]),
    ]
    page = render_page('<Title>', 'sub', [Section('One & two', parts)])
    for text in (
        'a &lt; b',
        '&lt;key&gt;',
        '&lt;value&gt;',
        '&lt;row&gt;',
        'A &lt;title&gt;',
        'if x &lt; 1:\n    y',
        '&lt;class&gt;',
    ):
        assert text in page
    assert 'alt="a &#34;video&#34;"' in page and '<title>&lt;Title&gt;</title>' in page
    assert 'href="#one-two"' in page and 'id="one-two"' in page
    assert len(page) < 20_000, 'a page without charts carries no JavaScript'
