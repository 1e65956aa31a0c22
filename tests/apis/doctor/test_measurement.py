"""The timers of the loader and of the step."""

import itertools
from types import SimpleNamespace

import pytest
import torch

from videossl.apis.doctor import measurement
from videossl.apis.doctor.measurement import Feed, Measurement, endless_loader, result_of, timed
from videossl.datasets import VideoDataset
from videossl.datasets.moving_shapes import write_moving_shapes


def rate_of(monkeypatch, times, **arguments) -> float:
    """The rate of batches that arrive at these times."""
    clock = iter(times)
    monkeypatch.setattr(measurement, 'time', SimpleNamespace(perf_counter=lambda: next(clock)))
    return result_of(timed(itertools.repeat({}), **arguments))


def test_the_rate_of_a_loader_leaves_out_the_batches_that_were_ready(monkeypatch):
    times = (1.0, 1.001, 1.002, 2.002, 3.002, 4.002, 5.002)
    assert rate_of(monkeypatch, times, size=5, skip=2, seconds=4) == pytest.approx(5)


def test_a_loader_too_slow_to_become_steady_still_has_a_rate(monkeypatch):
    assert rate_of(monkeypatch, (1.0, 4.0, 7.0), size=6, skip=50, seconds=1) == pytest.approx(2)


def test_the_batch_that_is_timed_fits_the_time():
    feed = Feed.__new__(Feed)
    feed.found, feed.seconds, feed.is_compiled = Measurement(workers=0, full_batch=30), 2, False
    assert [feed._size(seconds) for seconds in (0.01, 0.1, 100)] == [30, 5, 2]  # 4 x 30 x 10 ms
    feed.is_compiled = True
    assert feed._size(100) == 30
    feed.found.full_batch = 1
    assert feed._size(100) == 1


@pytest.mark.parametrize('workers', [None, 1])
def test_a_loader_without_an_end_goes_on_over_the_epochs(tmp_path, workers):
    write_moving_shapes(tmp_path, num_train=3, num_test=1, size=64, num_frames=8, num_classes=2, workers=1)
    pipeline = [
        dict(type='DecordInit'),
        dict(type='SampleFrames', clip_len=4, frame_interval=1, num_clips=2),
        dict(type='DecodeClips'),
        dict(type='EachClip', transforms=[]),
        dict(type='PackClips'),
    ]
    dataset = VideoDataset(None, pipeline, data_root=str(tmp_path))
    loader = torch.utils.data.DataLoader(dataset, 3, collate_fn=lambda batch: batch)
    batches = iter(endless_loader(loader, 3, workers))
    assert sum(len(next(batches)) for _ in range(3)) == 9  # of 4 videos
