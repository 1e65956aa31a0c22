"""Files of stored parsing: what goes in comes out, and what is broken is named."""

import json
import zipfile

import numpy as np
import pytest

from videossl.datasets.parsing_store import (
    ParsingInfo,
    ParsingStoreError,
    dequantise,
    map_path,
    quantise,
    read_map,
    verify,
    write_parsing,
)

INFO = ParsingInfo(
    class_names=('Background', 'Left-arm', 'Right-arm'),
    left_right_pairs=((1, 2),),
    every=4,
    total_frames=11,
    original_size=(48, 64),
    side=6,
    teacher='a net',
)


def maps_for(info=INFO, seed=0):
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 4, (len(info.frames), len(info.class_names), 6, 8))
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / 'a' / 'video.mp4.npz'
    maps = maps_for()
    write_parsing(path, zip(INFO.frames, maps), INFO)
    return path, maps


def test_a_map_comes_back_to_within_half_a_step_and_so_do_its_probabilities(stored):
    path, maps = stored
    for frame, expected in zip((0, 4, 8), maps):
        found, info = read_map(path, frame)
        assert info == INFO and found.dtype == np.float32 and found.shape == expected.shape
        reachable = np.maximum(expected, -255 / 16)
        assert np.abs(found - reachable).max() <= 1 / 32 + 1e-6
        probabilities = np.exp(found) / np.exp(found).sum(0)
        assert np.abs(probabilities - np.exp(expected)).max() < 0.02


def test_the_steps_reach_from_certainty_to_one_in_eight_million():
    values = np.array([0, -1 / 16, -255 / 16, -100, -np.inf])
    assert quantise(values).tolist() == [0, 1, 255, 255, 255]
    assert dequantise(quantise(values)).tolist() == [0, -1 / 16, -255 / 16, -255 / 16, -255 / 16]
    assert 1.1e-7 < np.exp(-255 / 16) < 1.3e-7


@pytest.mark.parametrize(('frame', 'nearest'), [(0, 0), (1, 0), (2, 0), (3, 4), (4, 4), (7, 8), (10, 8)])
def test_the_nearest_stored_frame_is_read_the_earlier_of_two(stored, frame, nearest):
    path, maps = stored
    assert INFO.nearest(frame) == nearest
    np.testing.assert_array_equal(read_map(path, frame)[0], dequantise(quantise(maps[nearest // 4])))


def test_paths_do_not_collide():
    videos = ['a/b.mp4', 'a/b.avi', 'b.mp4', 'a/b', 'a.b.mp4', 'a/b.mp4.npz']
    paths = [map_path('maps', video).as_posix() for video in videos]
    assert paths == [f'maps/{video}.npz' for video in videos] and len(set(paths)) == len(paths)


@pytest.mark.parametrize('video', ['/abs/a.mp4', '../a.mp4', 'a/../../b.mp4', ''])
def test_a_path_that_leads_out_of_the_folder_is_refused(video):
    with pytest.raises(ValueError, match='no path below the folder'):
        map_path('maps', video)


def test_the_maps_may_come_one_by_one_and_a_failure_leaves_no_file(tmp_path):
    path = tmp_path / 'v.mp4.npz'

    def fails():
        yield 0, maps_for()[0]
        assert not path.exists(), 'the file has its name before it is whole'
        raise RuntimeError('the video ends early')

    with pytest.raises(RuntimeError, match='ends early'):
        write_parsing(path, fails(), INFO)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_file_of_before(stored):
    path, _ = stored
    before = path.read_bytes()
    with pytest.raises(ValueError):
        write_parsing(path, [], INFO)
    assert path.read_bytes() == before and [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ('frames', 'message'),
    [([0, 4], 'frame 8 is missing'), ([0, 8], 'frame 8 does not belong'), ([0, 4, 8, 12], 'frame 12 does not belong')],
)
def test_other_frames_than_the_information_says_are_refused(tmp_path, frames, message):
    with pytest.raises(ValueError, match=message):
        write_parsing(tmp_path / 'v.npz', ((frame, maps_for()[0]) for frame in frames), INFO)


def test_another_number_of_classes_is_refused(tmp_path):
    with pytest.raises(ValueError, match='frame 0 has 2 classes instead of 3'):
        write_parsing(tmp_path / 'v.npz', zip(INFO.frames, maps_for()[:, :2]), INFO)


def test_a_whole_file_is_verified(stored):
    assert verify(stored[0]) == INFO


@pytest.mark.parametrize('length', [0, 1, 100, -1, -30])
@pytest.mark.parametrize('read', [verify, lambda path: read_map(path, 4)])
def test_a_file_that_is_cut_off_is_named_with_the_way_to_make_it(stored, length, read):
    path, _ = stored
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ParsingStoreError, match=r'video\.mp4\.npz is cut off.*videossl parsing'):
        read(path)


def test_flipped_bits_are_found(stored):
    path, _ = stored
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo('frame_000004.npy').header_offset + 100
    content[place] ^= 0xFF
    path.write_bytes(bytes(content))
    for read in (verify, lambda path: read_map(path, 4)):
        with pytest.raises(ParsingStoreError, match='damaged'):
            read(path)
    read_map(path, 0)  # another frame's map is as it was


def rewrite(path, **changes):
    """The same file with other information, or without a frame."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    record = json.loads(members['info.npy'][members['info.npy'].index(b'{"format') :])
    record.update(changes)
    content = np.frombuffer(json.dumps(record).encode(), dtype=np.uint8)
    with zipfile.ZipFile(path, 'w') as archive:
        for name, data in members.items():
            with archive.open(name, 'w') as file:
                np.lib.format.write_array(file, content) if name == 'info.npy' else file.write(data)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(version=2), 'version 2, and this is version 1'),
        (dict(format='something else'), 'no stored parsing'),
        (dict(colour='red'), 'colour'),
    ],
)
def test_a_file_of_another_kind_is_named(stored, changes, message):
    rewrite(stored[0], **changes)
    with pytest.raises(ParsingStoreError, match=message):
        verify(stored[0])


def test_a_frame_that_is_missing_is_found(stored):
    rewrite(stored[0], total_frames=13)
    with pytest.raises(ParsingStoreError, match='frame_000012.npy is missing'):
        verify(stored[0])


@pytest.mark.parametrize('content', [b'no zip at all', b'PK\x03\x04 almost'])
def test_a_foreign_file_is_named(tmp_path, content):
    path = tmp_path / 'foreign.npz'
    path.write_bytes(content)
    with pytest.raises(ParsingStoreError, match='foreign.npz'):
        read_map(path, 0)
    np.savez(path, bits=np.zeros(3))
    with pytest.raises(ParsingStoreError, match='foreign.npz'):
        read_map(path, 0)


def test_a_missing_file_is_named_with_the_way_to_make_it(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.npz.*videossl parsing'):
        read_map(tmp_path / 'nowhere.npz', 0)
