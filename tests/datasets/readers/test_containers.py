"""Files that were cut off or have a hole are refused, or read as they were. Whole files that look like such are read."""

import re

import av
import numpy as np
import pytest
from conformance import encode, files, reference

from videossl.datasets.preparation.reencoding import Reencoding, reencode
from videossl.datasets.readers import PyAVReader
from videossl.datasets.readers.errors import VideoReadError
from videossl.datasets.readers.frame_index import build_index
from videossl.datasets.readers.opening import open_as_training_does
from videossl.datasets.readers.shards import path_in_shard

HOLE = 400  # bytes of zeros
# ending, encoding, options of the muxer, whether a hole is promised to be noticed wherever it lies among the frames
FILES = {
    'mp4, H.264': ('mp4', 'h264', {}, True),
    'mp4 with its table first, MPEG-4': ('mp4', 'mpeg4', dict(movflags='faststart'), True),
    'mp4, HEVC': ('mp4', 'hevc', {}, False),
    'mov, H.264': ('mov', 'h264_b', {}, True),
    'mkv, H.264': ('mkv', 'h264_b', {}, True),
    'mkv, VP9': ('mkv', 'vp9', {}, True),
    'mkv, MPEG-4': ('mkv', 'mpeg4_b', {}, True),
    'mkv without checksums, MPEG-2': ('mkv', 'mpeg2', dict(write_crc32='0'), True),
    'webm, VP9': ('webm', 'vp9', {}, False),
    'webm, VP8': ('webm', 'vp8', {}, False),
    'avi, MPEG-4': ('avi', 'mpeg4', {}, True),
    'avi, MPEG-2': ('avi', 'mpeg2_b', {}, True),
    'ts, H.264': ('ts', 'h264_b', {}, True),
    'ts, MPEG-2': ('ts', 'mpeg2_b', {}, True),
    'M2TS, H.264': ('m2ts', 'h264', dict(mpegts_m2ts_mode='1'), True),
}


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """Path, content and frames of a file in ``FILES``; each is written once."""
    folder, made = tmp_path_factory.mktemp('containers'), {}

    def video(name):
        if name not in made:
            ending, encoding, muxing, _ = FILES[name]
            container = 'mpegts' if ending == 'm2ts' else None
            path = encode(folder / f'{len(made)}.{ending}', encoding, muxing=muxing, container=container)
            made[name] = path, path.read_bytes(), reference(path)
        return made[name]

    return video


def frames_of(path):
    """What training reads of a file."""
    reader = open_as_training_does(str(path))['video_reader']
    return reader.read_frames(range(len(reader)))


def are_equal(frames, expected):
    return len(frames) == len(expected) and all(map(np.array_equal, frames, expected))


