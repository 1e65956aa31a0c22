"""Writing a data set anew: frames and times stay, lists follow, what cannot be written is named, sources are untouched."""

import hashlib
import json
import os
import signal
import tarfile
import time
from collections import namedtuple
from fractions import Fraction

import av
import decord
import numpy as np
import pytest
from conformance import encode, reference

from videossl.apis.preparation import compact as api
from videossl.datasets import read_annotations
from videossl.datasets.preparation import reencoding
from videossl.datasets.preparation.reencoding import Reencoding, reencode, target_size
from videossl.datasets.readers import PyAVReader
from videossl.datasets.readers.shards import path_in_shard
from videossl.errors import ConfigError

FRAMES = 30


def grey_of(index):
    """The brightness that marks a frame: neighbours differ, and so do frames 1..12 apart."""
    return 40 + index * 53 % 160


def picture(index, width, height):
    """A frame that tells its number (grey below) and its corners (red at the upper left, blue at the upper right)."""
    frame = np.full((height, width, 3), grey_of(index), dtype=np.uint8)
    frame[: height // 4, : width // 4] = (220, 20, 20)
    frame[: height // 4, -(width // 4) :] = (20, 20, 220)
    return frame


def write(
    path,
    width=192,
    height=144,
    frames=FRAMES,
    codec='libx264',
    pix_fmt='yuv420p',
    options=None,
    rotation=None,
    pts=None,
    title=None,
    b_frames=None,
    full_range=False,
):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        if title is not None:
            container.metadata['title'] = title
        options = dict(dict(preset='ultrafast', g='250', threads='1') if codec == 'libx264' else {}, **(options or {}))
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        if b_frames is not None:
            stream.codec_context.max_b_frames = b_frames
        if full_range:
            stream.codec_context.color_range = 2
        if rotation is not None:
            stream.set_display_rotation(rotation)
        if pts is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(index, width, height), format='rgb24')
            frame = frame.reformat(format=pix_fmt, dst_color_range=2 if full_range else None)
            if pts is not None:
                frame.pts, frame.time_base = pts[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read(path):
    """The frames as the reader of training gives them, in order."""
    reader = decord.VideoReader(str(path), num_threads=1)
    return [reader.next().asnumpy().astype(int) for _ in range(len(reader))]


def greys(frames):
    """Brightness of each frame below its middle."""
    return np.array([np.median(frame[frame.shape[0] // 2 + 4 : -4, 4:-4]) for frame in frames])


def times(path):
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


def hashes(folder):
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob('*')
        if path.is_file()
    }


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file())


# ------------------------------------------------------------------------------------------------------------ one video
@pytest.mark.parametrize(
    ('source', 'short_side', 'expected'),
    [
        ((320, 240), 128, (170, 128)),
        ((340, 256), 128, (170, 128)),
        ((240, 320), 128, (128, 170)),
        ((1920, 1080), 128, (228, 128)),
        ((100, 80), 128, (100, 80)),  # never enlarged
        ((101, 81), 128, (100, 80)),  # even
        ((256, 256), 127, (128, 128)),
        ((480, 640), 48, (50, 66)),  # decord does not deliver a width of 48
        ((480, 640), 70, (74, 98)),
        ((48, 64), 128, (32, 42)),
        ((72, 96), 128, (64, 86)),
        ((640, 480), 48, (64, 48)),
    ],
)
def test_sizes_are_even_never_larger_and_deliverable(source, short_side, expected):
    assert target_size(*source, short_side) == expected


FORMATS = dict(
    plain=dict(name='plain.mp4'),
    b_frames=dict(name='b.mp4', options=dict(preset='medium', bf='3', b_adapt='0')),
    xvid=dict(name='xvid.avi', codec='mpeg4', b_frames=2, options=dict(qscale='2')),
    odd=dict(name='odd.mkv', width=201, height=151, pix_fmt='yuv444p'),
    ten_bits=dict(name='ten.mkv', codec='ffv1', pix_fmt='yuv420p10le'),
    ten_bits_full_range=dict(name='full.mkv', codec='ffv1', pix_fmt='yuv420p10le', full_range=True),
    four_two_two=dict(name='422.mov', pix_fmt='yuv422p'),
    full_range=dict(name='full.avi', codec='mjpeg', pix_fmt='yuvj420p', options=dict(qscale='2')),
    rgb=dict(name='rgb.mkv', codec='ffv1', pix_fmt='bgr0'),
    small=dict(
        name='small.webm', codec='libvpx', width=96, height=76, options={'deadline': 'realtime', 'cpu-used': '8'}
    ),
)


@pytest.mark.parametrize('case', FORMATS)
def test_every_frame_is_kept_in_its_place_whatever_the_format(tmp_path, case):
    case = dict(FORMATS[case])
    source = write(tmp_path / case.pop('name'), **case)
    target = tmp_path / 'out' / 'new.mp4'
    assert reencode(str(source), str(target), Reencoding()) == FRAMES
    before, after = read(source), read(target)
    assert len(after) == len(before) == FRAMES
    width, height = case.get('width', 192), case.get('height', 144)
    assert after[0].shape[:2] == target_size(width, height, 128)[::-1]
    assert np.abs(greys(after) - [grey_of(index) for index in range(FRAMES)]).max() <= 6
    assert np.abs(greys(after) - greys(before)).max() <= 4, 'brighter or darker than the reader shows the source'
    for corner in (slice(4, 12), slice(-12, -4)):
        assert np.abs(after[0][4:12, corner].mean((0, 1)) - before[0][4:12, corner].mean((0, 1))).max() < 12, (
            'other colours'
        )
    reader = decord.VideoReader(str(target), num_threads=1)
    found = greys(reader.get_batch([25, 3, 13]).asnumpy().astype(int))
    assert np.abs(found - [grey_of(index) for index in (25, 3, 13)]).max() <= 6
    with av.open(str(target)) as container:
        (stream,) = container.streams
        assert (stream.codec_context.name, stream.codec_context.pix_fmt, stream.average_rate) == ('h264', 'yuv420p', 25)
        frames = list(container.decode(stream))
    keys = [index for index, frame in enumerate(frames) if frame.key_frame]
    assert keys[0] == 0 and np.diff([*keys, FRAMES]).max() <= 12
    assert {int(frame.pict_type) for frame in frames} == {1, 2}, 'other than I and P frames'


@pytest.mark.parametrize('rotation', [90, 180, 270])
def test_turned_videos_are_stored_as_the_reader_shows_them(tmp_path, rotation):
    source = write(tmp_path / 'turned.mp4', rotation=rotation, frames=4)
    reencode(str(source), str(tmp_path / 'new.mp4'), Reencoding())
    before, after = read(source), read(tmp_path / 'new.mp4')
    assert after[0].shape == ((128, 170, 3) if rotation == 180 else (170, 128, 3))
    with av.open(str(tmp_path / 'new.mp4')) as container:
        assert next(container.decode(video=0)).rotation == 0
    for rows in (slice(4, 12), slice(-12, -4)):
        for columns in (slice(4, 12), slice(-12, -4)):
            assert np.abs(after[2][rows, columns].mean((0, 1)) - before[2][rows, columns].mean((0, 1))).max() < 12


@pytest.mark.parametrize('rotation', [None, 90])
def test_an_exact_size_is_that_of_the_upright_frames_so_that_nothing_is_left_to_scale(tmp_path, rotation):
    source = write(tmp_path / 'any.mp4', rotation=rotation, frames=4)
    reencode(str(source), str(tmp_path / 'new.mp4'), Reencoding(size=(86, 64)))
    frames = PyAVReader(str(tmp_path / 'new.mp4')).read_frames([0, 3])
    scaled = PyAVReader(str(tmp_path / 'new.mp4')).read_frames([0, 3], (86, 64))
    assert frames[0].shape == (64, 86, 3)
    assert all(np.array_equal(one, other) for one, other in zip(frames, scaled, strict=True))


def test_times_of_a_varying_frame_rate_are_kept(tmp_path):
    steps = np.random.default_rng(0).integers(10, 120, FRAMES)
    source = write(tmp_path / 'varying.mkv', pts=[int(step) for step in np.cumsum(steps) - steps[0] + 500])
    reencode(str(source), str(tmp_path / 'new.mp4'), Reencoding())
    assert np.allclose(times(tmp_path / 'new.mp4'), np.cumsum(steps) / 1000 - steps[0] / 1000, atol=1e-6)


def test_titles_that_are_no_text_do_no_harm(tmp_path):
    source = write(tmp_path / 'title.avi', codec='mpeg4', title='PLACEHOLDER')
    content = source.read_bytes()
    assert b'PLACEHOLDER' in content
    source.write_bytes(content.replace(b'PLACEHOLDER', b'\xff\xfe\xe9LACEHOLD'))
    assert reencode(str(source), str(tmp_path / 'new.mp4'), Reencoding()) == FRAMES


def test_sound_is_left_out(tmp_path):
    with av.open(str(tmp_path / 'sound.mp4'), 'w') as container:
        video, audio = container.add_stream('libx264', rate=25), container.add_stream('aac', rate=8000, layout='mono')
        video.width, video.height, video.pix_fmt = 64, 64, 'yuv420p'
        for index in range(10):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture(index, 64, 64), format='rgb24')))
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format='fltp', layout='mono')
        sound.sample_rate = 8000
        container.mux(audio.encode(sound))
        container.mux([*video.encode(), *audio.encode()])
    assert reencode(str(tmp_path / 'sound.mp4'), str(tmp_path / 'new.mp4'), Reencoding()) == 10
    with av.open(str(tmp_path / 'new.mp4')) as container:
        assert [stream.type for stream in container.streams] == ['video']


