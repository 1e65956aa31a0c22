"""The four temporal transformations of RTT: which frames they show in videos of every length, and how they are labelled."""

import itertools
import math

import numpy as np
import pytest

from videossl.datasets import EachClip, PackClips, SampleTemporalTransform, TemporalJitter
from videossl.datasets.transforms.temporal_transform import periodic_offsets
from videossl.models import Pretrainer
from videossl.models.heads import ClipClassificationHead
from videossl.registry import TRANSFORMS

T = 16


def draw(total_frames, sampler=None, **keys):
    """The clips of one sample [V, T] from 0, and its two labels as lists."""
    results = (sampler or SampleTemporalTransform())(dict(total_frames=total_frames, **keys))
    frames = results['frame_inds']
    assert frames.dtype == results['gt_transform'].dtype == results['gt_rate'].dtype == np.int64
    clips = frames.reshape(results['num_clips'], T) - keys.get('start_index', 0)
    assert clips.min() >= 0 and clips.max() < total_frames
    return clips, results['gt_transform'].tolist(), results['gt_rate'].tolist()


def rates_that_fit(total_frames) -> list[int]:
    return [rate for rate in (1, 2, 4, 8) if T * rate <= total_frames]


def check_original(clip, rate):
    assert np.diff(clip).tolist() == [rate] * 15


def check_periodic(clip, rate):
    steps = np.diff(clip).tolist()
    turn = next(place for place, step in enumerate(steps) if step != rate or steps[place + 1] == -rate)
    assert 1 <= turn <= 13
    assert steps[:turn] == [rate] * turn and steps[turn + 1 :] == [-rate] * (14 - turn)
    assert steps[turn] in ((0, 1) if rate == 1 else range(1, rate))
    if rate > 1:
        assert len(set(clip.tolist())) == T


def check_random(clip):
    assert np.diff(np.sort(clip)).tolist() == [1] * 15


def check_warp(clip, total_frames):
    largest = max(rates_that_fit(total_frames))
    steps = np.diff(clip)
    assert steps.min() >= 1
    if total_frames >= 64:
        assert steps.max() <= largest


def test_clips_of_every_video_length_are_what_their_labels_say():
    np.random.seed(0)
    for total_frames in range(1, 129):
        rates_seen = set()
        for _ in range(25):
            clips, transforms, rates = draw(total_frames, start_index=total_frames % 2)
            assert clips.shape == (4, T)
            if total_frames < T:
                assert transforms == rates == [-100] * 4
                continue
            assert transforms[:3] == [0, 1, 2] and rates[2:] == [-100, -100] and rates[0] == rates[1]
            # A warp at constant speed is no warp; a video of 16 frames has no other.
            assert transforms[3] == (-100 if len(set(np.diff(clips[3]))) == 1 else 3)
            assert transforms[3] == 3 or total_frames < 20
            assert transforms[3] == -100 or total_frames > T
            rate = 2 ** rates[0]
            rates_seen.add(rate)
            check_original(clips[0], rate)
            check_periodic(clips[1], rate)
            check_random(clips[2])
            check_warp(clips[3], total_frames)
        assert total_frames < T or rates_seen == set(rates_that_fit(total_frames)), total_frames


def test_the_rates_that_fit_are_those_of_the_released_code():
    for total_frames, largest in ((16, 0), (29, 0), (31, 0), (32, 1), (63, 1), (64, 2), (127, 2), (128, 3), (5000, 3)):
        np.random.seed(0)
        assert {draw(total_frames)[2][0] for _ in range(60)} == set(range(largest + 1)), total_frames


def test_a_periodic_clip_written_out():
    assert periodic_offsets(16, stride=2, gap=1, first=6).tolist() == [*range(12, 27, 2), *range(27, 12, -2)]
    assert periodic_offsets(16, stride=1, gap=0, first=12).tolist() == [12, 13, *range(13, -1, -1)]


@pytest.mark.parametrize('rate', [1, 2, 4, 8])
def test_every_turn_and_gap_of_a_periodic_clip_fits_in_fifteen_strides(rate):
    for first, gap in itertools.product(range(13), (0, 1) if rate == 1 else range(1, rate)):
        clip = periodic_offsets(T, rate, gap, first)
        check_periodic(clip, rate)
        assert 0 <= clip.min() and clip.max() < 15 * rate
        assert np.count_nonzero(np.diff(clip) == rate) >= 1 and np.count_nonzero(np.diff(clip) == -rate) >= 1


