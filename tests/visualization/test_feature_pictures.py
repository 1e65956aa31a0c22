"""Maps of embeddings, retrieval sheets, confusion matrices and the plot of several runs."""

import json
import pickle
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from videossl.features.clip_features import ClipFeatures
from videossl.visualization import (
    RetrievalRow,
    count_confusions,
    draw_confusion_matrix,
    draw_embedding_map,
    draw_retrieval_sheet,
    embed_in_plane,
    find_runs,
    nearest,
)
from videossl.visualization.retrieval_sheet import RIGHT, WRONG, thumbnail


def rgb(colour):
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def two_clouds(count=20):
    generator = np.random.default_rng(0)
    labels = np.arange(count) % 2
    return (generator.normal(size=(count, 5)) * 0.1 + labels[:, None] * 10).astype(np.float32), labels


def test_near_features_are_near_in_the_map_and_a_seed_gives_one_map():
    features, labels = two_clouds()
    points = embed_in_plane(features, seed=3)
    assert points.shape == (20, 2) and np.array_equal(points, embed_in_plane(features, seed=3))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2) + np.eye(20) * 1e9
    assert (labels[distances.argmin(1)] == labels).all()


@pytest.mark.parametrize(
    ('features', 'message'),
    [(np.zeros((3, 5)), 'at least 4'), (np.zeros(5), 'at least 4'), (np.full((9, 2), np.nan), 'not a number')],
)
def test_features_without_a_map_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        embed_in_plane(features)


def test_the_legend_names_each_class_there_is_and_many_classes_have_none(pixels):
    figure = draw_embedding_map(np.random.rand(6, 2), np.array([0, 0, 2, 2, 5, 5]), ['run', 'jump', 'sit'])
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ['run', 'sit', '5']
    many = draw_embedding_map(np.random.rand(30, 2), np.arange(30))
    assert many.axes[0].get_legend() is None and pixels(many).std() > 0
    with pytest.raises(ValueError, match='5 labels'):
        draw_embedding_map(np.zeros((6, 2)), np.zeros(5))


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


def features_file(path, labels, videos, readable=None):
    count = len(labels)
    features = np.zeros((count, 2, 4), dtype=np.float32)
    features[np.arange(count), :, labels] = 1
    readable = np.ones(count, bool) if readable is None else np.array(readable)
    features[~readable] = 0
    ClipFeatures(
        features,
        np.array(labels),
        [videos[number % len(videos)] for number in range(count)],
        readable,
        dict(split='list.txt'),
    ).save(path)
    return str(path)


def test_the_retrieval_tool_leaves_unreadable_videos_out_of_the_rows(analysis_tool, videos, tmp_path, read_picture):
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
    rows = tool.retrieval_rows(
        ClipFeatures.load(train), ClipFeatures.load(test), tool.parse_args(arguments), ['run', 'sit']
    )
    assert [row.query_class for row in rows] == ['sit', 'run']
    assert [row.right for row in rows] == [[True, True, False], [True, False, False]]
    assert rows[0].neighbour_classes == ['sit', 'sit', 'run']
    tool.main(arguments)
    assert read_picture(tmp_path / 'out.png').std() > 0


def test_the_map_tool_leaves_unreadable_videos_out_and_says_so(analysis_tool, tmp_path, capsys, read_picture):
    path = features_file(tmp_path / 'train.npz', [0, 1, 2, 3, 0, 1], ['b.mp4'], [True] * 5 + [False])
    analysis_tool('plot_embeddings').main([path, '--out', str(tmp_path / 'map.png')])
    assert 'map of 5 videos' in capsys.readouterr().out and read_picture(tmp_path / 'map.png').std() > 0