def test_what_is_written_needs_no_index(tmp_path):
    source = write(tmp_path / 'in' / 'video.avi', codec='mpeg4', b_frames=2)
    reencode(str(source), str(tmp_path / 'new.mp4'), Reencoding())
    reader = PyAVReader(str(tmp_path / 'new.mp4'))
    assert reader.index.continues and len(reader) == FRAMES
    assert all(round(greys(reader.read_frames([i]))[0] - grey_of(i)) in range(-9, 10) for i in range(0, FRAMES, 5))


@pytest.mark.parametrize('codec, b_frames', [('mpeg4', 0), ('libx264', 3)])
def test_times_of_an_avi_with_empty_slots_are_kept(tmp_path, monkeypatch, codec, b_frames):
    slots = np.arange(FRAMES) + 2 * (np.arange(FRAMES) > 10) + 5 * (np.arange(FRAMES) > 20)
    path = tmp_path / 'in' / 'video.avi'
    path.parent.mkdir()
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.max_b_frames = 192, 144, 'yuv420p', b_frames
        for index, slot in enumerate(slots):
            frame = av.VideoFrame.from_ndarray(picture(index, 192, 144), format='rgb24')
            frame.pts, frame.time_base = int(slot), Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert reencode(str(path), str(tmp_path / 'new.mp4'), Reencoding()) == FRAMES
    # A path in an archive, and one that FFmpeg would take for a URL, are read by the readers' rules.
    with tarfile.open(tmp_path / 'in' / 'videos.tar', 'w') as archive:
        archive.add(path, 'a/video.avi')
    with tarfile.open(tmp_path / 'in' / 'videos.tar') as archive:
        start = archive.getmembers()[0].offset_data
    path.with_name('data:b.avi').write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path / 'in')
    for other in (path_in_shard('videos.tar', start, path.stat().st_size, 'a/video.avi'), 'data:b.avi'):
        assert reencode(other, str(tmp_path / 'other.mp4'), Reencoding()) == FRAMES
        assert times(tmp_path / 'other.mp4') == times(tmp_path / 'new.mp4')
    found = np.round(np.array(times(tmp_path / 'new.mp4'), float) * 25).astype(int)
    if b_frames:  # an AVI has the slots in which frames are decoded, not those in which they are shown
        with av.open(str(path)) as container:
            slots = np.array([packet.dts for packet in container.demux(video=0) if packet.size])
    assert found.tolist() == slots.tolist()


