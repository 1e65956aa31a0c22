"""Files as strangers have them: each is read as it is meant, or named with a reason; nothing takes the run with it."""

import json
import logging
import os
import resource
import signal
import socket
import struct
import sys
import time
from collections import Counter
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hostile_files import NUM_FRAMES, cut, pictures, read_with_pyav, write_rotated, write_sound, write_video
from mmaction.datasets import transforms
from mmengine.dataset import ConcatDataset, RepeatDataset, pseudo_collate
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from torch.utils.data import DataLoader

from videossl.apis.running.train import main as train
from videossl.datasets import VideoDataset
from videossl.datasets.broken_videos import BrokenVideos
from videossl.datasets.readers import DecoderLost, frame_index, opening
from videossl.datasets.readers import guard as guarding
from videossl.engine import BrokenVideosHook, Draw, DrawSampler
from videossl.engine.hooks.broken_videos_hook import records
from videossl.engine.hooks.plain_checkpoint_hook import is_plain

ROOT = Path(__file__).resolve().parents[2]
linux_only = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='looks into /proc')


class EveryFrame:
    """Asks for every frame of a video."""

    def __call__(self, results):
        total = results['total_frames']
        return dict(results, frame_inds=np.arange(total), clip_len=total, num_clips=1)


class FourFrames:
    """Asks for four frames, drawn at random."""

    def __call__(self, results):
        return dict(results, frame_inds=np.sort(np.random.randint(results['total_frames'], size=4)))


class Facts:
    """Keeps what tells two samples apart."""

    def __call__(self, results):
        return dict(
            filename=os.path.basename(results['filename']),
            pixels=int(np.stack(results['imgs']).sum()),
            frame_inds=results['frame_inds'].tolist(),
            pid=os.getpid(),
        )


class DecordInit(transforms.DecordInit):
    """Stands in for mmaction2's: what becomes of a file is said by its name. Also logs which files are opened."""

    def __init__(self):
        super().__init__(io_backend='none')

    def __call__(self, results):
        path = results['filename']
        with open(os.path.join(os.path.dirname(path), 'opened.log'), 'a') as log:
            log.write(f'{os.path.basename(path)} {os.getpid()}\n')
        misbehave(os.path.basename(path), 'open')
        return dict(results, video_reader=Reader(os.path.basename(path)), total_frames=20)


class Reader:
    def __init__(self, name):
        self.name = name

    def __len__(self):
        return 20

    def get_batch(self, indices):
        misbehave(self.name, 'read')
        frames = np.zeros((len(indices), 6, 8, 3), np.uint8) + np.array(indices, np.uint8)[:, None, None, None]
        return frames[:-1] if self.name.startswith('short') else frames


def misbehave(name, when):
    kind, _, moment = name.partition('.')[0].partition('_')
    if moment != when:
        return
    if kind == 'crash':
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == 'killed':
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == 'leave':
        os._exit(3)
    if kind == 'hang':
        time.sleep(600)
    if kind == 'raise':
        raise ZeroDivisionError('in the decoder')


REAL = [dict(type='VideoReaderInit'), EveryFrame(), dict(type='DecodeClips')]
DECORD = [dict(type='DecordInit'), EveryFrame(), dict(type='DecodeClips')]
MADE_UP = [DecordInit(), FourFrames(), dict(type='DecodeClips'), Facts()]


@contextmanager
def log_file(path):
    """Lets mmengine's logger write to a file, which workers inherit; gives a function that reads it."""
    logger, handler = MMLogger.get_current_instance(), logging.FileHandler(path)
    logger.addHandler(handler)
    try:
        yield lambda: [line for line in path.read_text().splitlines() if 'cannot read' in line]
    finally:
        logger.removeHandler(handler)
        handler.close()


def dataset_of(folder, names, pipeline, **kwargs):
    (folder / 'list.txt').write_text(''.join(f'{name}\n' for name in names))
    return VideoDataset('list.txt', pipeline, data_root=str(folder), **kwargs)


def touch(folder, *names):
    for name in names:
        (folder / name).write_text('x')
    return names


def load(dataset, workers, epochs=1):
    """All samples, by loader; each epoch shuffled anew."""
    sampler = DrawSampler(dataset, seed=3)
    loader = DataLoader(
        dataset, 2, sampler=sampler, num_workers=workers, collate_fn=list, persistent_workers=workers > 0
    )
    samples = []
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        samples += [sample for batch in loader for sample in batch]
    return samples


