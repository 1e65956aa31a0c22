"""Measuring the motion of a data set: right where a square moves, complete, and resumable."""

import av
import numpy as np
import pytest

from videossl.apis.preparation import measure_motion as api
from videossl.datasets.motion_store import MotionStore, MotionStoreError
from videossl.errors import ConfigError


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Two videos of 64x96 pixels: a textured square moves to the right by 2 pixels a frame, from frame 10 of 20 on."""
    root = tmp_path_factory.mktemp('videos')
    noise = np.random.default_rng(0).integers(0, 256, (3, 3, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    for name in ('a.mp4', 'b/c.mp4'):
        (root / name).parent.mkdir(exist_ok=True)
        with av.open(str(root / name), 'w') as container:
            stream = container.add_stream('libx264', rate=25, options=dict(preset='ultrafast', crf='4', threads='1'))
            stream.width, stream.height, stream.pix_fmt = 96, 64, 'yuv420p'
            for time in range(20):
                frame = np.full((64, 96, 3), 110, np.uint8)
                x = 4 + 2 * max(time - 10, 0)
                frame[36:60, x : x + 24] = noise
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
            container.mux(stream.encode())
    (root / 'broken.mp4').write_bytes(b'no video')
    return root


def test_motion_is_where_and_when_the_square_moves(folder):
    motion = api.motion_of(str(folder / 'a.mp4'), every=2)
    assert motion.total_frames == 20 and motion.maps.shape == (9, 8, 8)
    assert motion.maps[:4].max() < 0.05
    moving = motion.maps[6]
    row, column = np.unravel_index(moving.argmax(), moving.shape)
    assert row >= 4 and column <= 3 and moving[:3].max() < 0.1
    assert 1 < moving.max() < 3  # 2 pixels per frame
    assert motion.per_frame[:10].max() < 0.02 < motion.per_frame[12:].min()


def test_a_video_of_one_frame_has_no_motion(folder):
    motion = api.motion_of(str(folder / 'a.mp4'), every=50)
    assert motion.maps.shape == (1, 8, 8) and motion.maps.max() == 0


def test_a_data_set_is_measured_once_and_what_is_missing_later(folder, tmp_path, capsys):
    out = tmp_path / 'motion.sqlite'
    (tmp_path / 'some.txt').write_text('a.mp4\n')
    arguments = ['--data-root', str(folder), '--out', str(out), '--workers', '1']
    api.main([*arguments, '--ann-file', str(tmp_path / 'some.txt')])
    assert '1 videos measured, 0 were there already, 0 cannot be read' in capsys.readouterr().out
    before = MotionStore(out).read('a.mp4')
    api.main(arguments)
    printed = capsys.readouterr().out
    assert '1 videos measured, 1 were there already, 1 cannot be read' in printed and 'broken.mp4: ' in printed
    assert f'{out}: ' in printed and 'kB' in printed
    assert MotionStore(out).paths() == {'a.mp4', 'b/c.mp4'}
    np.testing.assert_array_equal(MotionStore(out).read('a.mp4').maps, before.maps)
    with pytest.raises(MotionStoreError, match='other settings'):
        api.main([*arguments, '--every', '3'])


def test_unusable_arguments_are_refused(folder, tmp_path):
    with pytest.raises(ConfigError, match='every must be an integer of at least 1'):
        api.measure_motion(str(folder), str(tmp_path / 'motion.sqlite'), every=0)
    (tmp_path / 'text').write_text('text, and no database ' * 60)
    with pytest.raises(MotionStoreError, match='cannot be written'):
        api.measure_motion(str(folder), str(tmp_path / 'text'))
    with pytest.raises(SystemExit):
        api.parse_args(['--data-root', 'x', '--out', 'y', '--workers', '0'])