@pytest.mark.parametrize('matrix', [(-1, 0, 0, 1), (0, 1, 1, 0)])
def test_mirrored_videos_are_stored_as_the_reader_shows_them(tmp_path, matrix):
    source = encode(tmp_path / 'video.mp4', 'h264', (192, 144), matrix=matrix)
    reencode(str(source), str(tmp_path / 'new.mp4'), Reencoding(short_side=144, crf=10))
    differences = np.abs(np.stack(reference(tmp_path / 'new.mp4')).astype(int) - np.stack(reference(source)))
    assert differences.mean() < 6


def test_what_was_written_is_counted_again_before_it_gets_its_name(tmp_path, monkeypatch):
    source = write(tmp_path / 'in' / 'video.mp4')
    monkeypatch.setattr(reencoding, 'mark_compact', lambda path: FRAMES - 3)
    with pytest.raises(ValueError, match='27 of 30 frames'):
        reencode(str(source), str(tmp_path / 'out' / 'new.mp4'), Reencoding())
    assert files(tmp_path / 'out') == []


# ------------------------------------------------------------------------------------------------------------ data sets
LISTS = {
    'train.txt': 'a/one.avi 3\nb/two words.mp4 0\n\nb/gone.avi 1\na/one.avi 2\n',
    'unlabelled.txt': 'a/one.avi\nb/two words.mp4\n',
    'several.txt': 'a/one.avi 3 5\nb/two words.mp4 0 1\n',
    'list.csv': 'path,label,note\n"a/one.avi",3,"x, y"\nb/two words.mp4,0,\n',
    'list.jsonl': '{"label": 3, "path": "a/one.avi", "note": "ä"}\n{"path": "b/two words.mp4", "label": 0}\n',
}
NEW_LISTS = {
    'train.txt': 'a/one.mp4 3\nb/two words.mp4 0\nb/gone.avi 1\na/one.mp4 2\n',
    'unlabelled.txt': 'a/one.mp4\nb/two words.mp4\n',
    'several.txt': 'a/one.mp4 3 5\nb/two words.mp4 0 1\n',
    'list.csv': 'path,label,note\na/one.mp4,3,"x, y"\nb/two words.mp4,0,\n',
    'list.jsonl': '{"label": 3, "path": "a/one.mp4", "note": "ä"}\n{"path": "b/two words.mp4", "label": 0}\n',
}


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """Two small videos."""
    folder = tmp_path_factory.mktemp('videos')
    write(folder / 'one.avi', codec='mpeg4', frames=14)
    write(folder / 'two.mp4', frames=12)
    return folder