def facts(samples):
    return [{key: value for key, value in sample.items() if key != 'pid'} for sample in samples]


# ------------------------------------------------------------------------------------- odd but readable: frames as PyAV's
UNEVEN = np.random.default_rng(1).integers(10, 200, NUM_FRAMES).cumsum()
READABLE = {
    'one_frame.mp4': lambda path: write_video(path, pictures(1)),
    'uneven_times.mp4': lambda path: write_video(path, milliseconds=UNEVEN),
    'uneven_times.mkv': lambda path: write_video(path, milliseconds=UNEVEN),
    'odd_size.avi': lambda path: write_video(path, pictures(width=97, height=61), 'mpeg4'),
    'odd_size.mkv': lambda path: write_video(path, pictures(width=101, height=75), pixels='yuv444p'),
    'ten_bit.mp4': lambda path: write_video(path, pixels='yuv420p10le'),
    'ten_bit.mkv': lambda path: write_video(path, codec='ffv1', pixels='yuv420p10le'),
    'turned_1.mp4': lambda path: write_rotated(path, 1),
    'turned_2.mp4': lambda path: write_rotated(path, 2),
    'turned_3.mp4': lambda path: write_rotated(path, 3),
}


@pytest.mark.parametrize('name', READABLE)
@pytest.mark.parametrize(
    'guard, pipeline',
    [('never', REAL), ('always', REAL), ('never', DECORD)],
    ids=['never', 'always', 'never_with_decord'],
)
def test_an_odd_but_whole_video_is_read_as_pyav_reads_it(tmp_path, name, guard, pipeline):
    READABLE[name](tmp_path / name)
    dataset = dataset_of(tmp_path, [name], pipeline, guard=guard)
    frames = np.stack(dataset[Draw(0, 0, 0)]['imgs']).astype(int)
    assert not dataset.unreadable.any()
    expected = read_with_pyav(tmp_path / name).astype(int)
    if name.startswith('turned'):  # PyAV leaves the turning to its caller
        expected = np.rot90(expected, -int(name[7]), axes=(1, 2))
    assert frames.shape == expected.shape
    assert len(frames) == (1 if name == 'one_frame.mp4' else NUM_FRAMES)
    # Two ways from YUV of ten bits or odd sizes to RGB differ by some steps of 256; two frames by 80.
    differences = np.abs(frames - expected).mean(axis=(1, 2, 3))
    assert differences.max() < (6 if pipeline is DECORD and ('bit' in name or 'odd' in name) else 0.01), differences
    if len(frames) > 1:
        assert np.abs(frames[1:] - expected[:-1]).mean(axis=(1, 2, 3)).min() > 30


def test_a_huge_file_is_not_read_into_memory_as_a_whole(tmp_path):
    path = tmp_path / 'long.mp4'
    write_video(path)
    expected, size = read_with_pyav(path), path.stat().st_size
    with open(path, 'ab') as file:  # a box of 8 GB to skip
        file.write(struct.pack('>I4sQ', 1, b'free', 8 * 2**30))
        file.truncate(size + 8 * 2**30)
    dataset = dataset_of(tmp_path, ['long.mp4'], REAL)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sample = dataset[Draw(0, 0, 0)]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # a gigabyte, in kB
    assert np.array_equal(sample['imgs'], expected) and sample['avg_fps'] == 25


def test_a_name_that_is_no_text_is_read_too(tmp_path):
    name = os.fsdecode(b'caf\xe9.mp4')
    write_video(tmp_path / 'cafe.mp4')
    expected = read_with_pyav(tmp_path / 'cafe.mp4')
    try:
        (tmp_path / 'cafe.mp4').rename(tmp_path / name)
    except OSError:
        pytest.skip('this file system has no such names')
    for guard in ('never', 'always'):
        dataset = VideoDataset(data_root=str(tmp_path), pipeline=REAL, guard=guard)
        assert np.array_equal(dataset[Draw(0, 0, 0)]['imgs'], expected)