def test_confusions_are_counted_by_hand():
    counts, unreadable = count_confusions([0, 0, 1, 2, 3, -1], [0, 1, 1, 0, 2, 2], num_classes=3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]] and unreadable == 2
    figure = draw_confusion_matrix(counts, ['run', 'jump', 'sit'], unreadable)
    texts = {
        (round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in figure.axes[0].texts
    }
    assert texts == {(0, 0): '1', (0, 1): '1', (1, 1): '1', (2, 0): '1'}
    assert figure.axes[0].get_title() == '2 of 6 right (33.3%); 2 could not be read: wrong, and in no row'
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ['run', 'jump', 'sit']


@pytest.mark.parametrize(('labels', 'predictions'), [([], []), ([0], [0, 1]), ([0], [3]), ([0], [-1])])
def test_predictions_that_are_none_are_refused(labels, predictions):
    with pytest.raises(ValueError, match='prediction'):
        count_confusions(labels, predictions, num_classes=3)


def test_the_confusion_tool_reads_what_the_test_dumps(analysis_tool, tmp_path, read_picture):
    samples = [dict(pred_score=torch.tensor([0.1, 0.9]), gt_label=torch.tensor([1])) for _ in range(3)]
    (tmp_path / 'predictions.pkl').write_bytes(pickle.dumps(samples))
    tool = analysis_tool('confusion_matrix')
    tool.main([str(tmp_path / 'predictions.pkl'), '--out', str(tmp_path / 'out.png')])
    assert read_picture(tmp_path / 'out.png').std() > 0
    (tmp_path / 'other.pkl').write_bytes(pickle.dumps([dict(score=1)]))
    with pytest.raises(ValueError, match='no predictions'):
        tool.main([str(tmp_path / 'other.pkl'), '--out', str(tmp_path / 'out.png')])


@pytest.fixture
def run_folders(tmp_path):
    for name in ('recipe/aux', 'recipe/vspp', 'other/vspp'):
        folder = tmp_path / name / '20250101_120000' / 'vis_data'
        folder.mkdir(parents=True)
        entries = [dict(loss=1.0 / step, acc_speed=0.1 * step, step=step) for step in (1, 2)]
        (folder / 'scalars.json').write_text(''.join(json.dumps(entry) + '\n' for entry in entries))
    return tmp_path


def test_runs_are_found_and_named(run_folders):
    recipe, other = str(run_folders / 'recipe'), str(run_folders / 'other' / 'vspp')
    assert list(find_runs([recipe])) == ['aux', 'vspp']
    assert list(find_runs([recipe, other])) == ['aux', 'recipe/vspp', 'other/vspp']
    assert list(find_runs([f'mine={other}', f'all={recipe}'])) == ['mine', 'all/aux', 'all/vspp']
    with pytest.raises(ValueError, match='holds no run'):
        find_runs([str(run_folders / 'missing')])
    with pytest.raises(ValueError, match='several runs are called other/vspp'):
        find_runs([other, other])


def test_the_curve_tool_draws_a_panel_for_each_quantity(analysis_tool, run_folders, read_picture):
    tool, out = analysis_tool('plot_curves'), str(run_folders / 'curves.png')
    widths = []
    for keys in ([], ['--keys', 'loss', 'acc_speed', '--chance', 'acc_speed=0.25']):
        tool.main([str(run_folders / 'recipe'), '--out', out, *keys])
        widths.append(read_picture(out).shape[1])
    assert widths[1] == 2 * widths[0]
    with pytest.raises(ValueError, match='no run logged acc_sped; they have'):
        tool.main([str(run_folders / 'recipe'), '--out', out, '--keys', 'acc_sped'])
    with pytest.raises(ValueError, match='--chance acc_speed'):
        tool.main([str(run_folders / 'recipe'), '--out', out, '--chance', 'acc_speed'])


def test_titles_name_checkpoint_and_pooling(analysis_tool, tmp_path, monkeypatch, videos):
    path = features_file(tmp_path / 'set.npz', [0, 1, 2, 3, 0, 1], ['b.mp4'])
    features = ClipFeatures.load(path)
    features.protocol.update(checkpoint='/home/me/vspp/epoch_20.pth', pooling='max')
    features.save(path)
    for name, drawn, arguments in (
        ('plot_embeddings', 'draw_embedding_map', [path]),
        ('retrieval_sheet', 'draw_retrieval_sheet', [path, path, '--data-root', str(videos)]),
    ):
        module, titles = analysis_tool(name), []
        monkeypatch.setattr(
            module, drawn, lambda *args, draw=getattr(module, drawn): titles.append(args[-1]) or draw(*args)
        )
        module.main([*arguments, '--out', str(tmp_path / 'picture.png')])
        assert titles[0].splitlines()[1] == 'vspp/epoch_20.pth, max pooling'


@pytest.mark.parametrize(
    ('name', 'arguments', 'words'),
    [
        ('browse_clips', ['gone.py'], 'gone.py'),
        ('cam', ['gone.py', 'gone.pth', '--videos', 'a.mp4', '--out', 'out'], 'gone.py'),
        ('plot_curves', ['gone'], 'holds no run'),
        ('confusion_matrix', ['gone.pkl'], 'gone.pkl'),
        ('confusion_matrix', ['wrong.pkl'], 'holds no predictions'),
        ('plot_embeddings', ['gone.npz'], 'gone.npz'),
        ('plot_embeddings', ['wrong.npz'], 'wrong.npz'),
        ('retrieval_sheet', ['wrong.npz', 'wrong.npz'], 'wrong.npz'),
    ],
)
def test_an_error_of_the_user_is_one_line_without_traceback(name, arguments, words, tmp_path, monkeypatch, capsys):
    script = Path(__file__).parents[2] / 'tools' / 'analysis' / f'{name}.py'
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('VIDEOSSL_DEBUG', raising=False)
    for wrong in ('wrong.pkl', 'wrong.npz'):
        Path(wrong).write_text('something else')
    monkeypatch.setattr(sys, 'argv', [str(script), *arguments])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(script), run_name='__main__')
    printed = capsys.readouterr().err.splitlines()
    assert stop.value.code == 1 and len(printed) == 2, printed  # the error, and how to see where it was raised
    assert printed[0].startswith('error: ') and words in printed[0]