@pytest.fixture
def source(tmp_path, videos):
    """A data set of two videos, with lists."""
    folder = tmp_path / 'source'
    for name, place in (('one.avi', 'a/one.avi'), ('two.mp4', 'b/two words.mp4')):
        (folder / place).parent.mkdir(parents=True)
        (folder / place).write_bytes((videos / name).read_bytes())
    for name, content in LISTS.items():
        (folder / name).write_text(content, encoding='utf-8')
    (folder / 'classes.txt').write_text('jump\nrun\n')
    (folder / 'README.txt').write_text('About these videos.\n')
    return folder


def compact(source, out, **kwargs):
    return api.compact(str(source), str(out), **dict(dict(workers=1), **kwargs))


def test_a_data_set_is_written_and_its_lists_follow(source, tmp_path, capsys):
    before = hashes(source)
    out = tmp_path / 'out'
    report = compact(source, out, workers=2)
    assert sorted(report.written) == ['a/one.avi', 'b/two words.mp4'] and not report.failed
    assert hashes(source) == before, 'the source was touched'
    assert files(out) == sorted(['a/one.mp4', 'b/two words.mp4', 'classes.txt', 'compacted.jsonl', *LISTS])
    for name, content in NEW_LISTS.items():
        assert (out / name).read_text(encoding='utf-8') == content
        old, new = read_annotations(str(source / name)), read_annotations(str(out / name))
        assert [label for _, label in new] == [label for _, label in old]
    assert report.before == sum(path.stat().st_size for path in [*source.glob('*/*')])
    assert report.after == sum(path.stat().st_size for path in [*out.glob('*/*')])
    assert 'will become about' in capsys.readouterr().out
    assert f'{report.after / report.before:.2f} of it' in str(report)


