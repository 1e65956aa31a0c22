import pickle

import av
import cv2
import numpy as np
import pytest
from mmaction.datasets.transforms import DecordInit, Flip, Resize

from videossl.datasets.readers.opening import VideoReaderInit
from videossl.datasets.transforms import DecodeClips, EachClip, VideoReadError
from videossl.datasets.transforms.decoding import scale_while_decoding
from videossl.registry import TRANSFORMS

decord = pytest.importorskip('decord')

NUM_FRAMES, HEIGHT, WIDTH = 60, 48, 64


def write_video(path, num_frames=NUM_FRAMES, key_frame_distance=12, b_frames=2):
    """A moving pattern, encoded with B-frames so that seeking is not trivial."""
    blocks = np.random.default_rng(0).integers(0, 255, (10, 20, 3), dtype=np.uint8)
    pattern = cv2.resize(blocks, (2 * WIDTH, 2 * HEIGHT))
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, 'yuv420p'
        stream.gop_size, stream.max_b_frames = key_frame_distance, b_frames
        for index in range(num_frames):
            picture = np.ascontiguousarray(pattern[index // 2 : index // 2 + HEIGHT, index : index + WIDTH])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24')))
        container.mux(stream.encode())
    return str(path)


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp('videos') / 'moving.mp4')


class CountingReader:
    """Frames from an array; remembers which were asked for. Has get_batch only."""

    def __init__(self, frames):
        self.frames = frames
        self.asked = []

    def __len__(self):
        return len(self.frames)

    def get_batch(self, indices):
        self.asked.extend(indices)
        return self.frames[indices]


class SteppingReader(CountingReader):
    """The same with decord's other two methods."""

    position = 0

    def seek_accurate(self, index):
        self.position = index

    def next(self):
        self.asked.append(self.position)
        self.position += 1
        return self.frames[self.position - 1].copy()


def numbered_frames(count=40):
    frames = np.zeros((count, 6, 8, 3), dtype=np.uint8)
    frames += np.arange(count, dtype=np.uint8)[:, None, None, None]
    frames[..., 1] += np.arange(8, dtype=np.uint8)  # not the same from left to right
    return frames


def sample(reader, frame_inds, filename='clip.mp4'):
    return dict(filename=filename, video_reader=reader, frame_inds=np.array(frame_inds), modality='RGB')


CLIPS = {
    'overlapping runs': list(range(10, 26)) + list(range(18, 34)),
    'a fast segment': [5, 6, 7, 8, 12, 16, 20, 24, 25, 26, 27, 28] + list(range(0, 12)),
    'scattered': [50, 3, 17, 33, 8, 59],
    'backwards': list(range(30, 14, -1)),
    'wrapping at the end': list(range(52, 60)) + list(range(0, 8)),
    'with repeats': [4, 4, 4, 5, 5, 6, 59, 59],
    'one frame': [59],
}


@pytest.mark.parametrize('name', CLIPS)
@pytest.mark.parametrize('key_frame_distance', [4, 250])
def test_frames_equal_those_of_decords_get_batch(tmp_path, name, key_frame_distance):
    path = write_video(tmp_path / 'video.mp4', key_frame_distance=key_frame_distance)
    results = DecordInit().transform(dict(filename=path))
    results['frame_inds'] = np.array(CLIPS[name])

    results = DecodeClips().transform(results)

    expected = decord.VideoReader(path).get_batch(CLIPS[name]).asnumpy()
    assert len(results['imgs']) == len(CLIPS[name])
    assert all(np.array_equal(frame, wanted) for frame, wanted in zip(results['imgs'], expected))
    assert results['img_shape'] == results['original_shape'] == (HEIGHT, WIDTH)
    assert results['video_reader'] is None


@pytest.mark.parametrize('reader_type', [CountingReader, SteppingReader])
@pytest.mark.parametrize('name', CLIPS)
def test_each_frame_is_decoded_once_and_in_order(reader_type, name):
    reader = reader_type(numbered_frames(60))
    imgs = DecodeClips().transform(sample(reader, CLIPS[name]))['imgs']
    assert reader.asked == sorted(set(CLIPS[name]))
    assert [frame[0, 0, 0] for frame in imgs] == CLIPS[name]


@pytest.mark.parametrize('reader_type', [CountingReader, SteppingReader])
def test_frames_used_twice_do_not_share_memory_so_an_in_place_flip_flips_them_once(reader_type):
    frames = numbered_frames()
    results = DecodeClips().transform(sample(reader_type(frames), [3, 4, 5, 6, 6, 5, 4, 3]))
    imgs = results['imgs']
    assert not any(np.shares_memory(imgs[i], imgs[j]) for i in range(8) for j in range(i))

    flipped = Flip(flip_ratio=1).transform(results)['imgs']
    for frame, index in zip(flipped, [3, 4, 5, 6, 6, 5, 4, 3]):
        assert np.array_equal(frame, frames[index, :, ::-1])


def test_a_stand_in_that_spreads_one_blank_picture_over_all_frames_gives_writable_frames():
    class Blank:
        def __len__(self):
            return 10

        def get_batch(self, indices):
            return np.broadcast_to(np.zeros((6, 8, 3), dtype=np.uint8), (len(indices), 6, 8, 3))

    imgs = DecodeClips().transform(sample(Blank(), [0, 1, 2, 2]))['imgs']
    imgs[0][:] = 7
    assert [frame.max() for frame in imgs] == [7, 0, 0, 0]


@pytest.mark.parametrize('reader_type', [CountingReader, SteppingReader])
@pytest.mark.parametrize('frame_inds', [[0, 1, 40], [-1, 0, 1]])
def test_indices_outside_the_video_are_an_error_that_names_file_and_frame(reader_type, frame_inds):
    reader = reader_type(numbered_frames(40))
    with pytest.raises(VideoReadError, match=r'clip\.mp4: frame (40|-1) was asked for, .* 0 to 39'):
        DecodeClips().transform(sample(reader, frame_inds))
    assert reader.asked == []


def test_a_reader_that_gives_fewer_frames_is_an_error():
    class Short(CountingReader):
        def get_batch(self, indices):
            return super().get_batch(indices)[:-2]

    with pytest.raises(VideoReadError, match='8 frames were asked for, but the decoder gave 6'):
        DecodeClips().transform(sample(Short(numbered_frames()), range(8)))


@pytest.mark.parametrize('error', [StopIteration(), ValueError('bad packet'), RuntimeError('bad packet')])
def test_a_reader_that_raises_is_an_error_with_its_reason(error):
    class Broken(SteppingReader):
        def next(self):
            raise error

    with pytest.raises(VideoReadError, match=type(error).__name__) as caught:
        DecodeClips().transform(sample(Broken(numbered_frames()), range(8)))
    assert caught.value.__cause__ is error


def test_a_damaged_file_gives_all_frames_or_an_error_that_names_it(video, tmp_path):
    data = open(video, 'rb').read()
    # The index of the mp4 stands at the end of the file: overwrite pixels in the middle instead of cutting it off.
    start = len(data) // 3
    broken = tmp_path / 'broken.mp4'
    broken.write_bytes(data[:start] + bytes(len(data) // 4) + data[start + len(data) // 4 :])
    results = DecordInit().transform(dict(filename=str(broken)))
    results['frame_inds'] = np.arange(NUM_FRAMES)
    try:
        imgs = DecodeClips().transform(results)['imgs']
    except VideoReadError as error:
        assert str(broken) in str(error)
    else:  # FFmpeg conceals some kinds of damage; then there must be as many frames as were asked for
        assert len(imgs) == NUM_FRAMES


def test_the_error_survives_the_way_from_a_worker_to_the_main_process():
    error = pickle.loads(pickle.dumps(VideoReadError('a.mp4', 'too short')))
    assert (error.filename, error.reason, str(error)) == ('a.mp4', 'too short', 'a.mp4: too short')
    assert isinstance(error, RuntimeError)


def test_scaling_to_a_short_side_or_an_exact_size_happens_once_per_frame(monkeypatch):
    calls = []
    resize = cv2.resize
    monkeypatch.setattr(cv2, 'resize', lambda *args, **kwargs: calls.append(1) or resize(*args, **kwargs))
    frames = np.random.default_rng(1).integers(0, 255, (10, 48, 64, 3), dtype=np.uint8)
    results = DecodeClips(scale=24).transform(sample(CountingReader(frames), [0, 1, 1, 0]))
    assert len(calls) == 2
    assert (results['original_shape'], results['img_shape']) == ((48, 64), (24, 32))
    assert results['scale_factor'].tolist() == [0.5, 0.5]
    assert np.array_equal(results['imgs'][2], resize(frames[1], (32, 24), interpolation=cv2.INTER_LINEAR))

    results = DecodeClips(scale=(40, 20)).transform(sample(CountingReader(frames), [0, 1]))
    assert results['imgs'][0].shape == (20, 40, 3)


def decoded_and_resized(path, transforms):
    results = VideoReaderInit()(dict(filename=str(path)))
    results.update(frame_inds=np.array([3, 9, 9, 20]), num_clips=2, clip_len=2)
    for transform in transforms:
        results = transform(results)
    return results


@pytest.mark.parametrize('in_each_clip', [False, True])
def test_frames_scaled_as_they_are_decoded_are_those_of_a_resize_behind_it(video, in_each_clip):
    def pipeline():
        resize = Resize(scale=(40, 30), keep_ratio=False)
        return [DecodeClips(), EachClip([resize, Flip(flip_ratio=0)]) if in_each_clip else resize]

    expected = decoded_and_resized(video, pipeline())
    transforms = pipeline()
    scale_while_decoding(transforms)
    assert decoded_and_resized(video, transforms[:1])['imgs'][0].shape == (30, 40, 3)
    found = decoded_and_resized(video, transforms)
    assert all(np.array_equal(*frames) for frames in zip(found['imgs'], expected['imgs'], strict=True))
    for key in ('original_shape', 'img_shape', 'clip_geometry', 'scale_factor'):
        assert np.array_equal(found.get(key), expected.get(key)), key


@pytest.mark.parametrize(
    'resize',
    [
        Resize(scale=(-1, 30)),
        Resize(scale=(40, 30), keep_ratio=False, interpolation='area'),
        Resize(scale=(40, 30), keep_ratio=False, lazy=True),
        Flip(),
    ],
)
def test_other_transforms_behind_decoding_get_whole_frames(video, resize):
    transforms = [DecodeClips(), EachClip([resize])]
    scale_while_decoding(transforms)
    assert transforms[1].transforms == [resize]
    results = decoded_and_resized(video, transforms[:1])
    assert results['imgs'][0].shape[:2] == results['original_shape']


@pytest.mark.parametrize('scale', [0, (3, 0), (1, 2, 3), ()])
def test_a_senseless_scale_is_refused_at_build_time(scale):
    with pytest.raises(ValueError, match='scale'):
        TRANSFORMS.build(dict(type='DecodeClips', _scope_='videossl', scale=scale))


def test_frames_that_are_no_rgb_pictures_are_an_error_that_names_the_file():
    class FourChannels(CountingReader):
        def get_batch(self, indices):
            return np.zeros((len(indices), 6, 8, 4), dtype=np.uint8)

    with pytest.raises(VideoReadError, match=r'clip\.mp4.*\(6, 8, 4\)'):
        DecodeClips()(sample(FourChannels(numbered_frames()), [0, 5]))
