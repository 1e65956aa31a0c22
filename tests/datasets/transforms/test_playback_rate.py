"""The sampler of PRP: the input clip, the target at half its rate, and how the target is taken out of the clips."""

import numpy as np
import pytest
from mmcv.transforms import BaseTransform

from videossl.datasets import EachClip, KeepTargetFrames, PackClips, SamplePlaybackRate

T, RATES = 16, (1, 2, 4, 8)


@pytest.fixture(autouse=True)
def seeded():
    np.random.seed(0)


def draw(sampler, total_frames):
    results = sampler(dict(total_frames=total_frames))
    frames = results['frame_inds'].reshape(-1, sampler.clip_len)
    assert frames.min() >= 0 and frames.max() < total_frames
    return frames[0], frames[1:].ravel(), results['gt_rate']


@pytest.mark.parametrize('rate', RATES)
def test_the_target_is_the_inputs_stretch_at_half_its_rate(rate):
    sampler = SamplePlaybackRate(rates=(rate,))
    needed = max(31 * rate // 2, 15) + 1
    for total_frames in (*range(1, 129), 200):
        for _ in range(3):
            clip, target, label = draw(sampler, total_frames)
            assert target[::2].tolist() == clip.tolist()
            start = clip[0]
            assert clip.tolist() == [(start + rate * i) % total_frames for i in range(T)]
            if rate == 1:
                assert target.tolist() == [(start + i // 2) % total_frames for i in range(2 * T)]
            else:
                assert target.tolist() == [(start + rate // 2 * i) % total_frames for i in range(2 * T)]
            assert start <= max(total_frames - needed, 0)
            # A step of half the video or more does not show the rate.
            assert label.tolist() == [-100 if total_frames <= 2 * rate else 0] and label.dtype == np.int64


def test_rates_are_uniform_and_the_label_is_their_place():
    sampler = SamplePlaybackRate()
    labels = []
    for _ in range(1000):
        clip, _, (label,) = draw(sampler, 129)
        assert set(np.diff(clip)) == {RATES[label]}
        labels.append(label)
    counts = np.bincount(labels)
    assert len(counts) == 4 and (abs(counts - 250) < 4 * np.sqrt(1000 * 3 / 16)).all()


@pytest.mark.parametrize(
    ('total_frames', 'fitting'), [(5, 1), (31, 1), (32, 2), (63, 2), (64, 3), (127, 3), (128, 4), (500, 4)]
)
def test_short_videos_may_keep_to_the_rates_that_fit(total_frames, fitting):
    sampler = SamplePlaybackRate(short_videos='smaller')
    labels = [int(draw(sampler, total_frames)[2][0]) for _ in range(400)]
    counts = np.bincount(labels)
    assert len(counts) == fitting
    assert (abs(counts - 400 / fitting) <= 4 * np.sqrt(400 / fitting * (1 - 1 / fitting))).all()


def test_views_are_clips_at_rates_of_their_own_without_a_target():
    sampler = SamplePlaybackRate(num_views=2)
    pairs = []
    for _ in range(200):
        results = sampler(dict(total_frames=300))
        clips = results['frame_inds'].reshape(2, T)
        assert [RATES[label] for label in results['gt_rate']] == [clip[1] - clip[0] for clip in clips]
        pairs.append(results['gt_rate'])
    assert {tuple(pair) for pair in np.array(pairs).tolist()} >= {(0, 3), (3, 0), (1, 1), (2, 0)}


def test_words_and_shading():
    sampler = SamplePlaybackRate()
    labels = dict(gt_rate=np.array([3]))
    assert sampler.describe_clip(labels, 0) == '8 times natural speed'
    assert sampler.describe_clip(dict(gt_rate=np.array([-100])), 0) == 'no rate asked for'
    assert sampler.altered_positions(labels, 0).all()
    assert not sampler.altered_positions(dict(gt_rate=np.array([0])), 0).any()


@pytest.mark.parametrize('rates', [(), (2, 1), (1, 3), (2, 2), (0, 2)])
def test_rates_without_a_half_are_refused(rates):
    with pytest.raises(ValueError, match='rates'):
        SamplePlaybackRate(rates=rates)


class NumberOfTheFrame(BaseTransform):
    """In the place of a decoder: every frame shows its number, and its columns."""

    def transform(self, results):
        columns = np.arange(20, dtype=np.uint8)
        results['imgs'] = [np.full((12, 20, 3), index, np.uint8) for index in results['frame_inds']]
        for frame in results['imgs']:
            frame[:, :, 1] = columns
        results['original_shape'] = results['img_shape'] = (12, 20)
        return results


def test_input_and_target_have_one_crop_and_flip_and_the_target_leaves_the_clips():
    crop = dict(type='RandomCrop', size=8)
    each_clip = EachClip([crop, dict(type='Flip', flip_ratio=0.5)], groups=[[0, 1, 2]], keep_middle_frame=True)
    flips = set()
    for _ in range(20):
        results = NumberOfTheFrame()(SamplePlaybackRate()(dict(total_frames=150, start_index=0)))
        frame_inds = results['frame_inds'].copy()
        results = each_clip(results)
        before = [frame.copy() for frame in results['imgs']]
        sample = KeepTargetFrames()(results)
        assert np.array_equal(sample['target_frames'], before[T:]) and sample['target_frames'].dtype == np.uint8
        assert np.array_equal(sample['imgs'], before[:T])
        assert (sample['num_clips'], len(sample['clip_geometry']), len(sample['middle_frames'])) == (1, 1, 1)
        assert np.array_equal(sample['frame_inds'], frame_inds[:T])
        # The frames at even places of the target are those of the input, to the pixel.
        assert np.array_equal(sample['target_frames'][::2], sample['imgs'])
        flips.add(sample['clip_geometry'][0]['flip'])

        packed = PackClips()(sample)
        assert packed['inputs'].shape == (1, 3, T, 8, 8)
        target = packed['data_samples'].target_frames
        assert tuple(target.shape) == (3, 2 * T, 8, 8) and str(target.dtype) == 'torch.uint8'
        assert (target[0, :, 0, 0].numpy() == frame_inds[T:]).all()
        assert np.array_equal(target[:, ::2].numpy(), packed['inputs'][0].numpy())
        assert packed['data_samples'].gt_rate.shape == (1,)
    assert flips == {True, False}


def test_a_sample_without_a_target_is_refused():
    results = NumberOfTheFrame()(SamplePlaybackRate(num_views=1)(dict(total_frames=50)))
    with pytest.raises(ValueError, match='one clip only'):
        KeepTargetFrames()(results)