def test_what_might_have_been_meant_as_a_list_is_named_when_it_is_left_out(source, tmp_path, capsys):
    (source / 'half.txt').write_text('a/one.avi 1\nb/two words.mp4\n')
    (source / 'others.txt').write_text('elsewhere.mp4 1\n')
    compact(source, tmp_path / 'out')
    lines = [line for line in capsys.readouterr().out.splitlines() if 'left out' in line]
    for line, words in zip(
        lines,
        [
            'README.txt: there is no About',
            'half.txt: entry 1 has a label, but entry 2',
            'others.txt: there is no elsewhere.mp4',
        ],
        strict=True,
    ):
        assert words in line


def test_lists_beside_the_folder_of_the_videos_keep_their_paths(source, tmp_path):
    root = tmp_path / 'root'
    (root / 'masks').mkdir(parents=True)
    source.rename(root / 'videos')
    (root / 'split.txt').write_text('a/one.avi 1\nb/two words 0\n')
    report = compact(root, tmp_path / 'out')
    assert (tmp_path / 'out' / 'split.txt').read_text() == 'a/one.mp4 1\nb/two words 0\n'
    assert (tmp_path / 'out' / 'videos' / 'a' / 'one.mp4').is_file()
    assert len(report.written) == 2


def test_only_the_videos_of_the_named_lists_are_written(source, tmp_path):
    (source / 'lists').mkdir()
    (source / 'lists' / 'few.txt').write_text('b/two words.mp4 4\nb/two words.mp4 5\n')
    report = compact(source, tmp_path / 'out', ann_files=['lists/few.txt'])
    assert report.written == ['b/two words.mp4']
    assert files(tmp_path / 'out') == ['b/two words.mp4', 'classes.txt', 'compacted.jsonl', 'lists/few.txt']
    assert read_annotations(str(tmp_path / 'out' / 'lists' / 'few.txt')) == [
        ('b/two words.mp4', 4),
        ('b/two words.mp4', 5),
    ]


def test_two_videos_that_differ_in_their_ending_stay_two(source, tmp_path):
    (source / 'a' / 'one.mp4').write_bytes((source / 'b' / 'two words.mp4').read_bytes())
    (source / 'train.txt').write_text('a/one.avi 3\na/one.mp4 0\n')
    compact(source, tmp_path / 'out')
    assert (tmp_path / 'out' / 'train.txt').read_text() == 'a/one.avi.mp4 3\na/one.mp4 0\n'
    assert (len(read(tmp_path / 'out' / 'a' / 'one.avi.mp4')), len(read(tmp_path / 'out' / 'a' / 'one.mp4'))) == (
        14,
        12,
    )


def test_a_dry_run_writes_nothing(source, tmp_path, capsys):
    report = compact(source, tmp_path / 'out', dry_run=True)
    assert not (tmp_path / 'out').exists() and not report.written
    printed = capsys.readouterr().out
    assert '2 videos below' in printed and 'will become about' in printed and 'are free' in printed


