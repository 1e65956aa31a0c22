"""Small videos that the tests of this folder share, encoded once."""

import logging

import av
import numpy as np
import pytest
from mmengine.logging import MMLogger

SIZE = 64


def write_video(path, num_frames, seed=0, options=None):
    """H.264 of random blocks: every frame differs from every other, also after compression."""
    blocks = np.random.default_rng(seed).integers(0, 256, size=(num_frames, 8, 8, 3), dtype=np.uint8)
    frames = blocks.repeat(SIZE // 8, axis=1).repeat(SIZE // 8, axis=2)
    with av.open(str(path), 'w', options=options or {}) as container:
        stream = container.add_stream('libx264', rate=25, options=dict(preset='ultrafast', g='12', threads='1'))
        stream.width = stream.height = SIZE
        stream.pix_fmt = 'yuv420p'
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode())


def cut_in_half(source, target):
    content = source.read_bytes()
    target.write_bytes(content[: len(content) // 2])


@pytest.fixture(scope='session')
def good_videos(tmp_path_factory):
    """A folder of four videos of 40 frames: 0.mp4 .. 3.mp4."""
    folder = tmp_path_factory.mktemp('good')
    for number in range(4):
        write_video(folder / f'{number}.mp4', 40, seed=number)
    return folder


@pytest.fixture(scope='session')
def bad_videos(tmp_path_factory):
    """A folder of files that cannot be read, each in its own way, and short videos that can."""
    folder = tmp_path_factory.mktemp('bad')
    write_video(folder / 'one_frame.mp4', 1)
    write_video(folder / 'two_frames.mp4', 2)
    (folder / 'zero_bytes.mp4').write_bytes(b'')
    (folder / 'text.mp4').write_text('this is no video\n' * 100)
    (folder / 'folder.mp4').mkdir()
    whole = folder / 'whole.mp4'
    write_video(whole, 40)
    cut_in_half(whole, folder / 'index_cut_off.mp4')
    write_video(whole, 40, options=dict(movflags='faststart'))
    cut_in_half(whole, folder / 'frames_cut_off.mp4')
    garbled = bytearray(whole.read_bytes())
    third = len(garbled) // 3
    garbled[third : 2 * third] = bytes(third)
    (folder / 'hole_in_the_middle.mp4').write_bytes(garbled)
    whole.unlink()
    whole = folder / 'whole.avi'
    write_video(whole, 40)
    cut_in_half(whole, folder / 'cut_off.avi')
    whole.unlink()
    return folder


@pytest.fixture
def logged():
    """The records that go to mmengine's logger."""
    records = []
    handler = logging.Handler()
    handler.addFilter(lambda record: 'will be deprecated' not in record.getMessage())  # mmengine's, about itself
    handler.emit = records.append
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)