@pytest.mark.parametrize('checked', [True, False])
@pytest.mark.parametrize(
    'guard, pipeline',
    [('never', REAL), ('always', REAL), ('never', DECORD)],
    ids=['never', 'always', 'never_with_decord'],
)
def test_a_playlist_that_poses_as_a_video_makes_no_request(tmp_path, monkeypatch, checked, guard, pipeline):
    """Read from memory, FFmpeg would fetch what it names."""
    if not checked:
        monkeypatch.setattr(opening, 'PLAYLISTS', (b'nothing begins so',))
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        server.listen()
        server.settimeout(0.3)
        (tmp_path / 'play.mp4').write_text(
            '#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n'
            f'http://127.0.0.1:{server.getsockname()[1]}/a.ts\n#EXT-X-ENDLIST\n'
        )
        write_video(tmp_path / 'good.mp4')
        dataset = dataset_of(tmp_path, ['play.mp4', 'good.mp4'], pipeline, guard=guard)
        with log_file(tmp_path / 'log') as named:
            assert dataset[Draw(0, 0, 0)]['filename'].endswith('good.mp4')
        with pytest.raises(TimeoutError):
            server.accept()
    assert len(named()) == 1 and ('it is a playlist' in named()[0]) is checked


# ---------------------------------------------------------------------------------------------- broken: named, with reason
def make_broken(kind, path):
    """Write one broken file."""
    if kind in ('truncated', 'truncated_index_first', 'truncated.avi'):
        write_video(path, container=dict(movflags='faststart') if 'first' in kind else {})
        cut(path)
    elif kind == 'zero_bytes':
        path.write_bytes(b'')
    elif kind == 'not_a_video':
        path.write_text('<html>404 not found</html>' * 50)
    elif kind == 'no_video_stream':
        write_sound(path)
    elif kind == 'folder':
        path.mkdir()
    elif kind == 'pipe':
        os.mkfifo(path)
    elif kind == 'narrow':  # decord 0.6.0 cannot hand these widths over
        write_video(path, pictures(width=48))
    elif kind == 'giant':  # five gigabytes of nothing
        with open(path, 'wb') as file:
            file.truncate(5 * 2**30)


# The reason that must be given.
BROKEN = {
    'truncated': 'Invalid data found',
    'truncated_index_first': 'frames are whole',
    'truncated.avi': 'the file is cut off',
    'zero_bytes': 'Invalid data found',
    'not_a_video': 'Invalid data found',
    'no_video_stream': 'it has no pictures',
    'folder': 'it is a folder',
    'pipe': 'it is not a regular file',
    'narrow': 'instead of RGB pictures',
    'giant': 'Invalid data found',
    'missing': 'the file does not exist',
}


@pytest.mark.parametrize('kind', BROKEN)
@pytest.mark.parametrize('guard', ['never', 'always'])
def test_a_broken_file_is_named_once_in_log_and_list_and_replaced(tmp_path, kind, guard):
    name = kind if '.' in kind else f'{kind}.mp4'
    reason = BROKEN[kind]
    make_broken(kind, tmp_path / name)
    write_video(tmp_path / 'good.mp4')
    dataset = dataset_of(tmp_path, [name, 'good.mp4'], DECORD if kind == 'narrow' else REAL, guard=guard)
    dataset.broken.file = tmp_path / 'work' / 'broken_videos.txt'
    with log_file(tmp_path / 'log') as named:
        samples = [dataset[Draw(index, position, 0)] for position, index in enumerate([0, 1, 0])]
    assert [os.path.basename(sample['filename']) for sample in samples] == ['good.mp4'] * 3
    assert len(named()) == 1 and f'{tmp_path / name}: ' in named()[0] and reason in named()[0], named()
    (line,) = (tmp_path / 'work' / 'broken_videos.txt').read_text().splitlines()
    path, said = line.split('\t')
    assert path == str(tmp_path / name) and said and reason in said
    assert dataset.broken.replaced == 2 and dataset.unreadable.tolist() == [True, False]
    assert not dataset.broken.excluded.any()


@pytest.mark.skipif(not hasattr(os, 'geteuid') or os.geteuid() != 0, reason='needs root, to become somebody else')
def test_a_file_without_permission_is_named_as_such(tmp_path):
    for name in ('secret.mp4', 'good.mp4'):
        write_video(tmp_path / name)
    (tmp_path / 'secret.mp4').chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_uid == 0 and folder.name.startswith(('pytest', tmp_path.name)):
            folder.chmod(0o755)
    dataset = dataset_of(tmp_path, ['secret.mp4', 'good.mp4'], REAL)
    os.seteuid(65534)
    try:
        if not os.access(tmp_path / 'good.mp4', os.R_OK, effective_ids=True):
            pytest.skip('the folder of the tests is closed to others')
        with log_file_in_memory() as named:
            sample = dataset[Draw(0, 0, 0)]
    finally:
        os.seteuid(0)
    assert os.path.basename(sample['filename']) == 'good.mp4'
    (named,) = [line for line in named if line.startswith('cannot read')]  # nor can somebody else write to the cache
    assert 'PermissionError' in named and 'secret.mp4' in named