# ------------------------------------------------------------------------------------------------- what goes wrong
def test_links_that_lead_nowhere_or_in_circles_are_named_and_stop_nothing(source, tmp_path):
    for name in ('circle', 'circle.mp4'):
        (source / name).symlink_to(name)
    (source / 'a' / 'dangling.mp4').symlink_to('nothing.mp4')
    report = compact(source, tmp_path / 'out')
    assert sorted(report.failed) == ['a/dangling.mp4', 'circle.mp4'] and len(report.written) == 2
    failed = (tmp_path / 'out' / 'failed.txt').read_text().splitlines()
    assert sorted(line.partition(':')[0] for line in failed) == ['a/dangling.mp4', 'circle.mp4']


def test_videos_that_cannot_be_read_are_named_and_the_command_fails(source, tmp_path, capsys):
    (source / 'a' / 'text.mp4').write_text('this is no video\n' * 50)
    (source / 'a' / 'cut.avi').write_bytes((source / 'a' / 'one.avi').read_bytes()[:9000])
    (source / 'train.txt').write_text('a/one.avi 3\na/cut.avi 0\na/text.mp4 1\n')
    arguments = ['--data-root', str(source), '--out', str(tmp_path / 'out'), '--workers', '1']
    with pytest.raises(SystemExit) as error:
        api.main(arguments)
    assert error.value.code == 1
    failed = (tmp_path / 'out' / 'failed.txt').read_text().splitlines()
    assert sorted(line.partition(':')[0] for line in failed) == ['a/cut.avi', 'a/text.mp4']
    assert 'a/cut.avi: the file is cut off' in capsys.readouterr().out
    assert (tmp_path / 'out' / 'train.txt').read_text() == 'a/one.mp4 3\na/cut.mp4 0\na/text.mp4 1\n'
    assert files(tmp_path / 'out' / 'a') == ['one.mp4']

    # Mended, the rest is written, and the list of failures goes.
    (source / 'a' / 'text.mp4').unlink()
    (source / 'a' / 'cut.avi').write_bytes((source / 'a' / 'one.avi').read_bytes())
    api.main(arguments)
    assert '1 videos written' in capsys.readouterr().out
    assert files(tmp_path / 'out' / 'a') == ['cut.mp4', 'one.mp4'] and not (tmp_path / 'out' / 'failed.txt').exists()


def faulty_job(job, settings):
    """Stands in for the encoder; must be found by name from another process."""
    name, part = (
        os.path.basename(job[0]),
        os.path.join(os.path.dirname(job[1]), f'.{os.path.basename(job[1])}.0123abcd.tmp'),
    )
    if name.startswith(('crash', 'hang')):
        os.makedirs(os.path.dirname(part), exist_ok=True)
        with open(part, 'w') as file:
            file.write('half a video')
        if name.startswith('crash'):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
    return reencode(*job, settings)


def test_a_process_that_crashes_or_hangs_costs_one_video(source, tmp_path, monkeypatch):
    for name in ('crash.mp4', 'hang.mp4'):
        (source / 'b' / name).write_bytes((source / 'b' / 'two words.mp4').read_bytes())
    monkeypatch.setattr(api, 'reencode_job', faulty_job)
    report = compact(source, tmp_path / 'out', workers=2, timeout=2)
    assert sorted(report.written) == ['a/one.avi', 'b/two words.mp4']
    assert report.failed == {
        'b/crash.mp4': 'the decoder took its process down (exit code -9)',
        'b/hang.mp4': 'not read within 2 seconds',
    }
    assert files(tmp_path / 'out' / 'b') == ['two words.mp4'], 'half a file was left'


def test_what_was_cut_off_goes_on_and_finished_videos_are_left_alone(source, tmp_path):
    out = tmp_path / 'out'
    compact(source, out)
    times_before = {path.name: path.stat().st_mtime_ns for path in out.glob('*/*.mp4')}
    # As a kill leaves it: half a file under its temporary name, half a line in the record.
    record = (out / 'compacted.jsonl').read_text().splitlines()
    lost = json.loads(record[-1])
    (out / 'compacted.jsonl').write_text('\n'.join(record[:-1]) + '\n' + record[-1][:25])
    (out / lost['target']).unlink()
    part = (out / lost['target']).with_name(f'.{os.path.basename(lost["target"])}.0123abcd.tmp')
    part.write_bytes(b'half')
    report = compact(source, out)
    assert report.written == [lost['path']] and len(report.skipped) == 1
    assert not part.exists() and (out / lost['target']).is_file()
    kept = next(path for path in out.glob('*/*.mp4') if path.name != os.path.basename(lost['target']))
    assert kept.stat().st_mtime_ns == times_before[kept.name]
    assert len(compact(source, out).skipped) == 2


