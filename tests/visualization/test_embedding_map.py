"""Maps of embeddings."""

import numpy as np
import pytest

from videossl.visualization import draw_embedding_map, embed_in_plane


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


def test_the_map_tool_leaves_unreadable_videos_out_and_says_so(
    features_file, analysis_tool, tmp_path, capsys, read_picture
):
    path = features_file(tmp_path / 'train.npz', [0, 1, 2, 3, 0, 1], ['b.mp4'], [True] * 5 + [False])
    analysis_tool('plot_embeddings').main([path, '--out', str(tmp_path / 'map.png')])
    assert 'map of 5 videos' in capsys.readouterr().out and read_picture(tmp_path / 'map.png').std() > 0