@contextmanager
def log_file_in_memory():
    messages, handler, logger = [], logging.Handler(), MMLogger.get_current_instance()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)


def test_a_video_that_vanishes_during_the_run_is_replaced_from_then_on(tmp_path):
    for number in range(2):
        write_video(tmp_path / f'{number}.mp4', pictures(seed=number))
    dataset = dataset_of(tmp_path, ['0.mp4', '1.mp4'], REAL)
    assert dataset[Draw(0, 0, 0)]['filename'].endswith('0.mp4') and not dataset.unreadable.any()
    (tmp_path / '0.mp4').unlink()
    assert dataset[Draw(0, 2, 0)]['filename'].endswith('1.mp4') and dataset.unreadable.tolist() == [True, False]
    write_video(tmp_path / '0.mp4')  # a disk that is back: whatever only raised an error is tried again
    assert dataset[Draw(0, 2, 0)]['filename'].endswith('0.mp4')


@pytest.mark.parametrize('guard', ['never', 'always'])
@pytest.mark.parametrize(
    'name, reason',
    [
        ('raise_open.mp4', 'ZeroDivisionError: in the decoder'),
        ('raise_read.mp4', 'the decoder failed: ZeroDivisionError: in the decoder'),
        ('short.mp4', 'frames were asked for, but the decoder gave'),
    ],
)
def test_a_decoder_that_raises_or_gives_fewer_frames_than_promised(tmp_path, name, reason, guard):
    dataset = dataset_of(tmp_path, touch(tmp_path, name, 'good.mp4'), MADE_UP, guard=guard)
    with log_file(tmp_path / 'log') as named:
        assert dataset[Draw(0, 0, 0)]['filename'] == 'good.mp4'
    assert len(named()) == 1 and reason in named()[0], named()


def test_mmaction2s_own_decoding_that_gives_fewer_frames_is_noticed(tmp_path):

    class DecordDecode(transforms.DecordDecode):
        def __call__(self, results):
            return dict(results, imgs=list(results['video_reader'].get_batch(results['frame_inds'])))

    pipeline = [DecordInit(), FourFrames(), DecordDecode(), Facts()]
    dataset = dataset_of(tmp_path, touch(tmp_path, 'short.mp4', 'good.mp4'), pipeline)
    with log_file(tmp_path / 'log') as named:
        assert dataset[Draw(0, 0, 0)]['filename'] == 'good.mp4'
    assert '4 frames were asked for, but the decoder gave 3' in named()[0]


# ------------------------------------------------------------------------------------------- decoders that crash or hang
FATAL = {
    'crash_open.mp4': 'took its process down (SIGSEGV)',
    'crash_read.mp4': 'took its process down (SIGSEGV)',
    'killed_read.mp4': 'took its process down (SIGKILL, perhaps for want of memory)',
    'leave_open.mp4': 'took its process down (exit code 3)',
    'hang_open.mp4': 'not read within 0.2 seconds',
    'hang_read.mp4': 'not read within 0.2 seconds',
}


@pytest.mark.parametrize('workers', [1, 2])
def test_a_decoder_that_crashes_or_hangs_costs_its_video_and_no_worker(tmp_path, monkeypatch, workers):
    ask = guarding.DecoderGuard._ask

    def ask_with_patience(guard, filename, *request):
        guard.timeout = 0.2 if 'hang' in filename else 60  # a busy machine may take its time for the others
        return ask(guard, filename, *request)

    monkeypatch.setattr(guarding.DecoderGuard, '_ask', ask_with_patience)
    names = touch(tmp_path, *FATAL, *[f'good{number}.mp4' for number in range(6)])
    dataset = dataset_of(tmp_path, names, MADE_UP)
    dataset.broken.file = tmp_path / 'broken_videos.txt'
    with log_file(tmp_path / 'log') as named:
        samples = load(dataset, workers, epochs=3)
    assert len(samples) == 3 * len(names) and len({sample['pid'] for sample in samples}) == workers
    assert all(sample['filename'].startswith('good') for sample in samples)
    listed = dict(line.split('\t') for line in (tmp_path / 'broken_videos.txt').read_text().splitlines())
    assert {os.path.basename(path): reason.removeprefix('the decoder ') for path, reason in listed.items()} == FATAL
    assert len(named()) == len(FATAL)
    opened = Counter(line.split()[0] for line in (tmp_path / 'opened.log').read_text().splitlines())
    assert dataset.broken.excluded.tolist() == [name in FATAL for name in names]
    assert all(opened[name] <= workers for name in FATAL), opened  # not once an epoch
    assert dataset.broken.replaced == 3 * len(FATAL)

    # Whatever is met when, and by whom: a sample is a function of seed and position.
    again = dataset_of(tmp_path, names, MADE_UP, guard='always')
    assert facts(load(again, 0, epochs=3)) == facts(samples)


