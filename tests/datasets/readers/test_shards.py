"""Videos inside tar archives give the frames that their files give."""

import tarfile

import av
import numpy as np
import pytest

from videossl.datasets import VideoDataset
from videossl.datasets.readers import PyAVReader, VideoReadError, index_store
from videossl.datasets.readers.index_store import load_index
from videossl.datasets.readers.opening import VideoReaderInit, video_exists
from videossl.datasets.readers.shards import path_in_shard, place_of, source_for_ffmpeg

WANTED = [0, 5, 13, 27, 39]


@pytest.fixture(scope='module')
def shard(good_videos, tmp_path_factory) -> dict[str, str]:
    """The path in an archive of each of the four videos, by the name of its file."""
    archive = tmp_path_factory.mktemp('shards') / 'shard, one.tar'
    with tarfile.open(archive, 'w') as file:
        for path in sorted(good_videos.glob('*.mp4')):
            file.add(path, f'some folder/{path.name}')
    with tarfile.open(archive) as file:
        return {
            member.name.rpartition('/')[2]: path_in_shard(str(archive), member.offset_data, member.size, member.name)
            for member in file
        }


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    """Indices of this test alone."""
    monkeypatch.setenv('VIDEOSSL_CACHE', str(tmp_path / 'cache'))
    index_store._stores.cache_clear()
    yield
    index_store._stores.cache_clear()


@pytest.mark.parametrize('name', ['0.mp4', '3.mp4'])
def test_every_frame_is_that_of_the_file(shard, good_videos, name):
    inside, alone = PyAVReader(shard[name]), PyAVReader(str(good_videos / name))
    assert len(inside) == len(alone) == 40 and inside.avg_fps == alone.avg_fps
    assert inside.index.points == alone.index.points and len(inside.index.points) > 1
    for one, other in zip(inside.read_frames(WANTED), alone.read_frames(WANTED), strict=True):
        assert np.array_equal(one, other)


def test_the_index_is_kept_for_each_video_of_an_archive(shard):
    PyAVReader(shard['0.mp4'])
    assert load_index(shard['0.mp4']) is not None and load_index(shard['1.mp4']) is None


def test_a_path_names_bytes_of_an_archive_and_any_other_path_a_file():
    path = path_in_shard('a/b.tar', 512, 100, 'c/d.mp4')
    assert place_of(path) == ('a/b.tar', 512, 100)
    for other in ('a/b.tar', 'a/@1+2/c.mp4', 'a/b.tar/c.mp4', 'a/b.tar/@1+/c.mp4'):
        assert place_of(other) == (other, 0, None)
    assert source_for_ffmpeg(path)[0].startswith('subfile,,start,512,end,612,,:/')
    source, protocols = source_for_ffmpeg('concat:a.mp4')
    assert source.startswith('/') and protocols == 'file'


def test_a_data_set_reads_them_from_a_list_also_in_its_guard(shard, good_videos, tmp_path):
    (tmp_path / 'list.txt').write_text(''.join(f'{path} {label}\n' for label, path in enumerate(shard.values())))
    pipeline = [dict(type='VideoReaderInit'), dict(type='SampleFrames', clip_len=4), dict(type='DecodeClips')]
    dataset = VideoDataset('list.txt', pipeline, data_root=str(tmp_path), guard='always')
    found = dataset[2]
    alone = PyAVReader(str(good_videos / '2.mp4')).read_frames(found['frame_inds'])
    assert found['label'] == 2 and np.array_equal(np.stack(found['imgs']), np.stack(alone))


def test_a_missing_or_short_archive_is_the_video_s_fault(shard, tmp_path):
    assert video_exists(shard['0.mp4']) and not video_exists(shard['0.mp4'].replace('shard, one', 'none'))
    place = place_of(shard['3.mp4'])
    short = tmp_path / 'short.tar'
    with open(place.file, 'rb') as file:
        short.write_bytes(file.read(place.start + place.size - 1))
    with pytest.raises(VideoReadError, match='is shorter than the place of the video'):
        VideoReaderInit()(dict(filename=path_in_shard(str(short), place.start, place.size, '3.mp4')))
    with pytest.raises(VideoReadError, match='the file does not exist'):
        VideoReaderInit()(dict(filename=path_in_shard(str(tmp_path / 'none.tar'), 0, 9, '3.mp4')))
    with pytest.raises(VideoReadError, match="use backend='pyav'"):
        VideoReaderInit(backend='decord')(dict(filename=shard['0.mp4']))


def test_ffmpeg_reads_nothing_outside_of_a_video_s_bytes(shard):
    place = place_of(shard['0.mp4'])
    cut = path_in_shard(place.file, place.start, place.size // 2, 'cut.mp4')
    with pytest.raises((VideoReadError, ValueError, av.error.FFmpegError)):
        VideoReaderInit()(dict(filename=cut))
