"""Frames by their numbers are those of a plain decoding of the whole file, in every format."""

import ctypes
import gc
import os
import struct
import sys
import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from videossl.datasets.readers import PyAVReader, frame_table, pyav_reader

FRAMES, SIZE = 50, 64


def pictures(count=FRAMES, width=SIZE, height=SIZE):
    """Blocks that change slowly, so that encoders refer to other frames; every frame differs from every other."""
    generator = np.random.default_rng(0)
    blocks = (
        np.stack(
            [
                np.roll(generator.integers(0, 256, (1, 8, 8, 3), dtype=np.uint8).repeat(7, axis=0), 1, axis=1)
                for _ in range(-(-count // 7))
            ]
        )
        .reshape(-1, 8, 8, 3)[:count]
        .copy()
    )
    blocks[:, 0, 0] = np.arange(count)[:, None] * 5 % 256
    for index in range(count):
        blocks[index, 1 + index % 6] = 255 - blocks[index, 1 + index % 6]
    return np.ascontiguousarray(
        blocks.repeat(-(-height // 8), axis=1).repeat(-(-width // 8), axis=2)[:, :height, :width]
    )


def write(
    path,
    codec='libx264',
    options=None,
    pixels='yuv420p',
    size=(SIZE, SIZE),
    milliseconds=None,
    muxing=None,
    b_frames=None,
):
    with av.open(str(path), 'w', options=muxing or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        (stream.width, stream.height), stream.pix_fmt = size, pixels
        stream.codec_context.thread_count = 1
        if b_frames is not None:
            stream.max_b_frames = b_frames
        if milliseconds is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(pictures(width=size[0], height=size[1])):
            frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
            if milliseconds is not None:
                frame.pts, frame.time_base = int(milliseconds[index]), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_shifted(path):
    """An edit list leaves out the first frames, which others refer to."""
    write(path, options=dict(bf='2', g='50'))
    content = bytearray(path.read_bytes())
    place = content.index(b'elst') + 4 + 8  # ISO 14496-12, 8.6.6
    length, begin = struct.unpack('>II', content[place : place + 8])
    with av.open(str(path)) as container:
        step = int(1 / (25 * container.streams.video[0].time_base))
    content[place : place + 8] = struct.pack('>II', length - 7 * 40, begin + 7 * step)
    path.write_bytes(content)


def write_packed(path, ends_with_place_holder=True):
    """As XviD writes AVI files: a P and a B frame in one packet, and a frame without a picture in the next one."""
    encoded = path.with_suffix('.m4v')
    write(encoded, 'mpeg4', dict(bf='1', b_strategy='0', g='25', sc_threshold='1000000000'), b_frames=1)
    with av.open(str(encoded)) as container:
        source = container.streams.video[0]
        packets = [bytes(packet) for packet in container.demux(source) if packet.size]
        vop = b'\0\0\1\xb6'
        packets[0] = packets[0].replace(vop, b'\0\0\1\xb2DivX503b1393p' + vop, 1)
        no_picture = vop + int('010100000100'.ljust(32, '1'), 2).to_bytes(4, 'big')
        packed = []
        for content in packets:
            is_b = content[content.index(vop) + 4] >> 6 == 2
            if is_b:
                packed[-1:] = [packed[-1] + content, no_picture]
            else:
                packed.append(content)
        if not ends_with_place_holder:
            while packed[-1] == no_picture:
                packed.pop()
        with av.open(str(path), 'w') as output:
            stream = output.add_stream_from_template(source)
            for number, content in enumerate(packed):
                packet = av.Packet(content)
                packet.stream, packet.dts, packet.pts, packet.time_base = stream, number, number, Fraction(1, 25)
                packet.is_keyframe = content[content.rindex(vop) + 4] >> 6 == 0
                output.mux(packet)


UNEVEN = np.random.default_rng(1).integers(10, 200, FRAMES).cumsum()
LONG = dict(preset='medium', bf='3', g='250', b_adapt='0')
FAST = {'cpu-used': '8', 'deadline': 'realtime'}
# Name of the file: how it is written, and whether its frames are found without decoding all that is before them.
CASES = {
    'plain.mp4': (lambda path: write(path, options=dict(preset='ultrafast', g='12')), True),
    'plain.mkv': (lambda path: write(path, options=dict(preset='ultrafast', g='12')), True),
    'b_frames.mp4': (lambda path: write(path, options=LONG), True),
    'b_frames.mkv': (lambda path: write(path, options=dict(LONG, g='20')), True),
    'b_frames.avi': (lambda path: write(path, options=dict(LONG, g='20')), False),
    'b_frames.flv': (lambda path: write(path, options=dict(LONG, g='20')), True),
    'open_gop.mp4': (lambda path: write(path, options=dict(LONG, g='10', **{'x264-params': 'open-gop=1'})), True),
    'open_gop.mkv': (lambda path: write(path, options=dict(LONG, g='10', **{'x264-params': 'open-gop=1'})), True),
    'intra_refresh.mp4': (lambda path: write(path, options=dict(g='10', **{'intra-refresh': '1'})), True),
    'interlaced.mp4': (lambda path: write(path, options=dict(LONG, g='10', flags='+ildct+ilme')), True),
    'hevc.mov': (lambda path: write(path, 'libx265', {'x265-params': 'log-level=none', 'preset': 'ultrafast'}), True),
    'hevc_open_gop.mp4': (
        lambda path: write(
            path,
            'libx265',
            {
                'x265-params': 'log-level=none:keyint=10:min-keyint=10:open-gop=1:bframes=3:b-adapt=0',
                'preset': 'ultrafast',
            },
        ),
        True,
    ),
    'vp8.webm': (
        lambda path: write(path, 'libvpx', {'auto-alt-ref': '1', 'lag-in-frames': '16', 'g': '20', 'b': '200k'}),
        True,
    ),
    'vp9.webm': (
        lambda path: write(path, 'libvpx-vp9', {'auto-alt-ref': '1', 'lag-in-frames': '16', 'g': '20', **FAST}),
        True,
    ),
    'mpeg4.mp4': (lambda path: write(path, 'mpeg4'), True),
    'mpeg4_b.mp4': (lambda path: write(path, 'mpeg4', b_frames=2), True),
    'mpeg4.avi': (lambda path: write(path, 'mpeg4'), True),
    'mpeg4_b.avi': (lambda path: write(path, 'mpeg4', dict(g='12'), b_frames=2), True),
    'packed.avi': (write_packed, True),
    'packed_to_the_end.avi': (lambda path: write_packed(path, ends_with_place_holder=False), True),
    'mjpeg.avi': (lambda path: write(path, 'mjpeg', pixels='yuvj420p'), True),
    'mpeg2.mpg': (lambda path: write(path, 'mpeg2video', b_frames=2), False),
    'mpeg2.ts': (lambda path: write(path, 'mpeg2video', b_frames=2), False),
    'h264.ts': (lambda path: write(path, options=LONG), False),
    'wmv2.wmv': (lambda path: write(path, 'wmv2'), False),
    'uneven.mp4': (lambda path: write(path, options=LONG, milliseconds=UNEVEN), True),
    'uneven.mkv': (lambda path: write(path, options=LONG, milliseconds=UNEVEN), True),
    'late.mkv': (lambda path: write(path, options=LONG, milliseconds=5000 + 40 * np.arange(FRAMES)), True),
    'late.mp4': (lambda path: write(path, options=LONG, milliseconds=5000 + 40 * np.arange(FRAMES)), True),
    'shifted.mp4': (write_shifted, True),
    'fragments.mp4': (
        lambda path: write(path, options=dict(LONG, g='10'), muxing=dict(movflags='frag_keyframe+empty_moov')),
        True,
    ),
    'odd.mkv': (lambda path: write(path, 'ffv1', pixels='yuv420p', size=(101, 75)), True),
    'odd_444.mp4': (lambda path: write(path, pixels='yuv444p', size=(101, 75)), True),
    'ten_bits.mp4': (lambda path: write(path, options=LONG, pixels='yuv420p10le'), True),
}


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """path and frames of a case; each is written once."""
    folder, made = tmp_path_factory.mktemp('videos'), {}

    def video(name):
        if name not in made:
            path = folder / name
            CASES[name][0](path)
            made[name] = str(path), decoded(path)
        return made[name]

    return video


def decoded(path):
    """All frames of a file, in order."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]


def index_lists(length, number=6):
    """Sorted numbers of frames: scattered, in runs, the last one."""
    generator = np.random.default_rng(length)
    yield [length - 1]
    yield list(range(length))
    for attempt in range(number):
        count = int(generator.integers(1, length))
        start = int(generator.integers(length - count + 1))
        yield (
            np.arange(start, start + count, 1 + attempt % 5)
            if attempt % 2
            else np.sort(generator.choice(length, count // 2 + 1, replace=False))
        ).tolist()


def count_passes_over_all(reader):
    """A list that gets an entry whenever the reader falls back on decoding from the beginning."""
    calls, original = [], reader._read_from_start
    reader._read_from_start = lambda indices: calls.append(indices) or original(indices)
    return calls


@pytest.mark.parametrize('kept', [True, False], ids=['packets_kept', 'packets_read_again'])
@pytest.mark.parametrize('name', CASES)
def test_frames_are_those_of_a_plain_decoding(videos, name, kept, monkeypatch):
    if not kept:
        monkeypatch.setattr(frame_table, 'KEPT_BYTES', 0)
    path, expected = videos(name)
    assert len(expected) >= FRAMES - 8 and len({frame.tobytes() for frame in expected}) == len(expected)
    reader = PyAVReader(path)
    assert len(reader) == len(expected)
    assert (reader.table is not None) is CASES[name][1]
    calls = count_passes_over_all(reader)
    for indices in index_lists(len(expected)):
        reader._last = None  # each call on its own
        frames = reader.read_frames(indices)
        assert all(np.array_equal(expected[index], frame) for index, frame in zip(indices, frames, strict=True)), (
            indices
        )
        assert all(frame.flags.writeable for frame in frames)
        assert not any(np.shares_memory(one, other) for one, other in zip(frames, frames[1:]))
    if CASES[name][1] and name != 'intra_refresh.mp4':
        assert not calls


@pytest.mark.parametrize('name', CASES)
def test_reading_piece_by_piece_and_backwards_gives_the_same(videos, name):
    path, expected = videos(name)
    reader = PyAVReader(path)
    for start in [*range(0, len(expected), 7), 30, 10, 17, 3]:
        indices = list(range(start, min(start + 7, len(expected)), 1 + start % 2))
        frames = reader.read_frames(indices)
        assert all(np.array_equal(expected[index], frame) for index, frame in zip(indices, frames, strict=True)), start


def test_reading_piece_by_piece_decodes_each_frame_twice_at_most(videos, monkeypatch):
    path, expected = videos('b_frames.mp4')
    seen, original = [], pyav_reader._decoded
    monkeypatch.setattr(
        pyav_reader, '_decoded', lambda *arguments: (seen.append(1) or pair for pair in original(*arguments))
    )
    reader = PyAVReader(path)
    for start in range(0, len(expected), 2):
        reader.read_frames([start, start + 1])
    assert len(seen) <= 2 * len(expected)


@pytest.mark.parametrize('name, index', [('b_frames.mp4', 49), ('mpeg4_b.avi', 22), ('packed.avi', 22)])
def test_what_nobody_asked_for_and_nothing_refers_to_is_not_decoded(videos, name, index, monkeypatch):
    path, expected = videos(name)
    seen, original = [], pyav_reader._decoded
    monkeypatch.setattr(
        pyav_reader, '_decoded', lambda *arguments: (seen.append(1) or pair for pair in original(*arguments))
    )
    counts = []
    for threads in (1, 2):
        seen.clear()
        (frame,) = PyAVReader(path, num_threads=threads).read_frames([index])
        assert np.array_equal(frame, expected[index])
        counts.append(len(seen))
    assert counts[0] < 0.8 * counts[1]


def test_only_the_packets_up_to_the_last_frame_are_decoded(videos, monkeypatch):
    path, expected = videos('plain.mp4')
    seen, original = [], pyav_reader._decoded
    monkeypatch.setattr(
        pyav_reader, '_decoded', lambda *arguments: (seen.append(1) or pair for pair in original(*arguments))
    )
    frames = PyAVReader(path).read_frames([26, 40])  # key frames every 12
    assert len(seen) == (26 - 24 + 1) + (40 - 36 + 1)
    assert np.array_equal(frames[0], expected[26]) and np.array_equal(frames[1], expected[40])


def test_an_index_that_promises_other_times_than_the_packets_have_is_not_believed(videos, monkeypatch):
    path, expected = videos('plain.mp4')
    reader = PyAVReader(path)
    assert reader.table.is_guess
    reader.table.when = reader.table.when + 1
    assert np.array_equal(reader.read_frames([33])[0], expected[33])
    assert not reader.table.is_guess
    reader = PyAVReader(path)
    reader.table.when = reader.table.when + 1
    reader.length += 1
    with pytest.raises(ValueError, match='50 frames, but its index 51'):
        reader.read_frames([33])


def test_a_file_that_is_cut_off_gives_its_first_frames_and_an_error_for_others(tmp_path):
    path = tmp_path / 'cut.mp4'
    write(path, options=dict(preset='ultrafast', g='12'), muxing=dict(movflags='faststart'))
    expected = decoded(path)
    os.truncate(path, path.stat().st_size // 2)
    reader = PyAVReader(str(path))
    assert len(reader) == FRAMES
    assert np.array_equal(reader.read_frames([5])[0], expected[5])
    for indices in ([FRAMES - 1], list(range(FRAMES))):
        with pytest.raises((ValueError, OSError)):
            reader.read_frames(indices)
    assert np.array_equal(reader.read_frames([6])[0], expected[6])


@pytest.mark.parametrize('content', [b'', b'no video\n' * 100, b'\0' * 5000])
def test_what_is_no_video_is_an_error(tmp_path, content):
    (tmp_path / 'file.mp4').write_bytes(content)
    with pytest.raises((ValueError, OSError)):
        PyAVReader(str(tmp_path / 'file.mp4'))
    with pytest.raises(FileNotFoundError):
        PyAVReader(str(tmp_path / 'missing.mp4'))


@pytest.mark.parametrize('kind', ['concat', 'hls', 'dash'])
def test_a_file_that_names_other_files_does_not_have_them_read(tmp_path, videos, kind):
    target, _ = videos('plain.mp4')
    texts = dict(
        concat=f"ffconcat version 1.0\nfile '{target}'\n",
        hls=f'#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n',
        dash='<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S">'
        '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="9"><BaseURL>plain.mp4</BaseURL>'
        '</Representation></AdaptationSet></Period></MPD>',
    )
    (tmp_path / 'play.mp4').write_text(texts[kind])
    with pytest.raises((ValueError, OSError)):
        PyAVReader(str(tmp_path / 'play.mp4'))


@pytest.mark.parametrize(
    'name', ['-i.mp4', 'two\nlines.mp4', 'file:x.mp4', 'http:x.mp4', '%03d.mp4', 'é ü.mp4', os.fsdecode(b'caf\xe9.mp4')]
)
def test_any_name_is_a_files_name(tmp_path, videos, name, monkeypatch):
    path, expected = videos('plain.mp4')
    try:
        (tmp_path / name).write_bytes(open(path, 'rb').read())
    except OSError:
        pytest.skip('this file system has no such names')
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(PyAVReader(name).read_frames([20])[0], expected[20])


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='looks into /proc')
@pytest.mark.parametrize(
    'name, threads', [('b_frames.mp4', 1), ('b_frames.mp4', 3), ('plain.mp4', 1), ('mpeg2.mpg', 1)]
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
@pytest.mark.parametrize('name', ['plain.mp4', 'b_frames.mp4', 'b_frames.mkv', 'vp9.webm', 'mpeg4_b.avi', 'mpeg2.mpg'])
def test_a_reader_leaves_no_memory_behind(videos, name, monkeypatch):
    path, _ = videos(name)
    monkeypatch.setattr(frame_table, 'KEPT_BYTES', 0)  # packets are read again, as those of large files are

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
    reader = PyAVReader(videos('plain.mp4')[0])
    reader.close()
    reader.close()
    assert reader.container is None
