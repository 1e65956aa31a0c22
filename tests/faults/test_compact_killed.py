"""Writing a data set anew, killed in the middle: what is finished stays, nothing half-written counts, and the rest follows."""

import os
import signal
import subprocess
import sys
import time

import av
import numpy as np
import pytest

from videossl.apis.preparation.compact import compact
from videossl.datasets.preparation.checking import read_video

pytestmark = pytest.mark.slow


def write(path, frames=12):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=25, options=dict(preset='ultrafast', threads='1'))
        stream.width = stream.height = 144
        stream.pix_fmt = 'yuv420p'
        for index in range(frames):
            picture = np.full((144, 144, 3), 20 * index % 256, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24')))
        container.mux(stream.encode())


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    source, out = tmp_path / 'source', tmp_path / 'out'
    for number in range(3):
        write(source / f'{number}.mp4')
    write(source / '3.mp4', frames=3000)  # takes some seconds, so that the kill comes in the middle of it
    begun = time.monotonic()
    process = subprocess.Popen(
        [
            sys.executable,
            '-m',
            'videossl.apis.preparation.compact',
            '--data-root',
            str(source),
            '--out',
            str(out),
            '--workers',
            '1',
        ],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        while not list(out.glob('.3.mp4.*.part')):
            assert process.poll() is None and time.monotonic() - begun < 60, 'the last video was never begun'
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    finished = {path.name: path.stat().st_mtime_ns for path in out.glob('*.mp4')}
    assert sorted(finished) == ['0.mp4', '1.mp4', '2.mp4']
    assert len(list(out.glob('.3.mp4.*.part'))) == 1, 'the kill came too late to show anything'

    report = compact(str(source), str(out), workers=1)
    assert report.written == ['3.mp4'] and len(report.skipped) == 3 and not report.failed
    assert {name: (out / name).stat().st_mtime_ns for name in finished} == finished, (
        'finished videos were written again'
    )
    assert sorted(path.name for path in out.iterdir()) == ['0.mp4', '1.mp4', '2.mp4', '3.mp4', 'compacted.jsonl']
    assert [read_video(str(out / f'{number}.mp4')) for number in range(4)] == [12, 12, 12, 3000]
