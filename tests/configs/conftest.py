"""What the tests of the configs share: small real videos, and our registries' scope."""

from pathlib import Path

import av
import numpy as np
import pytest
from mmengine.registry import DefaultScope

from videossl.datasets.parsing_store import ParsingInfo, map_path, write_parsing


@pytest.fixture(scope='session')
def videos(tmp_path_factory) -> Path:
    """A folder of three real videos of 40 frames, labelled 0, 1 and 2 in videos.txt, each with masks where MovingShapes
    has them and a parsing in 20 classes under parsing/."""
    folder = tmp_path_factory.mktemp('data')
    names = [f'videos/train/{number}.mp4' for number in range(3)]
    info = ParsingInfo(
        tuple(map(str, range(20))),
        ((14, 15),),
        every=8,
        total_frames=40,
        original_size=(72, 80),
        side=6,
        teacher='noise',
    )
    for part in ('videos', 'masks'):
        (folder / part / 'train').mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number, name in enumerate(names):
        masks = generator.integers(0, 2, (40, 72, 80))
        np.savez(folder / 'masks' / 'train' / f'{number}.npz', bits=np.packbits(masks), shape=masks.shape)
        write_parsing(
            map_path(folder / 'parsing', name), ((frame, -generator.random((20, 6, 7))) for frame in info.frames), info
        )
        with av.open(str(folder / name), 'w') as container:
            stream = container.add_stream('libx264', rate=25, options=dict(preset='ultrafast'))
            stream.width, stream.height, stream.pix_fmt = 80, 72, 'yuv420p'
            picture = generator.integers(0, 256, (9, 10, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
            for shift in range(40):
                pixels = np.ascontiguousarray(np.roll(picture, shift * (number + 1), axis=1))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format='rgb24')))
            container.mux(stream.encode())
    (folder / 'videos.txt').write_text(''.join(f'{name} {number}\n' for number, name in enumerate(names)))
    return folder


@pytest.fixture(autouse=True)
def our_scope():
    """Build as a run does, in default scope videossl; the other tests get their own back."""
    with DefaultScope.overwrite_default_scope('videossl'):
        yield
