"""Measured motion in a pipeline: optional, said once where it is missing, and the place of a crop."""

import numpy as np
import pytest

from videossl.datasets import EachClip, LoadMotion, MotionCrop
from videossl.datasets.motion_store import Motion, MotionStore
from videossl.datasets.transforms.motion import draw_start, say_that_draws_are_uniform


@pytest.fixture
def messages(logged):
    """What is logged, as in a process that has said nothing yet."""
    say_that_draws_are_uniform.cache_clear()
    return logged


def in_cell(row, column, num_maps=5) -> Motion:
    """Motion in one of 4x4 cells only."""
    maps = np.zeros((num_maps, 4, 4), np.float32)
    maps[:, row, column] = 4
    return Motion(maps, every=2, total_frames=2 * num_maps)


# --------------------------------------------------------------------------------------------------------------- loading
def test_without_the_file_nothing_is_written_and_the_log_says_so_once(tmp_path, messages):
    for _ in range(2):
        transform = LoadMotion(str(tmp_path / 'none.sqlite'))
        for _ in range(3):
            assert set(transform(dict(filename='one.mp4', total_frames=10))) == {'filename', 'total_frames'}
    assert len(messages) == 1 and 'drawn uniformly' in messages[0].getMessage()


def test_with_the_file_a_video_has_its_motion_and_others_are_drawn_uniformly(tmp_path, messages):
    store = MotionStore(tmp_path / 'set.sqlite')
    store.create(2, (4, 4))
    store.write('one.mp4', in_cell(1, 2))
    transform = LoadMotion(str(tmp_path / 'set.sqlite'))
    found = transform(dict(filename='/data/one.mp4', total_frames=10))['motion']
    np.testing.assert_array_equal(found.maps, in_cell(1, 2).maps)
    assert messages == []
    for _ in range(2):
        assert 'motion' not in transform(dict(filename='/data/two.mp4', total_frames=10))
        assert 'motion' not in transform(dict(filename='/data/one.mp4', total_frames=11))
    first, second = (message.getMessage() for message in messages)
    assert 'lacks some videos' in first and 'is of other videos' in second


# --------------------------------------------------------------------------------------------------------------- starts
def test_a_start_is_as_likely_as_the_motion_of_its_stretch():
    np.random.seed(0)
    motion = Motion(np.arange(10, dtype=np.float32).reshape(10, 1, 1), every=1, total_frames=10)
    starts, draws = np.array([0, 3, 7]), 6000
    weights = np.array([0 + 1 + 2, 3 + 4 + 5, 7 + 8 + 9])
    counts = np.array(
        [
            sum(draw == start for draw in drawn)
            for drawn in [[draw_start(starts, 3, motion) for _ in range(draws)]]
            for start in starts
        ]
    )
    expected = draws * weights / weights.sum()
    assert (np.abs(counts - expected) < 4.5 * np.sqrt(expected)).all()


def test_without_motion_a_start_is_one_call_of_randint():
    for motion in (None, Motion(np.zeros((10, 1, 1), np.float32), 1, 10)):
        np.random.seed(5)
        expected = [np.random.randint(7) for _ in range(20)]
        np.random.seed(5)
        assert [draw_start(np.arange(7), 4, motion) for _ in range(20)] == expected


# ---------------------------------------------------------------------------------------------------------------- crops
def pictures(num_clips=2, height=40, width=80):
    """Pixels say where they come from."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[..., 0], frame[..., 1] = np.arange(width), np.arange(height)[:, None]
    return dict(
        imgs=[frame.copy() for _ in range(num_clips)],
        num_clips=num_clips,
        clip_len=1,
        original_shape=(height, width),
        frame_inds=np.arange(num_clips),
    )


@pytest.mark.parametrize('row, column, corner', [(0, 0, (0, 0)), (3, 3, (60, 20)), (1, 2, None)])
def test_the_crop_is_the_square_with_the_most_motion(row, column, corner):
    np.random.seed(0)
    results = EachClip([MotionCrop(size=20)], groups=[[0, 1]])(dict(pictures(), motion=in_cell(row, column)))
    first, second = ((int(img[0, 0, 0]), int(img[0, 0, 1])) for img in results['imgs'])
    assert first == second and results['img_shape'] == (20, 20)
    # A cell has 20x10 pixels; the square contains it.
    assert first[0] - 1 <= 20 * column <= first[0] + 1
    assert first[1] <= 10 * row and 10 * (row + 1) <= first[1] + 20
    x, y, right, bottom = results['clip_geometry'][0]['crop_box']
    assert np.allclose((x, y, right - x, bottom - y), (*first, 20, 20))
    if corner is not None:
        assert np.abs(np.subtract(first, corner)).max() <= 10


def test_each_clip_that_is_cropped_by_itself_follows_its_own_frames():
    maps = np.concatenate([in_cell(0, 0, 2).maps, in_cell(3, 3, 2).maps])
    sample = dict(pictures(), motion=Motion(maps, 2, 8), frame_inds=np.array([1, 7]) + 3, start_index=3)
    results = EachClip([MotionCrop(size=20)])(sample)
    assert results['imgs'][0][0, 0, 0] < 20 < 50 < results['imgs'][1][0, 0, 0]
    assert results['frame_inds'].tolist() == [4, 10]


@pytest.mark.parametrize('motion', [None, Motion(np.ones((4, 4, 4), np.float32), 2, 8)])
def test_without_motion_or_with_the_same_everywhere_the_crop_is_random(motion):
    np.random.seed(0)
    extra = {} if motion is None else dict(motion=motion)
    corners = {int(EachClip([MotionCrop(size=20)])(dict(pictures(1), **extra))['imgs'][0][0, 0, 0]) for _ in range(60)}
    assert len(corners) > 20
