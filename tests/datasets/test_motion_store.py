"""The file of motion: what comes back of what went in, and what is refused."""

import numpy as np
import pytest

from videossl.datasets.motion_store import Motion, MotionStore, MotionStoreError


@pytest.fixture
def store(tmp_path):
    store = MotionStore(tmp_path / 'motion' / 'set.sqlite')
    store.create(every=2, grid=(2, 3))
    return store


def motion(total_frames=9, scale=1.0) -> Motion:
    maps = scale * np.arange(4 * 2 * 3, dtype=np.float32).reshape(4, 2, 3)
    return Motion(maps, every=2, total_frames=total_frames)


def test_what_is_read_is_what_was_written_but_for_rounding(store):
    store.write('a/one.mp4', motion(scale=0.1))
    found = store.read('a/one.mp4')
    assert (found.every, found.total_frames) == (2, 9) and found.maps.dtype == np.float32
    np.testing.assert_allclose(np.sqrt(found.maps), np.sqrt(motion(scale=0.1).maps), atol=1 / 32 + 1e-6)
    assert store.paths() == {'a/one.mp4'}
    assert store.read('b/one.mp4') is None


def test_a_video_is_found_below_any_folder_by_its_longest_known_ending(store):
    store.write('one.mp4', motion(9))
    store.write('a/one.mp4', motion(11))
    assert store.read('/data/set/a/one.mp4').total_frames == 11
    assert store.read('/data/set/b/one.mp4').total_frames == 9
    assert store.read('/data/set/a/none.mp4') is None


def test_names_that_are_not_utf8_are_kept(store):
    store.write('a/\udcff.mp4', motion())
    assert store.read('/data/a/\udcff.mp4') is not None and store.read('/data/a/\udcfe.mp4') is None


def test_each_frame_has_the_motion_of_its_interval_and_the_last_ones_that_of_the_last():
    np.testing.assert_allclose(motion().per_frame, np.repeat([2.5, 8.5, 14.5, 20.5, 20.5], 2)[:9])
    still = Motion(np.zeros((1, 2, 3), np.float32), every=2, total_frames=1)
    assert still.per_frame.tolist() == [0]


def test_the_map_of_a_stretch_is_the_mean_of_its_intervals():
    maps = motion().maps
    np.testing.assert_allclose(motion().map_of(2, 5), maps[1:3].mean(0))
    np.testing.assert_allclose(motion().map_of(8, 8), maps[3])
    np.testing.assert_allclose(motion().map_of(0, 8), maps.mean(0))


def test_other_settings_and_other_files_are_refused(store, tmp_path):
    store.create(every=2, grid=(2, 3))
    with pytest.raises(MotionStoreError, match='other settings'):
        store.create(every=4, grid=(2, 3))
    text = tmp_path / 'text.sqlite'
    text.write_text('not a database, but long enough to be taken for one ' * 40)
    with pytest.raises(MotionStoreError, match='text.sqlite cannot be written'):
        MotionStore(text).create(2, (2, 3))
    with pytest.raises(MotionStoreError, match='text.sqlite cannot be read'):
        MotionStore(text).read('one.mp4')
    with pytest.raises(MotionStoreError, match='videossl motion'):
        MotionStore(tmp_path / 'missing.sqlite').read('one.mp4')
