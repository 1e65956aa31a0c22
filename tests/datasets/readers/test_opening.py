import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import av
import numpy as np
import pytest
import torch
from conformance import MATRICES, encode, reference

from videossl.datasets import DecodeClips, VideoDataset, VideoReaderInit, VideoReadError
from videossl.datasets.readers import opening
from videossl.datasets.readers.decoder import Decoder
from videossl.datasets.readers.opening import checked_path, is_cut_avi, opens_video
from videossl.datasets.readers.other_readers import how_to_install_torchcodec, warn_once
from videossl.errors import UserError
from videossl.registry import TRANSFORMS

NUM_FRAMES = 30


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp('videos') / 'blocks.mp4'
    blocks = np.random.default_rng(0).integers(0, 256, (NUM_FRAMES, 4, 6, 3), dtype=np.uint8)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=20, options=dict(preset='medium', g='30', bf='2'))
        stream.width, stream.height, stream.pix_fmt = 96, 64, 'yuv420p'
        for picture in blocks.repeat(16, axis=1).repeat(16, axis=2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24')))
        container.mux(stream.encode())
    return str(path)


def decoded(path):
    with av.open(path) as container:
        return [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]


@pytest.mark.parametrize('backend', ['pyav', 'decord'])
@pytest.mark.parametrize('threads', [1, 2])
def test_both_backends_give_the_same_frames(video, backend, threads):
    if backend == 'decord':
        pytest.importorskip('decord')
    transform = TRANSFORMS.build(dict(type='VideoReaderInit', _scope_='videossl', backend=backend, num_threads=threads))
    assert opens_video(transform)
    results = transform(dict(filename=video))
    assert (results['total_frames'], results['avg_fps']) == (NUM_FRAMES, 20)
    inds = [29, 3, 4, 5, 3, 17]
    results = DecodeClips()(dict(results, frame_inds=np.array(inds)))
    expected = decoded(video)
    assert all(np.array_equal(expected[index], frame) for index, frame in zip(inds, results['imgs'], strict=True))
    assert results['video_reader'] is None


def test_mmaction2s_transforms_that_open_still_work(video):
    for kind in ('DecordInit', 'PyAVInit'):
        transform = TRANSFORMS.build(dict(type=kind, _scope_='videossl'))
        assert opens_video(transform) and transform(dict(filename=video))['total_frames'] == NUM_FRAMES


def test_a_path_without_an_ending_means_mp4_as_in_mmaction2(video):
    assert VideoReaderInit()(dict(filename=video.removesuffix('.mp4')))['total_frames'] == NUM_FRAMES
    with pytest.raises(VideoReadError, match='the file does not exist'):
        VideoReaderInit()(dict(filename=f'{video}.gone'))


@pytest.mark.parametrize(
    'settings, named',
    [
        (dict(backend='opencv'), "backend must be one of .*got 'opencv'"),
        (dict(num_threads=-1), 'num_threads'),
        (dict(num_threads=1.5), 'num_threads'),
    ],
)
def test_senseless_settings_are_refused_at_build_time(settings, named):
    with pytest.raises(ValueError, match=named):
        TRANSFORMS.build(dict(type='VideoReaderInit', _scope_='videossl', **settings))


def test_a_missing_torchcodec_is_an_error_that_says_what_to_install(video, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torchcodec', None)
    monkeypatch.setitem(sys.modules, 'torchcodec.decoders', None)
    monkeypatch.setattr(torch, '__version__', '2.8.1+cpu')
    with pytest.raises(
        ImportError, match=r'for torch 2\.8: pip install "torchcodec==0\.7\.\*".*backend=\'pyav\''
    ) as error:
        VideoReaderInit(backend='torchcodec')(dict(filename=video))
    assert isinstance(error.value, UserError)


@pytest.mark.parametrize(
    ('installed', 'release', 'ffmpeg'),
    [
        ('2.6.0+cu124', '==0.2.*', 7),
        ('2.7.1', '==0.5.*', 7),
        ('2.8.0', '==0.7.*', 7),
        ('2.9.1', '==0.9.*', 8),
        ('2.10.0', '==0.10.*', 8),
        ('2.11.0', '>=0.12', 9),
        ('2.13.0+cpu', '>=0.12', 9),
        ('3.6.0', '>=0.12', 9),
    ],
)
def test_torchcodec_s_release_is_that_of_its_own_table(installed, release, ffmpeg):
    hint = how_to_install_torchcodec(installed)
    assert f'"torchcodec{release}"' in hint and f'FFmpeg 4 to {ffmpeg} ' in hint


def test_torchcodec_is_asked_for_frames_in_our_layout(video, monkeypatch):
    asked, frames = [], decoded(video)

    class VideoDecoder:
        metadata = SimpleNamespace(average_fps=20)

        def __init__(self, path, dimension_order, num_ffmpeg_threads):
            assert (path, dimension_order, num_ffmpeg_threads) == (video, 'NHWC', 3)

        def __len__(self):
            return NUM_FRAMES

        def get_frames_at(self, indices):
            asked.append(indices)
            return SimpleNamespace(data=torch.from_numpy(np.stack([frames[index] for index in indices])))

    module = ModuleType('torchcodec.decoders')
    module.VideoDecoder = VideoDecoder
    monkeypatch.setitem(sys.modules, 'torchcodec', ModuleType('torchcodec'))
    monkeypatch.setitem(sys.modules, 'torchcodec.decoders', module)
    results = VideoReaderInit(backend='torchcodec', num_threads=3)(dict(filename=video))
    assert (results['total_frames'], results['avg_fps']) == (NUM_FRAMES, 20)
    results = DecodeClips()(dict(results, frame_inds=np.array([9, 2, 9])))
    assert asked == [[2, 9]] and all(
        np.array_equal(frames[index], frame) for index, frame in zip([9, 2, 9], results['imgs'])
    )


@pytest.mark.parametrize('guard', ['never', 'always'])
def test_a_back_end_that_is_wrong_in_some_files_of_a_kind_says_so_once(tmp_path, monkeypatch, guard):
    pytest.importorskip('decord')
    said = []
    monkeypatch.setattr('videossl.datasets.readers.other_readers.print_log', lambda text, **kwargs: said.append(text))
    warn_once.cache_clear()
    for name in ('a.avi', 'b.avi', 'c.mkv'):
        encode(tmp_path / name, 'h264' if name == 'c.mkv' else 'mpeg4')
    pipeline = [
        dict(type='VideoReaderInit', backend='decord'),
        lambda results: dict(results, frame_inds=[3]),
        DecodeClips(),
    ]
    dataset = VideoDataset(data_root=str(tmp_path), pipeline=pipeline, guard=guard)
    assert all(len(dataset[index]['imgs']) == 1 for index in (0, 1, 2, 0))
    assert [text.partition(' files')[0].rpartition(' ')[2] for text in said] == ['avi', 'mpeg4']


@pytest.mark.parametrize('matrix', MATRICES)
def test_decord_turns_and_mirrors_pictures_too(tmp_path, matrix):
    pytest.importorskip('decord')
    path = encode(tmp_path / 'video.mp4', 'h264', (128, 96), matrix=matrix)  # decord fails at some narrow widths
    frames = VideoReaderInit(backend='decord')(dict(filename=str(path)))['video_reader'].read_frames([4, 20])
    expected = reference(path)
    for frame, wanted in zip(frames, (expected[4], expected[20])):
        assert frame.shape == wanted.shape and np.abs(frame.astype(int) - wanted).mean() < 4


def test_an_avi_file_from_a_pipe_is_not_cut_off():
    assert not is_cut_avi(b'RIFF' + b'\xff' * 4 + b'AVI ', 1000)
    assert is_cut_avi(b'RIFF' + (1000).to_bytes(4, 'little') + b'AVI ', 1000)
    assert not is_cut_avi(b'RIFF' + (992).to_bytes(4, 'little') + b'AVI ', 1000)


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs named pipes')
def test_a_file_that_passes_for_a_regular_one_and_blocks_is_refused_at_once(tmp_path, monkeypatch):
    path = str(tmp_path / 'pipe.mp4')
    os.mkfifo(path)
    both_ends = os.open(path, os.O_RDWR)  # a writer that writes nothing
    monkeypatch.setattr(opening.stat, 'S_ISREG', lambda mode: True)
    with pytest.raises(VideoReadError, match='it is not a regular file'):
        checked_path(path)
    os.close(both_ends)


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')
def test_a_link_to_the_messages_of_the_kernel_is_refused_at_once(tmp_path):
    (tmp_path / 'a.mp4').symlink_to('/proc/kmsg')  # says of itself that it is a regular file
    if not os.access(tmp_path / 'a.mp4', os.R_OK):
        pytest.skip('this user may not read /proc/kmsg')
    with pytest.raises(VideoReadError, match='it is not a regular file'):
        VideoReaderInit()(dict(filename=str(tmp_path / 'a.mp4')))


def test_an_ordinary_file_is_read_as_before(tmp_path):
    path = Path(tmp_path, 'text.mp4')
    path.write_bytes(b'0123456789abcdef')
    assert opening.read_head(str(path), str(path)) == b'0123456789ab'


@pytest.mark.parametrize('ending', ['mp4', 'mov', 'ts'])
def test_a_file_that_ends_before_its_first_picture_is_damaged_and_not_at_its_end(tmp_path, ending):
    path = tmp_path / f'video.{ending}'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, 'yuv420p'
        for number in range(4):
            grey = np.full((64, 64, 3), 50 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format='rgb24')))
        container.mux(stream.encode())
    content, ended = path.read_bytes(), 0
    for length in range(0, len(content), len(content) // 60):
        path.write_bytes(content[:length])
        try:
            Decoder(str(path)).close()
        except (ValueError, OSError) as error:
            ended += 'it ends before its first picture' in str(error)
    assert ended > 0
