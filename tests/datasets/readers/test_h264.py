import av
import numpy as np
import pytest

from videossl.datasets.readers import pyav_reader
from videossl.datasets.readers.bits import Bits
from videossl.datasets.readers.h264 import sequence_of
from videossl.datasets.readers.pyav_reader import PyAVReader

SIZES = ((64, 48), (66, 50), (170, 128), (34, 98))


def write(path, width=64, height=48, pix_fmt='yuv420p', sound=False, codec='libx264', **options):
    """20 frames of noise that moves."""
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    with av.open(str(path), 'w') as output:
        stream = output.add_stream(
            codec, rate=24, options={key.replace('_', '-'): value for key, value in options.items()}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        tone = output.add_stream('aac', rate=16000, layout='mono') if sound else None
        for shift in range(20):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(picture, 2 * shift, axis=1), format='rgb24')))
        output.mux(stream.encode())
        if sound:
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 8192), np.float32), format='fltp', layout='mono')
            samples.sample_rate = 16000
            output.mux(tone.encode(samples))
            output.mux(tone.encode())
    return str(path)


def configuration(path):
    with av.open(path) as container:
        return container.streams.video[0].codec_context.extradata


def number_of_openings(path, monkeypatch):
    calls = []
    original = av.open
    monkeypatch.setattr(pyav_reader.av, 'open', lambda *args, **kwargs: calls.append(1) or original(*args, **kwargs))
    PyAVReader(path)
    return len(calls)


def test_golomb_numbers_are_those_of_the_standards_table():
    bits = Bits(int('1 010 011 00100 00101 00110 00111 0001000 000000'.replace(' ', ''), 2).to_bytes(5, 'big'))
    assert bits.golombs(8) == list(range(8))
    with pytest.raises(ValueError):
        bits.golomb()


@pytest.mark.parametrize('width, height', SIZES)
@pytest.mark.parametrize(
    'options, delay', [(dict(bf='0'), 0), (dict(bf='2', b_pyramid='none'), 1), (dict(bf='3', b_pyramid='normal'), 2)]
)
def test_a_parameter_set_tells_size_and_delay(tmp_path, width, height, options, delay):
    path = write(tmp_path / 'video.mp4', width, height, profile='high', **options)
    assert sequence_of(configuration(path)) == (width, height, delay)


@pytest.mark.parametrize('profile', ['baseline', 'main', 'high'])
def test_profiles_differ_in_what_a_parameter_set_holds(tmp_path, profile):
    assert sequence_of(configuration(write(tmp_path / 'video.mp4', profile=profile, bf='0'))) == (64, 48, 0)


@pytest.mark.parametrize('pix_fmt', ['yuv422p', 'yuv444p'])
def test_other_colours_are_left_to_ffmpeg(tmp_path, pix_fmt):
    assert sequence_of(configuration(write(tmp_path / 'video.mp4', pix_fmt=pix_fmt))) is None


def test_a_parameter_set_that_is_cut_off_or_is_none_tells_nothing(tmp_path):
    whole = configuration(write(tmp_path / 'video.mp4'))
    end = 8 + int.from_bytes(whole[6:8], 'big')
    assert all(sequence_of(whole[:length]) is None for length in range(end))
    assert sequence_of(b'\0\0\0\1' + whole[8:]) is None
    assert sequence_of(whole[:5] + b'\xe2' + whole[6:]) is None  # two of them


@pytest.mark.parametrize(
    'options', [dict(bf='0'), dict(bf='3'), dict(sound=True)], ids=['in_order', 'out_of_order', 'sound']
)
def test_a_file_that_tells_what_it_holds_is_opened_once_and_read_as_any(tmp_path, monkeypatch, options):
    path = write(tmp_path / 'video.mp4', **options)
    assert number_of_openings(path, monkeypatch) == 1
    with av.open(path) as container:
        expected = [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]
    reader = PyAVReader(path)
    assert len(reader) == 20 and reader.avg_fps == 24
    assert all(
        np.array_equal(*pair) for pair in zip(reader.read_frames([3, 4, 11, 19]), [expected[i] for i in (3, 4, 11, 19)])
    )


@pytest.mark.parametrize(
    'changes', [dict(codec='mpeg4'), dict(pix_fmt='yuv444p')], ids=['another_codec', 'other_colours']
)
def test_a_file_that_does_not_is_opened_again_in_full(tmp_path, monkeypatch, changes):
    path = write(tmp_path / 'video.mp4', **changes)
    assert number_of_openings(path, monkeypatch) == 2
    assert len(PyAVReader(path)) == 20


def test_a_file_whose_container_says_another_size_than_its_pictures_have_is_opened_again_in_full(tmp_path, monkeypatch):
    path = tmp_path / 'video.mp4'
    write(path, 64, 48)
    content = path.read_bytes()
    place = (
        content.index(b'avc1', content.index(b'stsd')) + 4 + 24
    )  # ISO/IEC 14496-12: width and height of a VisualSampleEntry
    assert content[place : place + 4] == bytes((0, 64, 0, 48))
    path.write_bytes(content[:place] + bytes((0, 80, 0, 60)) + content[place + 4 :])
    assert number_of_openings(str(path), monkeypatch) == 2
    assert PyAVReader(str(path)).read_frames([5])[0].shape == (48, 64, 3)
