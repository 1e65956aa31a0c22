"""What a reader decodes, keeps and leaves behind. That its frames are the right ones is tested in test_conformance.py."""

import ctypes
import gc
import os
import sys
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path

import mmcv
import numpy as np
import pytest
from av import VideoFrame
from conformance import FRAMES, copy, encode, files, reference

from videossl.datasets.preparation.reencoding import Reencoding, reencode
from videossl.datasets.readers import PyAVReader, pyav_reader
from videossl.datasets.readers.decoder import Decoder
from videossl.datasets.readers.frame_index import build_index, checksum
from videossl.datasets.readers.index_store import FILE_NAME, load_index, make_store, save_index


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """path and frames of a file of the conformance suite, or of one that was compacted; each is written once."""
    folder, made = tmp_path_factory.mktemp('videos'), {}
    writers = {name: write for _, name, write in files(folder)}

    def video(name):
        if name not in made:
            path = folder / name
            if name == 'compact.mp4':
                reencode(video('mp4_h264_b.mp4')[0], str(path), Reencoding(keyframe_interval=12))
            else:
                writers[name]()
            made[name] = str(path), reference(path)
        return made[name]

    return video


@pytest.fixture
def delivered(monkeypatch):
    """How many frames decoders have delivered."""
    counter, original = Counter(), Decoder._decode

    def counting(*args, **kwargs):
        for numbered in original(*args, **kwargs):
            counter['frames'] += 1
            yield numbered

    monkeypatch.setattr(Decoder, '_decode', counting)
    return counter


@pytest.mark.parametrize('name', ['mp4_h264_b.mp4', 'avi_mpeg4_b.avi', 'compact.mp4', 'bare_h264_b.h264'])
def test_frames_have_memory_of_their_own(videos, name):
    frames = PyAVReader(videos(name)[0]).read_frames(range(0, FRAMES, 3))
    assert all(frame.flags.writeable for frame in frames)
    assert not any(np.shares_memory(one, other) for one, other in zip(frames, frames[1:]))


@pytest.mark.parametrize('name', ['mp4_h264_long.mp4', 'avi_mpeg4_b.avi', 'compact.mp4', 'bare_h264_b.h264'])
def test_reading_piece_by_piece_decodes_each_frame_twice_at_most(videos, delivered, name):
    path, expected = videos(name)
    reader = PyAVReader(path)
    delivered.clear()
    for start in range(0, len(expected), 2):
        reader.read_frames([start, start + 1])
    # Frames around a key frame, which others before it refer to, are decoded from both sides.
    assert delivered['frames'] <= 2 * len(expected)


@pytest.mark.parametrize(
    'name, index', [('mp4_h264_long.mp4', 35), ('avi_mpeg4_b.avi', 22), ('packed_mpeg4_b.avi', 22)]
)
def test_what_nobody_asked_for_and_nothing_refers_to_is_not_decoded(videos, name, index, delivered):
    path, expected = videos(name)
    counts = []
    for threads in (1, 2):
        reader = PyAVReader(path, num_threads=threads)
        delivered.clear()
        (frame,) = reader.read_frames([index])
        assert np.array_equal(frame, expected[index])
        counts.append(delivered['frames'])
    assert PyAVReader(path).index.skips and counts[0] < 0.8 * counts[1]


@pytest.mark.parametrize('name', ['mp4_h264.mp4', 'compact.mp4'])
def test_only_the_frames_from_a_key_frame_to_the_last_one_are_decoded(videos, name, delivered):
    path, expected = videos(name)
    reader = PyAVReader(path)
    keys = [max(point.frame for point in reader.index.points if point.frame <= index) for index in (2, 26)]
    assert keys[0] == 0 and 15 < keys[1] <= 26
    delivered.clear()
    frames = reader.read_frames([2, 26])
    assert delivered['frames'] == 2 - keys[0] + 1 + 26 - keys[1] + 1
    assert np.array_equal(frames[0], expected[2]) and np.array_equal(frames[1], expected[26])


def test_decoding_goes_on_across_a_key_frame_in_a_compacted_file_alone(videos, delivered):
    for name, runs in (('compact.mp4', 1), ('mp4_h264.mp4', 2)):
        reader = PyAVReader(videos(name)[0])
        key = reader.index.points[-1].frame
        assert len(reader._runs([key - 2, key - 1, key])) == runs


@pytest.mark.parametrize('name', ['mp4_h264_b.mp4', 'matrix_h264_0_-1_-1_0.mov'])
def test_frames_are_scaled_as_they_are_decoded(videos, name):
    path, expected = videos(name)
    reader = PyAVReader(path)
    assert reader.picture_shape == expected[0].shape[:2]
    for frame, index in zip(reader.read_frames([4, 20], (30, 20)), (4, 20)):
        assert np.array_equal(frame, mmcv.imresize(expected[index], (30, 20)))


