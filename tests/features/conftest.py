"""What the tests of features share: five videos in a list, a small model, and a record of the videos that are opened."""

import os

import pytest
from extraction_making import make_model, write_videos

from videossl.apis import extract_features
from videossl.datasets import VideoDataset


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    return write_videos(tmp_path_factory.mktemp('videos'))


@pytest.fixture(scope='module')
def model():
    return make_model()


@pytest.fixture
def run(videos, model):
    """A function that extracts from the list of five videos."""

    def run(**settings):
        return extract_features(model, **{**dict(videos=videos / 'list.txt', progress=False), **settings})

    return run


@pytest.fixture
def decoded(monkeypatch):
    """Names of the videos that were opened, in order."""
    opened = []
    original = VideoDataset._run_pipeline

    def spy(self, results, blank=False):
        if not blank:
            opened.append(os.path.basename(results['filename']))
        return original(self, results, blank)

    monkeypatch.setattr(VideoDataset, '_run_pipeline', spy)
    return opened
