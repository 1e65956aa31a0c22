"""Past, current and future of a window and the key out of all three, in videos of every length and rate."""

import numpy as np
import pytest

from videossl.datasets import EachClip, SampleCycle
from videossl.registry import TRANSFORMS

T = 16


@pytest.fixture(autouse=True)
def seeded():
    np.random.seed(0)


def draw(sampler, total_frames, **results):
    return sampler(dict(total_frames=total_frames, **results))['frame_inds'].reshape(-1, T)


def test_three_clips_follow_one_another_and_the_key_is_a_sorted_part_of_them():
    sampler = SampleCycle(T)
    for total_frames in range(1, 120):
        for _ in range(3):
            past, current, future, key = draw(sampler, total_frames)
            window = [*past, *current, *future]
            start = window[0]
            assert 0 <= start <= max(total_frames - 3 * T, 0)
            assert window == [(start + i) % total_frames for i in range(3 * T)]
            if total_frames >= 3 * T:
                assert list(key) == sorted(set(key)) and set(key) <= set(window)
            else:  # frames come more than once
                assert all(np.sum(key == frame) <= window.count(frame) for frame in key)


def test_every_start_and_every_frame_of_the_window_is_drawn():
    starts, positions = set(), set()
    for _ in range(300):
        clips = draw(SampleCycle(T), 3 * T + 4)
        starts.add(int(clips[0, 0]))
        positions |= set((clips[3] - clips[0, 0]).tolist())
    assert starts == set(range(5)) and positions == set(range(3 * T))


@pytest.mark.parametrize(('avg_fps', 'fps'), [(24, 24), (30, 24), (25.0, 24), (60, 24), (12, 24), (29.97, 10)])
def test_a_rate_resamples_the_window(avg_fps, fps):
    sampler = SampleCycle(T, fps=fps)
    for total_frames in (1, 7, 60, 200, 500):
        length = max(int(total_frames * fps / avg_fps), 1)  # of the video at that rate
        frames = draw(sampler, total_frames, avg_fps=avg_fps)
        resampled = [min(int(i * avg_fps / fps), total_frames - 1) for i in range(length)]
        window = frames[:3].flatten().tolist()
        candidates = [[resampled[(start + i) % length] for i in range(3 * T)] for start in range(length)]
        assert window in candidates[: max(length - 3 * T, 0) + 1]
        assert set(frames[3]) <= set(window)


@pytest.mark.parametrize('known', [dict(), dict(avg_fps=0), dict(avg_fps=float('nan')), dict(avg_fps=None)])
def test_a_video_of_unknown_rate_is_taken_as_it_is(known):
    frames = draw(SampleCycle(T, fps=24), 100, **known)
    assert (np.diff(frames[:3].flatten()) == 1).all()


def test_two_views_are_one_of_the_three_clips_and_the_key():
    places = set()
    for _ in range(60):
        clip, key = draw(SampleCycle(T, num_views=2), 3 * T)
        assert (np.diff(clip) == 1).all() and (np.diff(key) > 0).all()
        places.add(int(clip[0]))
    assert places == {0, T, 2 * T}


def test_past_current_and_future_share_a_crop_and_the_key_has_its_own():
    sampler = TRANSFORMS.build(dict(type='SampleCycle', clip_len=2))
    crop = [dict(type='RandomResizedCrop', area_range=(0.4, 1.0)), dict(type='Resize', scale=(8, 8), keep_ratio=False)]
    results = sampler(dict(total_frames=20))
    image = np.zeros((40, 40, 3), np.uint8)
    results.update(imgs=[image] * 8, original_shape=image.shape[:2], img_shape=image.shape[:2])
    boxes = [record['crop_box'] for record in EachClip(crop, groups=[[0, 1, 2], [3]])(results)['clip_geometry']]
    assert boxes[0] == boxes[1] == boxes[2] != boxes[3]


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [(dict(num_views=3), 'num_views'), (dict(fps=0), 'fps'), (dict(fps='24'), 'fps'), (dict(clip_len=0), 'clip_len')],
)
def test_a_senseless_argument_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        SampleCycle(**arguments)