def test_a_video_whose_index_is_being_made_has_all_the_time_that_it_needs(monkeypatch):
    monkeypatch.setattr(guarding, 'HEARTBEAT', 0)

    def open_video(place, filename):
        for _ in range(dict(short=0, long=12, hangs=1)[filename]):  # frames
            frame_index.heartbeat()
        time.sleep(600 if filename == 'hangs' else 0)
        return dict(video_reader=[0, 1, 2])

    decoding = guarding.DecoderGuard(open_video, timeout=60)
    decoding.open(0, 'short')  # starts the process
    waits, poll = [], decoding.connection.poll
    monkeypatch.setattr(decoding.connection, 'poll', lambda seconds: waits.append(seconds) or poll(seconds))
    assert len(decoding.open(0, 'long')['video_reader']) == 3
    assert waits == [60] * 13, 'with each frame the wait begins anew'
    decoding.timeout = 0.2
    with pytest.raises(DecoderLost, match='not read within 0.2 seconds'):
        decoding.open(0, 'hangs')
    assert waits[13:] == [0.2] * 2 and decoding.stop() is None


def test_a_replacement_does_not_depend_on_where_the_broken_video_failed(tmp_path):
    samples = []
    for kind in ('raise_open', 'raise_read', 'crash_open', 'crash_read'):
        folder = tmp_path / kind
        folder.mkdir()
        names = touch(folder, f'{kind}.mp4', *[f'good{number}.mp4' for number in range(20)])
        dataset = dataset_of(folder, names, MADE_UP, guard='always')
        samples.append(facts([dataset[Draw(0, position, 5)] for position in range(8)]))
    assert samples[0] == samples[1] == samples[2] == samples[3]
    assert len({sample['filename'] for sample in samples[0]}) > 4
    other = dataset_of(folder, names, MADE_UP, guard='always')
    assert facts([other[Draw(0, position, 6)] for position in range(8)]) != samples[0]


def test_a_crash_of_the_real_decoder_is_survived(tmp_path, monkeypatch):
    """decord 0.6.0 ends in a segmentation fault over an AVI that is cut off and read from memory."""
    write_video(tmp_path / 'cut.avi')
    cut(tmp_path / 'cut.avi')
    write_video(tmp_path / 'good.mp4')
    monkeypatch.setattr(opening, 'is_cut_avi', lambda *_: False)
    monkeypatch.setattr(opening, 'open_by_path', lambda transform, results, path: transform(results))
    dataset = dataset_of(tmp_path, ['cut.avi', 'good.mp4'], DECORD, guard='always')
    with log_file(tmp_path / 'log') as named:
        for position in range(3):
            assert dataset[Draw(0, position, 0)]['filename'].endswith('good.mp4')
    assert len(named()) == 1 and 'SIGSEGV' in named()[0]


def test_in_test_mode_a_crash_counts_as_wrong(tmp_path):
    pipeline = [DecordInit(), FourFrames(), dict(type='DecodeClips')]
    dataset = dataset_of(
        tmp_path, touch(tmp_path, 'crash_read.mp4', 'good.mp4'), pipeline, guard='always', test_mode=True
    )
    samples = [dataset[index] for index in (0, 1, 0)]
    assert [os.path.basename(sample['filename']) for sample in samples] == [
        'crash_read.mp4',
        'good.mp4',
        'crash_read.mp4',
    ]
    assert not np.any(samples[0]['imgs']) and dataset.unreadable.tolist() == [True, False]


