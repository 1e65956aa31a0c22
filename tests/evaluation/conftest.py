"""What the tests of the evaluation share: our registries' scope, and small real videos."""

from pathlib import Path

import av
import numpy as np
import pytest
from mmengine.registry import DefaultScope

FRAMES = 40


@pytest.fixture(autouse=True)
def our_scope():
    """Build as a run does, in default scope videossl; the other tests get their own back."""
    with DefaultScope.overwrite_default_scope('videossl'):
        yield


@pytest.fixture(scope='session')
def videos(tmp_path_factory) -> Path:
    """A folder of seven videos of three classes, stripes that move this way and that; train.txt has four of them,
    test.txt three, and broken.txt a file that is no video between two of those."""
    folder = tmp_path_factory.mktemp('videos')
    for number in range(7):
        with av.open(str(folder / f'{number}.mp4'), 'w') as container:
            stream = container.add_stream('libx264', rate=25, options=dict(preset='ultrafast'))
            stream.width, stream.height, stream.pix_fmt = 80, 72, 'yuv420p'
            picture = np.random.default_rng(number % 3).integers(0, 256, (9, 10, 3), dtype=np.uint8)
            picture = picture.repeat(8, axis=0).repeat(8, axis=1)
            for shift in range(FRAMES):
                pixels = np.ascontiguousarray(np.roll(picture, shift * (number + 1), axis=1))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format='rgb24')))
            container.mux(stream.encode())
    (folder / 'text.mp4').write_text('no video')
    (folder / 'train.txt').write_text(''.join(f'{number}.mp4 {number % 3}\n' for number in range(4)))
    (folder / 'test.txt').write_text(''.join(f'{number}.mp4 {number % 3}\n' for number in range(4, 7)))
    (folder / 'broken.txt').write_text('4.mp4 1\ntext.mp4 2\n5.mp4 2\n')
    return folder