def test_every_turn_and_gap_is_drawn():
    np.random.seed(0)
    seen = set()
    for _ in range(2000):
        clips, _, rates = draw(128)
        steps = np.diff(clips[1])
        turn = np.flatnonzero(steps == -(2 ** rates[1]))[0] - 1
        seen.add((rates[1], int(turn), int(steps[turn])))
    gaps = {0: (0, 1), 1: (1,), 2: (1, 2, 3), 3: range(1, 8)}
    assert seen == {(rate, turn, gap) for rate in gaps for turn in range(1, 14) for gap in gaps[rate]}


def within(counts, probabilities, draws) -> bool:
    """Whether counts lie within four standard deviations of what is expected."""
    expected = draws * np.asarray(probabilities)
    return bool((np.abs(counts - expected) <= 4 * np.sqrt(expected * (1 - np.asarray(probabilities)))).all())


def test_rates_starts_and_steps_are_drawn_about_equally_often():
    np.random.seed(0)
    draws, rates, starts, steps, positions = 1500, np.zeros(4), np.zeros(10), np.zeros(8), np.zeros((T, T))
    for _ in range(draws):
        clips, _, drawn = draw(130)
        rates[drawn[0]] += 1
        steps += np.bincount(np.diff(clips[3]), minlength=9)[1:]
        positions[np.arange(T), clips[2] - clips[2].min()] += 1
        clips, _, _ = draw(25)  # natural rate; 10 starts
        starts[clips[0][0]] += 1
    assert within(rates, [1 / 4] * 4, draws)
    assert within(starts, [1 / 10] * 10, draws)
    assert within(steps, [1 / 8] * 8, 15 * draws)
    assert within(positions.ravel(), [1 / T] * T**2, draws)


def test_in_videos_of_less_than_64_frames_a_warp_is_any_sixteen_frames_of_the_video():
    np.random.seed(0)
    counts, draws = np.zeros(20), 1500
    for _ in range(draws):
        clip = draw(20)[0][3]
        assert (np.diff(clip) > 0).all()
        counts[clip] += 1
    assert within(counts, [16 / 20] * 20, draws)


def test_at_the_drawn_rate_random_and_warp_follow_the_rate_and_stay_inside():
    np.random.seed(0)
    sampler = SampleTemporalTransform(all_at_rate=True)
    for total_frames in (16, 40, 64, 100, 128):
        longest = 0
        for _ in range(60):
            clips, transforms, rates = draw(total_frames, sampler)
            rate = 2 ** rates[0]
            assert np.diff(np.sort(clips[2])).tolist() == [rate] * 15
            steps = np.diff(clips[3])
            assert steps.min() >= 1
            if total_frames >= 64:
                assert steps.max() <= 2 * rate
                longest = max(longest, int(steps.max()))
        assert total_frames < 64 or longest == max(rates_that_fit(total_frames))


def test_the_rate_of_periodic_clips_can_be_left_out():
    sampler = SampleTemporalTransform(rate_of_periodic=False)
    assert all(draw(128, sampler)[2][1:] == [-100] * 3 for _ in range(5))


def test_fewer_rates_can_be_drawn():
    assert {draw(500, SampleTemporalTransform(num_rates=2))[2][0] for _ in range(40)} == {0, 1}


def test_views_have_a_transformation_and_a_rate_of_their_own():
    np.random.seed(0)
    sampler, seen = SampleTemporalTransform(num_views=2), []
    for _ in range(400):
        clips, transforms, rates = draw(128, sampler)
        assert clips.shape == (2, T)
        for clip, transform, rate in zip(clips, transforms, rates):
            assert (rate == -100) == (transform > 1)
            if transform == 0:
                check_original(clip, 2**rate)
            elif transform == 1:
                check_periodic(clip, 2**rate)
            elif transform == 2:
                check_random(clip)
            else:
                check_warp(clip, 128)
        seen.append(transforms)
    counts = np.zeros((4, 4))
    np.add.at(counts, tuple(np.array(seen).T), 1)
    assert within(counts.ravel(), [1 / 16] * 16, 400)


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [(dict(clip_len=3), 'clip_len'), (dict(num_rates=0), 'num_rates'), (dict(num_views=0), 'num_views')],
)
def test_a_senseless_number_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        TRANSFORMS.build(dict(type='SampleTemporalTransform', **arguments))