def exists(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    with open(f'/proc/{process}/stat') as file:
        return file.read().rpartition(')')[2].split()[0] != 'Z'


def wait_for_end(processes, seconds=5):
    deadline = time.monotonic() + seconds
    while any(map(exists, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(exists, processes))


@linux_only
def test_no_process_is_left_behind(tmp_path):
    names = touch(tmp_path, 'hang_read.mp4', 'crash_open.mp4', *[f'good{number}.mp4' for number in range(6)])
    dataset = dataset_of(tmp_path, names, MADE_UP, decoder_timeout=0.5)
    load(dataset, 2)
    opened = [line.split() for line in (tmp_path / 'opened.log').read_text().splitlines()]
    processes = {int(process) for _, process in opened}
    assert len(processes) >= 4 and os.getpid() not in processes
    assert wait_for_end(processes)

    dataset = dataset_of(tmp_path, names, MADE_UP, guard='always')
    dataset[Draw(7, 0, 0)]
    process = dataset._guard.process
    assert exists(process)
    del dataset
    assert wait_for_end([process])


@linux_only
def test_a_decoder_ends_with_a_worker_that_is_killed_even_while_it_hangs(tmp_path):
    names = touch(tmp_path, 'hang_read.mp4', 'good.mp4')
    dataset = dataset_of(tmp_path, names, MADE_UP, decoder_timeout=600, guard='always')
    worker = get_context('fork').Process(target=lambda: dataset[Draw(0, 0, 0)])
    worker.start()
    log = tmp_path / 'opened.log'
    deadline = time.monotonic() + 10
    while not log.exists() or not log.read_text().endswith('\n'):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process = int(log.read_text().split()[1])
    assert exists(process) and process != worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(5)
    assert wait_for_end([process])


def test_frames_of_growing_and_shrinking_size_come_through_the_guard(tmp_path):
    sizes = {'a': (64, 64), 'b': (1280, 960), 'c': (96, 80)}
    for name, (width, height) in sizes.items():
        write_video(tmp_path / f'{name}.mp4', pictures(6, width, height))
    dataset = dataset_of(tmp_path, [f'{name}.mp4' for name in sizes], REAL, guard='always')
    plain = dataset_of(tmp_path, [f'{name}.mp4' for name in sizes], REAL, guard='never')
    kept = []
    for index in (0, 1, 2, 1, 0):
        kept.append((index, dataset[Draw(index, 0, 0)]['imgs']))
    for index, frames in kept:  # what came first has not been overwritten
        assert np.array_equal(frames, plain[Draw(index, 0, 0)]['imgs'])
        assert all(frame.flags.writeable and frame.flags.owndata for frame in frames)


def test_without_workers_nothing_is_forked_unless_asked(tmp_path):
    names = touch(tmp_path, 'good.mp4')
    for guard, forked in (('workers', False), ('never', False), ('always', True)):
        dataset = dataset_of(tmp_path, names, MADE_UP, guard=guard)
        dataset[Draw(0, 0, 0)]
        process = int((tmp_path / 'opened.log').read_text().split()[-1])
        assert (process != os.getpid()) is forked


# ------------------------------------------------------------------------------------------------------ counts and limits
@pytest.mark.parametrize(
    'name, value',
    [
        ('max_broken_share', 1.5),
        ('max_broken_share', -0.1),
        ('guard', 'sometimes'),
        ('decoder_timeout', 0),
        ('decoder_timeout', float('nan')),
    ],
)
def test_senseless_settings_are_refused(tmp_path, name, value):
    with pytest.raises(ValueError, match=name):
        dataset_of(tmp_path, touch(tmp_path, 'good.mp4'), MADE_UP, **{name: value})


def test_a_run_stops_when_too_large_a_share_is_broken(tmp_path):
    names = touch(tmp_path, *[f'raise_open.{number}.mp4' for number in range(3)], *[f'good{n}.mp4' for n in range(7)])
    for share, stops in ((0.2, True), (0.3, False), (0.5, False)):
        dataset = dataset_of(tmp_path, names, MADE_UP, max_broken_share=share)
        for index in range(10):  # all were tried only then
            dataset[Draw(index, index, 0)]
        if not stops:
            dataset[Draw(0, 10, 0)]
            continue
        with pytest.raises(RuntimeError) as error:
            dataset[Draw(0, 10, 0)]
        words = ['3 of the 10 videos', 'share of 0.2', 'data_root', 'videossl check', 'max_broken_share']
        assert all(word in str(error.value) for word in words), error.value


def test_a_list_that_cannot_be_written_ends_nothing(tmp_path):
    (tmp_path / 'file').write_text('')
    dataset = dataset_of(tmp_path, touch(tmp_path, 'raise_open.mp4', 'good.mp4'), MADE_UP)
    dataset.broken.file = tmp_path / 'file' / 'broken_videos.txt'
    with log_file_in_memory() as messages:
        assert dataset[Draw(0, 0, 0)]['filename'] == 'good.mp4'
    assert len(messages) == 2 and 'broken_videos.txt lacks' in messages[1]


def runner_of(dataset, work_dir, by_epoch=True):
    lines, scalars = [], []
    loader = SimpleNamespace(dataset=dataset)
    return SimpleNamespace(
        train_loop=SimpleNamespace(dataloader=loader),
        val_loop=SimpleNamespace(dataloader=loader),
        work_dir=str(work_dir),
        _resume=False,
        epoch=0,
        iter=0,
        log_processor=SimpleNamespace(by_epoch=by_epoch),
        logger=SimpleNamespace(info=lines.append),
        lines=lines,
        scalars=scalars,
        visualizer=SimpleNamespace(add_scalar=lambda *scalar: scalars.append(scalar)),
    )


def test_each_epoch_says_how_much_was_replaced_and_where_the_list_is(tmp_path):
    inner = dataset_of(tmp_path, touch(tmp_path, 'raise_open.mp4', 'good.mp4'), MADE_UP)
    other = dataset_of(tmp_path, touch(tmp_path, 'fine.mp4'), MADE_UP)
    assert list(records(RepeatDataset(other, 2))) == [other.broken]
    dataset = ConcatDataset([inner, other])
    runner, hook = runner_of(dataset, tmp_path / 'work'), BrokenVideosHook()
    hook.before_train(runner)
    for epoch in range(3):
        runner.epoch = epoch
        for number in range(0 if epoch == 1 else 4 - epoch):
            dataset[Draw(0, 10 * epoch + number, 0)]
        hook.after_train_epoch(runner)
    assert runner.scalars == [
        ('data/replaced_samples', 4, 1),
        ('data/replaced_samples', 0, 2),
        ('data/replaced_samples', 2, 3),
    ]
    assert runner.lines[0].startswith('epoch 1: 4 samples') and '1 broken videos so far' in runner.lines[0]
    assert str(tmp_path / 'work' / 'broken_videos.txt') in runner.lines[0]
    assert (tmp_path / 'work' / 'broken_videos.txt').read_text().startswith(f'{tmp_path}/raise_open.mp4\t')

    quiet = runner_of(other, tmp_path / 'work')
    hook = BrokenVideosHook()
    hook.before_train(quiet)
    hook.after_train_epoch(quiet)
    assert not quiet.lines and not quiet.scalars


def test_a_run_that_counts_iterations_reports_every_so_many(tmp_path):
    dataset = dataset_of(tmp_path, touch(tmp_path, 'raise_open.mp4', 'good.mp4'), MADE_UP)
    runner, hook = runner_of(dataset, tmp_path, by_epoch=False), BrokenVideosHook(interval=2)
    hook.before_train(runner)
    for runner.iter in range(4):
        dataset[Draw(0, runner.iter, 0)]
        hook.after_train_iter(runner, runner.iter)
    assert runner.scalars == [('data/replaced_samples', 2, 2), ('data/replaced_samples', 2, 4)]
    assert runner.lines[1].startswith('until iteration 4: 2 samples')


def test_a_resumed_run_knows_what_was_broken_unless_the_file_has_changed(tmp_path):
    names = touch(tmp_path, 'raise_open.0.mp4', 'raise_open.1.mp4', *[f'good{number}.mp4' for number in range(8)])
    before = dataset_of(tmp_path, names, MADE_UP)
    for index in range(5):
        before[Draw(index, index, 0)]
    before.broken.excluded[0] = True
    checkpoint = {}
    BrokenVideosHook().before_save_checkpoint(runner_of(before, tmp_path), checkpoint)
    assert is_plain(checkpoint)

    def resumed(names: list[str]) -> BrokenVideos:
        dataset, hook = dataset_of(tmp_path, names, MADE_UP), BrokenVideosHook()
        runner = runner_of(RepeatDataset(dataset, 2), tmp_path)
        runner._resume = True
        hook.after_load_checkpoint(runner, checkpoint)
        hook.before_train(runner)
        return dataset.broken

    known = resumed(names)
    for part in ('named', 'tried', 'excluded'):
        assert torch.equal(getattr(known, part), getattr(before.broken, part)), part
    assert known.named.sum() == 2 and known.excluded.sum() == 1 and known.tried.sum() >= 5
    assert not resumed(names[:-1]).tried.any(), 'another data set'
    assert resumed([*names[1:], names[0]]).named.sum() == 0, 'another order'
    os.utime(tmp_path / names[0], (1, 1))
    changed = resumed(names)
    assert changed.named.tolist() == [False, True] + [False] * 8 and not changed.excluded.any()


def share_what_is_broken(rank: int, folder: str) -> None:
    broken = BrokenVideos(5)
    broken.named[[0, 1 + rank]] = broken.tried[[0, 1 + rank]] = True
    broken.excluded[0] = rank == 1
    broken.share()
    assert broken.named.tolist() == broken.tried.tolist() == [True, True, True, False, False]
    assert broken.excluded.tolist() == [True, False, False, False, False]
    runner = runner_of(SimpleNamespace(broken=broken), folder)
    hook = BrokenVideosHook()
    hook.counted, broken._replaced[0] = 2, 3 + rank
    hook._report(runner)
    assert runner.lines[0].startswith('epoch 1: 3 samples') and '3 broken videos so far' in runner.lines[0]


def test_two_processes_tell_each_other_what_is_broken_and_count_no_video_twice(tmp_path, run_two_processes):
    run_two_processes(share_what_is_broken, str(tmp_path))


def test_a_training_lists_and_counts_its_broken_videos_and_a_resumed_one_repeats_no_line(tmp_path):
    videos = tmp_path / 'videos'
    videos.mkdir()
    for number in range(3):
        write_video(videos / f'{number}.mp4', pictures(seed=number))
    write_video(videos / 'cut.mp4')
    cut(videos / 'cut.mp4')
    config = ROOT / 'configs' / 'vspp' / 'vspp_r3d-10_16x1x1-20e_k100-rgb.py'
    transforms = 'train_dataloader.dataset.pipeline.clips.transforms'
    arguments = [
        str(config),
        '--data-root',
        str(videos),
        '--work-dir',
        str(tmp_path / 'work'),
        '--cfg-options',
        'model.backbone.base_channels=4',
        'model.heads.speed.in_channels=32',
        'model.heads.segment.in_channels=32',
        'default_hooks.precision.precision=fp32',
        'train_dataloader.batch_size=2',
        f'{transforms}.resize.scale=(40,36)',
        f'{transforms}.crop.size=32',
    ]
    with DefaultScope.overwrite_default_scope('videossl'):
        train([*arguments, 'train_cfg.max_epochs=2', 'experiment_name=broken_1'])
        train([*arguments[:5], '--resume', *arguments[5:], 'train_cfg.max_epochs=3', 'experiment_name=broken_2'])
    first, second = [path.read_text() for path in sorted((tmp_path / 'work').glob('*/*.log'), key=os.path.getmtime)]
    for number, log in ((1, first), (2, first), (3, second)):
        assert f'epoch {number}: 1 samples are of other videos than drawn' in log, log
    assert first.count('cannot read') == 1 and second.count('cannot read') == 0
    assert '1 broken videos are known from before' in second and 'from before' not in first
    assert (tmp_path / 'work' / 'broken_videos.txt').read_text().count('\n') == 1
    scalars = [json.loads(line) for path in (tmp_path / 'work').glob('*/vis_data/scalars.json') for line in path.open()]
    assert [
        line['step']
        for line in sorted(scalars, key=lambda line: line.get('step', 0))
        if 'data/replaced_samples' in line
    ] == [1, 2, 3]


def test_workers_that_run_already_are_told_where_the_list_is(tmp_path):
    names = touch(tmp_path, 'raise_open.mp4', *[f'good{number}.mp4' for number in range(7)])
    dataset = dataset_of(tmp_path, names, MADE_UP)
    loader = DataLoader(
        dataset, 1, sampler=[7] * 8 + [0] * 2, num_workers=1, collate_fn=pseudo_collate, prefetch_factor=1
    )
    batches = iter(loader)
    next(batches)
    dataset.broken.file = tmp_path / 'broken_videos.txt'
    assert len(list(batches)) == 9
    assert (tmp_path / 'broken_videos.txt').read_text().count('\n') == 1 and torch.equal(
        dataset.unreadable, torch.tensor([True] + [False] * 7)
    )
