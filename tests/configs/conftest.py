"""What the tests of the configs share: small real videos, and our registries' scope."""
from pathlib import Path

import av
import numpy as np
import pytest
from mmengine.registry import DefaultScope


@pytest.fixture(scope='session')
def videos(tmp_path_factory) -> Path:
    """A folder of three real videos of 40 frames, labelled 0, 1 and 2 in videos.txt."""
    folder = tmp_path_factory.mktemp('videos')
    generator = np.random.default_rng(0)
    for number in range(3):
        with av.open(str(folder / f'{number}.mp4'), 'w') as container:
            stream = container.add_stream('libx264', rate=25, options=dict(preset='ultrafast'))
            stream.width, stream.height, stream.pix_fmt = 80, 72, 'yuv420p'
            picture = generator.integers(0, 256, (9, 10, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
            for shift in range(40):
                pixels = np.ascontiguousarray(np.roll(picture, shift * (number + 1), axis=1))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format='rgb24')))
            container.mux(stream.encode())
    (folder / 'videos.txt').write_text(''.join(f'{number}.mp4 {number}\n' for number in range(3)))
    return folder


@pytest.fixture(autouse=True)
def our_scope():
    """Build as a run does, in default scope videossl; the other tests get their own back."""
    with DefaultScope.overwrite_default_scope('videossl'):
        yield
