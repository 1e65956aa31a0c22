"""What the tests of pictures share."""

import importlib.util
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from videossl.features.clip_features import ClipFeatures

ROOT = Path(__file__).parents[2]
NUM_FRAMES = 60


@pytest.fixture(scope='session')
def analysis_tool():
    """A function that imports a script of tools/analysis."""

    def load(name):
        spec = importlib.util.spec_from_file_location(f'analysis_{name}', ROOT / 'tools' / 'analysis' / f'{name}.py')
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope='session')
def videos(tmp_path_factory):
    """A folder of two videos of 60 frames, each frame a grey of its own: 4 times its number."""
    folder = tmp_path_factory.mktemp('videos')
    for name in ('a.mp4', 'b.mp4'):
        with av.open(str(folder / name), 'w') as container:
            stream = container.add_stream(
                'libx264', rate=25, options=dict(preset='ultrafast', g='12', threads='1', crf='5')
            )
            stream.width = stream.height = 80
            stream.pix_fmt = 'yuv420p'
            for number in range(NUM_FRAMES):
                picture = np.full((80, 80, 3), 4 * number, dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24')))
            container.mux(stream.encode())
    return folder


@pytest.fixture
def pixels():
    """A function that draws a figure: uint8 RGB [H, W, 3]."""

    def draw(figure):
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()

    return draw


@pytest.fixture
def read_picture():
    """A function that reads a picture: uint8 RGB [H, W, 3]."""

    def read(path):
        picture = cv2.imread(str(path))
        assert picture is not None, f'{path} is no picture'
        return picture[..., ::-1]

    return read


@pytest.fixture
def features_file():
    """A function that writes features of videos, each the one-hot code of its label, and gives their path. Those of a video that
    could not be read are zeros."""

    def write(path, labels, videos, readable=None):
        count = len(labels)
        features = np.zeros((count, 2, 4), dtype=np.float32)
        features[np.arange(count), :, labels] = 1
        readable = np.ones(count, bool) if readable is None else np.array(readable)
        features[~readable] = 0
        paths = [videos[number % len(videos)] for number in range(count)]
        ClipFeatures(features, np.array(labels), paths, readable, dict(split='list.txt')).save(path)
        return str(path)

    return write