@pytest.mark.parametrize('name', FILES)
def test_a_file_that_is_cut_off_is_refused(tmp_path, videos, name):
    path, content, _ = videos(name)
    damaged = tmp_path / path.name
    damaged.write_bytes(content[: int(0.6 * len(content)) // 188 * 188 + 100])  # not between two packets
    with pytest.raises(VideoReadError, match='cut off|Invalid data found'):
        open_as_training_does(str(damaged))


@pytest.mark.parametrize('name', [name for name, (*_, noticed) in FILES.items() if noticed])
def test_a_file_with_a_hole_is_refused_or_read_as_it_was(tmp_path, videos, name):
    path, content, expected = videos(name)
    refused = 0
    for share in (0.4, 0.5, 0.7):
        begin = int(share * len(content))
        damaged = tmp_path / f'{share}{path.suffix}'
        damaged.write_bytes(content[:begin] + bytes(HOLE) + content[begin + HOLE :])
        try:
            frames = frames_of(damaged)
        except VideoReadError as error:
            refused += 'damaged' in error.reason
        else:
            assert are_equal(frames, expected), share
    assert refused


@pytest.mark.parametrize('first', [0, 1, 7, 20])
def test_a_hole_over_the_head_of_a_block_of_webm_is_noticed_by_its_structure(tmp_path, videos, first):
    path, content, _ = videos('webm, VP9')
    with av.open(str(path)) as container:
        place = [packet.pos for packet in container.demux(video=0) if packet.size][first]  # behind mark and size
    place = content.rindex(b'\xa3', place - 9, place)
    damaged = tmp_path / path.name
    damaged.write_bytes(content[:place] + bytes(10) + content[place + 10 :])
    with pytest.raises(ValueError, match=f'its container is broken at byte {place}'):
        build_index(str(damaged))


def test_the_checksum_of_a_cluster_notices_a_single_bit_and_its_place_is_that_in_the_video(tmp_path, videos):
    path, content, expected = videos('mkv, VP9')
    cluster = content.index(b'\x1f\x43\xb6\x75')
    archive = tmp_path / 'archive.tar'
    for flipped in (0, 1):
        changed = bytearray(content)
        changed[cluster + 500] ^= flipped
        archive.write_bytes(bytes(1234) + changed + bytes(500))
        shard = path_in_shard(str(archive), 1234, len(changed), f'{flipped}.mkv')
        if flipped:
            with pytest.raises(ValueError, match=f'its container is broken at byte {cluster}$'):
                build_index(shard)
        else:
            assert len(build_index(shard)) == len(expected)


def test_the_error_says_how_many_frames_before_the_damage_are_whole(tmp_path):
    path = encode(tmp_path / 'video.mp4', 'h264', muxing=dict(movflags='faststart'))
    content, expected = path.read_bytes(), reference(path)
    with av.open(str(path)) as container:
        place = container.streams.video[0].index_entries[20].pos
    for name, changed in (
        ('cut', content[: place + 10]),
        ('hole', content[: place + 4] + bytes(100) + content[place + 104 :]),
    ):
        damaged = tmp_path / f'{name}.mp4'
        damaged.write_bytes(changed)
        with pytest.raises(ValueError, match='its first [0-9]+ frames are whole') as caught:
            build_index(str(damaged))
        number = int(re.search('first ([0-9]+)', str(caught.value))[1])
        with av.open(str(damaged)) as container:
            frames = [frame.to_ndarray(format='rgb24') for _, frame in zip(range(number), container.decode(video=0))]
        assert number == 20 and are_equal(frames, expected[:number])


def test_damage_to_a_compacted_file_is_noticed_where_it_is_decoded(tmp_path):
    path = tmp_path / 'compact.mp4'
    reencode(str(encode(tmp_path / 'source.mp4', 'h264')), str(path), Reencoding(keyframe_interval=12))
    content, expected = path.read_bytes(), reference(path)
    with av.open(str(path)) as container:
        place = container.streams.video[0].index_entries[30].pos
    path.write_bytes(content[: place + 10] + bytes(80) + content[place + 90 :])
    reader = PyAVReader(str(path))
    assert reader.index.continues and are_equal(reader.read_frames(range(24)), expected[:24])
    with pytest.raises(ValueError, match='it is cut off or damaged: its first 30 frames are whole'):
        reader.read_frames([30])


# ------------------------------------------------------------------------------------------------ whole, and to be read
def test_a_live_stream_of_webm_has_no_sizes_and_is_read(tmp_path):
    path = encode(tmp_path / 'live.webm', 'vp9', muxing=dict(live='1'))
    expected, content = reference(path), path.read_bytes()
    assert b'\x18\x53\x80\x67\x01' + b'\xff' * 7 in content  # a segment of unknown size
    cluster = b'\x1f\x43\xb6\x75'
    unknown, number = re.subn(cluster + b'[\x40-\x7f].', lambda _: cluster + b'\x7f\xff', content, flags=re.DOTALL)
    assert number == 2  # clusters
    for content in (content, unknown):
        path.write_bytes(content)
        assert are_equal(frames_of(path), expected)
    path.write_bytes(content[:-10])  # within the last block
    with pytest.raises(ValueError, match='cut off'):
        build_index(str(path))


@pytest.mark.parametrize('behind', [b'a tag of another program', bytes(1000)])
def test_what_lies_behind_the_segment_of_a_matroska_file_is_not_looked_at(tmp_path, videos, behind):
    path, content, expected = videos('mkv, H.264')
    longer = tmp_path / path.name
    longer.write_bytes(content + behind)
    assert len(build_index(str(longer))) == len(expected)


def test_recordings_of_transport_streams_begin_and_end_between_frames_and_may_be_joined_and_padded(tmp_path, videos):
    _, content, expected = videos('ts, MPEG-2')
    for name, changed, frames in (
        ('joined', content + content, expected + expected),
        ('padded', content + bytes(1000), expected),
        ('begun within a packet', content[100:], None),
        ('begun later', content[188 * 9 :], None),
        ('with something before it', b'a head' + content, expected),
    ):
        path = tmp_path / f'{name}.ts'
        path.write_bytes(changed)
        assert are_equal(frames_of(path), reference(path) if frames is None else frames), name


def test_a_short_transport_stream_is_read(tmp_path):
    path = encode(tmp_path / 'short.ts', 'h264', frames=1)
    assert are_equal(frames_of(path), reference(path))


# ---------------------------------------------------------------------------------------------------------- many places
@pytest.mark.slow
@pytest.mark.parametrize('kind', ['mp4', 'mov', '3gp', 'avi', 'mkv', 'webm', 'ts'])
def test_cuts_and_holes_at_many_places_are_noticed_as_the_page_says(tmp_path, kind):
    noticing = ('h264', 'mpeg2', 'mpeg4')  # decoders
    holes = missed = 0
    for name, write in [(name, write) for other, name, write in files(tmp_path) if other == kind]:
        path = write()
        content, expected = path.read_bytes(), reference(path)
        damaged = path.with_name(f'damaged.{kind}')
        for share in (0.2, 0.4, 0.6, 0.8, 0.95):
            damaged.write_bytes(content[: int(share * len(content)) // 188 * 188 + 100])
            with pytest.raises(VideoReadError):
                open_as_training_does(str(damaged))
        if kind not in ('mkv', 'ts') and name.split('_')[1].partition('.')[0] not in noticing:
            continue
        for begin in np.linspace(0.15, 0.9, 10) * len(content):
            damaged.write_bytes(content[: int(begin)] + bytes(HOLE) + content[int(begin) + HOLE :])
            holes += 1
            try:
                missed += not are_equal(frames_of(damaged), expected)
            except VideoReadError:
                pass
    assert missed <= (0.05 * holes if kind == 'avi' else 0), f'{missed} of {holes}'
