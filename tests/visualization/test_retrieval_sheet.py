"""Retrieval sheets."""

import numpy as np
import pytest

from videossl.features.clip_features import ClipFeatures
from videossl.visualization import RetrievalRow, draw_retrieval_sheet, nearest, retrieval_rows
from videossl.visualization.retrieval_sheet import LONGEST_NAME, RIGHT, UNLABELLED, WRONG, thumbnail


def rgb(colour):
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def test_neighbours_come_by_similarity_and_equal_ones_by_place():
    gallery = np.array([[0.0, 1], [1, 0], [1, 0], [0.6, 0.8]])
    places, similarities = nearest(gallery, np.array([[1.0, 0]]), k=9)
    assert places.tolist() == [[1, 2, 3, 0]] and similarities.tolist() == [[1, 1, 0.6, 0]]
    with pytest.raises(ValueError, match='k must'):
        nearest(gallery, gallery, 0)


def test_a_retrieval_sheet_frames_right_green_and_wrong_red(videos, tmp_path):
    row = RetrievalRow(
        str(videos / 'a.mp4'),
        'run',
        [str(videos / 'b.mp4'), str(tmp_path / 'gone.mp4')],
        ['run', 'sit'],
        [True, False],
        [0.9, 0.5],
    )
    figure = draw_retrieval_sheet([row, row, row], 'title')
    pictures = [axes.images[0].get_array() for axes in figure.axes]
    assert len(pictures) == 9
    for number in range(3):
        assert pictures[3 * number + 1][0, 0].tolist() == rgb(RIGHT)
        assert pictures[3 * number + 2][0, 0].tolist() == rgb(WRONG)
    assert [axes.get_title() for axes in figure.axes[:3]] == ['query: run', 'run\n0.9000', 'sit\n0.5000']
    middle = pictures[0][30:70, 30:70]
    assert np.abs(middle - 4.0 * 30).max() < 4  # the frame in the middle of 60, each four times its number
    with pytest.raises(ValueError, match='no queries'):
        draw_retrieval_sheet([])


def test_a_thumbnail_keeps_the_shape_and_marks_a_video_that_cannot_be_read(tmp_path):
    (tmp_path / 'broken.mp4').write_text('no video')
    cross = thumbnail(tmp_path / 'broken.mp4', 64)
    assert cross.shape == (64, 64, 3) and cross[2, 32, 0] == 190 and cross[32, 32, 0] == 90


def test_the_retrieval_tool_leaves_unreadable_videos_out_of_the_rows(
    features_file, analysis_tool, videos, tmp_path, read_picture
):
    tool = analysis_tool('retrieval_sheet')
    train = features_file(tmp_path / 'train.npz', [0, 1, 0, 1], ['b.mp4'], [False, True, True, True])
    test = features_file(tmp_path / 'test.npz', [1, 0, 1], ['a.mp4'], [True, True, False])
    arguments = [
        train,
        test,
        '--data-root',
        str(videos),
        '--k',
        '3',
        '--queries-shown',
        '9',
        '--out',
        str(tmp_path / 'out.png'),
    ]
    rows = retrieval_rows(ClipFeatures.load(train), ClipFeatures.load(test), str(videos), ['run', 'sit'], shown=9, k=3)
    assert [row.query_class for row in rows] == ['sit', 'run']
    assert [row.right for row in rows] == [[True, True, False], [True, False, False]]
    assert rows[0].neighbour_classes == ['sit', 'sit', 'run']
    tool.main(arguments)
    assert read_picture(tmp_path / 'out.png').std() > 0


def test_without_labels_the_frames_are_neutral_and_the_videos_go_by_their_names(
    features_file, analysis_tool, videos, tmp_path, monkeypatch
):
    paths = {name: features_file(tmp_path / f'{name}.npz', [0, 1, 0], ['a.mp4', 'b.mp4']) for name in ('train', 'test')}
    for path in paths.values():
        features = ClipFeatures.load(path)
        features.labels = None
        features.save(path)
    train, test = map(ClipFeatures.load, paths.values())
    rows = retrieval_rows(train, test, str(videos), ['run', 'sit'], k=2)
    assert [row.query_class for row in rows] == ['a', 'b', 'a']
    assert [row.right for row in rows] == [[None, None]] * 3
    assert rows[0].neighbours == [str(videos / 'a.mp4')] * 2 and rows[0].neighbour_classes == ['a', 'a']

    tool, drawn = analysis_tool('retrieval_sheet'), []
    monkeypatch.setattr(
        tool, 'draw_retrieval_sheet', lambda *args: drawn.append((args[1], draw_retrieval_sheet(*args))) or drawn[0][1]
    )
    tool.main([*paths.values(), '--data-root', str(videos), '--k', '2', '--out', str(tmp_path / 'out.png')])
    ((title, figure),) = drawn
    assert title.splitlines()[0] == 'nearest of 3 videos by cosine'
    colours = [axes.images[0].get_array()[0, 0].tolist() for axes in figure.axes]
    assert [colour for number, colour in enumerate(colours) if number % 3] == [rgb(UNLABELLED)] * 6
    assert [axes.get_title() for axes in figure.axes[:2]] == ['query: a', 'a\n1.0000']


def test_with_labels_on_one_side_alone_nothing_is_right_or_wrong():
    features = np.eye(2)[:, None]
    test = ClipFeatures(features, None, ['a video of a very long name 17.mp4', 'b.mp4'], [True, True], {})
    train = ClipFeatures(features, [0, 1], ['c.mp4', 'd.mp4'], [True, True], {})
    rows = retrieval_rows(train, test, class_names=['run', 'sit'], k=1)
    assert [(row.query_class, row.neighbour_classes, row.right) for row in rows] == [
        ('a video ...name 17', ['run'], [None]),
        ('b', ['sit'], [None]),
    ]
    assert len(rows[0].query_class) == LONGEST_NAME
    with pytest.raises(ValueError, match='3 channels'):
        retrieval_rows(ClipFeatures(np.ones((1, 1, 3)), None, ['c.mp4'], [True], {}), test)