def test_the_smallest_clip_has_four_frames():
    np.random.seed(0)
    for _ in range(200):
        results = SampleTemporalTransform(clip_len=4)(dict(total_frames=40))
        clips = results['frame_inds'].reshape(4, 4)
        # One order in 24 is the original order, another its reversal: they are not called random.
        in_order = len(set(np.diff(clips[2]).tolist())) == 1
        assert results['gt_transform'][2] == (-100 if in_order else 2)


def test_labels_in_words():
    sampler = SampleTemporalTransform()
    labels = dict(gt_transform=[0, 1, 2, -100], gt_rate=[0, 3, -100, -100])
    assert [sampler.describe_clip(labels, view) for view in range(4)] == [
        'in order; natural speed',
        'forwards and backwards; 8 times natural speed',
        'in random order; no rate asked for',
        'no transform asked for; no rate asked for',
    ]
    assert [bool(sampler.altered_positions(labels, view).all()) for view in range(4)] == [False, True, True, False]


def test_single_frames_are_not_shifted():
    results = SampleTemporalTransform()(dict(total_frames=128))
    with pytest.raises(ValueError, match=r"\['gt_transform', 'gt_rate'\]"):
        TemporalJitter(max_shift=1, per_frame=True)(results)
    assert TemporalJitter(max_shift=1)(results)['frame_inds'].shape == (4 * T,)


# ------------------------------------------------------------------------------------------------ with pixels and heads
def test_the_clips_of_a_video_share_the_flip_and_have_crops_of_their_own():
    np.random.seed(0)
    shared = EachClip(dict(flip=dict(type='Flip', flip_ratio=0.5)), groups=[[0, 1, 2, 3]])
    clips = EachClip(dict(crop=dict(type='RandomCrop', size=8)))
    frame = np.arange(32, dtype=np.uint8)[None, :, None].repeat(32, 0).repeat(3, 2)
    flips, boxes = set(), set()
    for _ in range(12):
        results = SampleTemporalTransform(clip_len=4)(dict(total_frames=40))
        results.update(imgs=[frame.copy() for _ in range(16)], original_shape=(32, 32), img_shape=(32, 32))
        results = clips(shared(results))
        geometry = results['clip_geometry']
        assert len({record['flip'] for record in geometry}) == 1
        flips.add(geometry[0]['flip'])
        boxes.add(tuple(tuple(record['crop_box']) for record in geometry))
        for view, record in enumerate(geometry):  # columns run backwards in flipped clips, from the box's own edge
            columns = results['imgs'][4 * view][0, :, 0].astype(int).tolist()
            left, right = round(record['crop_box'][0]), round(record['crop_box'][2])
            assert columns == (list(range(right - 1, left - 1, -1)) if record['flip'] else list(range(left, right)))
    assert flips == {False, True}
    assert all(len(set(box)) > 1 for box in boxes)


def test_two_heads_start_at_the_loss_of_a_guess_and_count_only_their_own_clips(small_backbone):
    heads = dict(transform=ClipClassificationHead(4, 4, 'gt_transform'), rate=ClipClassificationHead(4, 4, 'gt_rate'))
    for head in heads.values():
        for parameter in head.parameters():
            parameter.data.zero_()
    model = Pretrainer(small_backbone(), heads)
    results = SampleTemporalTransform(clip_len=4)(dict(total_frames=40))
    results['imgs'] = [np.full((8, 8, 3), 7, np.uint8)] * 16
    packed = PackClips()(results)
    inputs = packed['inputs'][None].float()
    losses = model(inputs, [packed['data_samples']], mode='loss')
    assert losses['loss_transform'].item() == pytest.approx(math.log(4))
    assert losses['loss_rate'].item() == pytest.approx(math.log(4))
    short = SampleTemporalTransform(clip_len=4)(dict(total_frames=3))
    short['imgs'] = results['imgs']
    losses = model(inputs, [PackClips()(short)['data_samples']], mode='loss')
    assert losses['loss_transform'].item() == losses['loss_rate'].item() == 0