# ---------------------------------------------------------------------------------------------------------- the index
@pytest.mark.parametrize('name, most', [('mp4_h264.mp4', 2.01), ('mp4_h264_b.mp4', 3)])
def test_a_file_is_decoded_twice_for_its_index_and_more_often_only_where_frames_can_be_left_out(
    videos, delivered, name, most
):
    path, expected = videos(name)
    delivered.clear()
    assert len(build_index(path).points) >= 3
    assert len(expected) < delivered['frames'] <= most * len(expected)


@pytest.mark.parametrize(
    'kind', ['mp4_h264_b.mp4', 'odd_mpeg4_b.avi', 'ten_h264_b.mp4', 'mov_mjpeg.mov', 'sizes_h264.ts']
)
def test_a_checksum_tells_frames_apart_and_depends_on_nothing_behind_the_rows(videos, kind):
    path, expected = videos(kind)
    with closing(Decoder(path)) as decoder:
        found = [checksum(frame) for _, frame in decoder.decode_start()]
    with closing(Decoder(path, num_threads=2)) as decoder:  # other memory
        assert [checksum(frame) for _, frame in decoder.decode_start()] == found
    assert len(set(found)) == len({picture.tobytes() for picture in expected}) == len(expected)


def test_a_checksum_covers_what_the_planes_mean():
    frame = VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format='rgb24')
    planes = frame.reformat(format='yuv420p')
    before = checksum(planes)
    planes.color_range = 2  # full
    assert checksum(planes) != before
    assert checksum(frame) == checksum(VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format='rgb24'))
    assert checksum(frame) != checksum(VideoFrame.from_ndarray(np.ones((16, 16, 3), np.uint8), format='rgb24'))


def test_an_index_is_made_once_and_found_again(videos, monkeypatch):
    path, expected = videos('mkv_h264_b.mkv')
    made = PyAVReader(path).index
    monkeypatch.setattr(pyav_reader, 'build_index', lambda path: pytest.fail('the index was made again'))
    found = PyAVReader(path).index
    assert np.array_equal(found.packets, made.packets) and found.points == made.points
    assert (found.size, found.rate, found.orientation) == (made.size, made.rate, made.orientation)
    assert np.array_equal(PyAVReader(path).read_frames([30])[0], expected[30])


def test_an_index_lies_beside_the_data_if_there_is_a_place_for_it_and_moves_with_it(tmp_path, monkeypatch):
    folder = tmp_path / 'data' / 'class'
    folder.mkdir(parents=True)
    path = str(encode(folder / 'video.mp4', 'h264_b'))
    assert make_store(tmp_path / 'data')
    save_index(path, build_index(path))
    assert os.listdir(tmp_path / 'data').count(FILE_NAME) == 1
    (tmp_path / 'data').rename(tmp_path / 'moved')
    assert load_index(str(tmp_path / 'moved' / 'class' / 'video.mp4')) is not None
    os.utime(tmp_path / 'moved' / 'class' / 'video.mp4', (1, 1))
    assert load_index(str(tmp_path / 'moved' / 'class' / 'video.mp4')) is None
    (tmp_path / 'moved' / FILE_NAME).write_bytes(b'no database' * 100)
    assert len(PyAVReader(str(tmp_path / 'moved' / 'class' / 'video.mp4'))) == FRAMES


def test_an_index_of_another_ffmpeg_is_not_used(videos, monkeypatch):
    path, _ = videos('mp4_h264_b.mp4')
    PyAVReader(path)
    monkeypatch.setattr('videossl.datasets.readers.index_store.VERSION', 'another')
    assert load_index(path) is None


def test_where_no_index_can_be_kept_frames_are_right_all_the_same(videos, monkeypatch, tmp_path):
    path, expected = videos('mp4_h264_b.mp4')
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('VIDEOSSL_CACHE', str(tmp_path / 'file'))
    from videossl.datasets.readers import index_store

    index_store._stores.cache_clear()
    try:
        assert np.array_equal(PyAVReader(path).read_frames([30])[0], expected[30])
    finally:
        index_store._stores.cache_clear()


@pytest.mark.parametrize('change', [dict(position=1), dict(checksum=1), dict(target=10**6)])
def test_an_index_that_contradicts_the_file_is_made_again(tmp_path, change):
    path = encode(tmp_path / 'video.mp4', 'h264')
    expected = reference(path)
    reader = PyAVReader(str(path))
    reader.index.points[:] = [point._replace(**change) for point in reader.index.points]
    assert np.array_equal(reader.read_frames([33])[0], expected[33])
    assert reader.index.points[0].checksum != 1


def test_a_file_that_has_changed_behind_the_reader_is_an_error(tmp_path):
    path = encode(tmp_path / 'video.mp4', 'h264')
    reader = PyAVReader(str(path))
    reader.index.points[:] = [point._replace(position=1) for point in reader.index.points]
    encode(path, 'mpeg4', frames=20)
    with pytest.raises(ValueError, match='20 frames, but its index 36'):
        reader.read_frames([33])