def test_a_changed_source_and_a_damaged_copy_are_written_again(source, tmp_path):
    out = tmp_path / 'out'
    compact(source, out)
    (source / 'a' / 'one.avi').write_bytes((source / 'b' / 'two words.mp4').read_bytes())
    assert compact(source, out).written == ['a/one.avi']
    assert len(read(out / 'a' / 'one.mp4')) == 12
    content = (out / 'b' / 'two words.mp4').read_bytes()
    (out / 'b' / 'two words.mp4').write_bytes(content[:-100])
    assert compact(source, out).written == ['b/two words.mp4']
    assert (out / 'b' / 'two words.mp4').read_bytes() == content


def test_other_settings_do_not_mix(source, tmp_path):
    compact(source, tmp_path / 'out')
    with pytest.raises(ConfigError, match='short_side: 128 there, 96 wanted.*--out'):
        compact(source, tmp_path / 'out', settings=Reencoding(short_side=96))
    record = tmp_path / 'out' / 'compacted.jsonl'
    record.write_text(record.read_text().replace(', "size": null', ''))  # as it was before there was a size
    assert not compact(source, tmp_path / 'out').written
    with pytest.raises(ConfigError, match='size: None there'):
        compact(source, tmp_path / 'out', settings=Reencoding(size=(86, 64)))


def test_folders_that_cannot_be_meant_are_refused(source, tmp_path):
    for out in (source, source / 'small', tmp_path):
        with pytest.raises(ConfigError, match='--out must not be'):
            compact(source, out)
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'thesis.tex').write_text('')
    with pytest.raises(ConfigError, match='holds files that this tool did not write'):
        compact(source, tmp_path / 'mine')
    assert files(tmp_path / 'mine') == ['thesis.tex']
    with pytest.raises(ConfigError, match='there is no folder'):
        compact(tmp_path / 'nowhere', tmp_path / 'out')


def test_lists_that_cannot_be_meant_are_refused(source, tmp_path):
    (source / 'outside.txt').write_text('a/one.avi\n../elsewhere.mp4\n')
    (source / 'strange.txt').write_text('x/y.avi 1\n')
    for name, message in (
        ('outside.txt', 'elsewhere.mp4 is no path below'),
        ('strange.txt', 'none of the first videos'),
        ('none.txt', 'does not exist'),
    ):
        with pytest.raises(ConfigError, match=message):
            compact(source, tmp_path / 'out', ann_files=[name])


def test_a_disk_without_room_is_noticed_before_the_work(source, tmp_path, monkeypatch):
    monkeypatch.setattr(api.shutil, 'disk_usage', lambda path: namedtuple('Usage', 'total used free')(10, 0, 10))
    with pytest.raises(ConfigError, match='room for 10 bytes'):
        compact(source, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('argument', 'message'),
    [
        (['--short-side', '8'], 'short_side must be an integer in 16'),
        (['--keyframe-interval', '0'], 'keyframe_interval'),
        (['--crf', '60'], 'crf'),
        (['--size', '171', '128'], 'size must be two even numbers'),
    ],
)
def test_settings_out_of_range_end_with_a_sentence(source, tmp_path, argument, message):
    with pytest.raises(ValueError, match=message):
        api.main(['--data-root', str(source), '--out', str(tmp_path / 'out'), *argument])


def test_a_pyav_that_is_too_old_is_named(monkeypatch):
    monkeypatch.setattr(av, '__version__', '12.3.0')
    with pytest.raises(ValueError, match='12.3.0 is installed: pip install "av>=17"'):
        Reencoding()