def test_the_mark_of_a_compacted_file_holds_for_that_file_alone(videos, tmp_path):
    path = Path(videos('compact.mp4')[0])
    for first, is_marked in ((0, True), (1, False), (12, False)):
        new = copy(path, tmp_path / f'{first}.mp4', first, comment=True)
        reader = PyAVReader(str(new))
        assert reader.index.continues is is_marked
        assert len(reader) == len(reference(new))


def test_a_damaged_file_is_an_error_when_it_is_opened(tmp_path):
    path = encode(tmp_path / 'cut.mp4', 'h264', muxing=dict(movflags='faststart'))
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises((ValueError, OSError), match='cut off'):
        PyAVReader(str(path))


@pytest.mark.parametrize('content', [b'', b'no video\n' * 100, b'\0' * 5000])
def test_what_is_no_video_is_an_error(tmp_path, content):
    (tmp_path / 'file.mp4').write_bytes(content)
    with pytest.raises((ValueError, OSError)):
        PyAVReader(str(tmp_path / 'file.mp4'))
    with pytest.raises(FileNotFoundError):
        PyAVReader(str(tmp_path / 'missing.mp4'))


@pytest.mark.parametrize('kind', ['concat', 'hls', 'dash'])
def test_a_file_that_names_other_files_does_not_have_them_read(tmp_path, videos, kind):
    target, _ = videos('mp4_h264.mp4')
    texts = dict(
        concat=f"ffconcat version 1.0\nfile '{target}'\n",
        hls=f'#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n',
        dash='<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S">'
        '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="9"><BaseURL>mp4_h264.mp4</BaseURL>'
        '</Representation></AdaptationSet></Period></MPD>',
    )
    (tmp_path / 'play.mp4').write_text(texts[kind])
    with pytest.raises((ValueError, OSError)):
        PyAVReader(str(tmp_path / 'play.mp4'))


@pytest.mark.parametrize(
    'name', ['-i.mp4', 'two\nlines.mp4', 'file:x.mp4', 'http:x.mp4', '%03d.mp4', 'é ü.mp4', os.fsdecode(b'caf\xe9.mp4')]
)
def test_any_name_is_a_files_name(tmp_path, videos, name, monkeypatch):
    path, expected = videos('mp4_h264.mp4')
    try:
        (tmp_path / name).write_bytes(open(path, 'rb').read())
    except OSError:
        pytest.skip('this file system has no such names')
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(PyAVReader(name).read_frames([20])[0], expected[20])


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='looks into /proc')
@pytest.mark.parametrize(
    'name, threads', [('mp4_h264_b.mp4', 1), ('mp4_h264_b.mp4', 3), ('compact.mp4', 1), ('mpg_mpeg2_b.mpg', 1)]
)
def test_a_reader_that_nobody_holds_leaves_no_file_open_and_no_thread(videos, name, threads):
    path, _ = videos(name)

    def use():
        reader = PyAVReader(path, threads)
        for indices in ([3, 20], [21, 22], [30]):  # the third call goes on where the second has stopped
            reader.read_frames(indices)

    use()
    gc.collect()
    before = len(os.listdir('/proc/self/fd')), len(os.listdir('/proc/self/task'))
    gc.disable()
    try:
        for _ in range(5):
            use()
        assert (len(os.listdir('/proc/self/fd')), len(os.listdir('/proc/self/task'))) == before
    finally:
        gc.enable()
    assert threading.active_count() < 50


class Mallinfo(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            'arena',
            'ordblks',
            'smblks',
            'hblks',
            'hblkhd',
            'usmblks',
            'fsmblks',
            'uordblks',
            'fordblks',
            'keepcost',
        )
    ]


def bytes_in_use():
    """Of this process, as the C library counts them."""
    gc.collect()
    count = ctypes.CDLL(None).mallinfo2
    count.restype = Mallinfo
    found = count()
    return found.uordblks + found.hblkhd


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), 'mallinfo2'), reason='a C library that does not count')
@pytest.mark.parametrize(
    'name', ['compact.mp4', 'mp4_h264_b.mp4', 'mkv_h264_b.mkv', 'webm_vp9.webm', 'avi_mpeg4_b.avi', 'mpg_mpeg2_b.mpg']
)
def test_a_reader_leaves_no_memory_behind(videos, name):
    path, _ = videos(name)

    def use():
        reader = PyAVReader(path)
        for indices in ([3, 20], [21, 22], [30]):
            reader.read_frames(indices)

    for _ in range(20):
        use()
    before = bytes_in_use()
    for _ in range(100):
        use()
    # An iterator of PyAV that is dropped before its end leaves 150 behind; a reader has several.
    assert (bytes_in_use() - before) / 100 < 50


def test_a_closed_reader_stays_closed(videos):
    reader = PyAVReader(videos('mp4_h264.mp4')[0])
    reader.close()
    reader.close()
    assert reader.decoder.container is None
