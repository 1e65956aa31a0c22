from itertools import permutations

import numpy as np
import pytest
from mmaction.datasets.transforms import ColorJitter

from videossl.datasets.transforms.colour import (
    GREY_WEIGHTS,
    ChannelSplit,
    RandomGray,
    VideoColorJitter,
    jitter_matrices,
)
from videossl.datasets.transforms.each_clip import changes_colour_only

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)  # as the factors are given
NEUTRAL = dict(brightness=0, contrast=0, saturation=0, hue=0, probability=1)


RGB_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])


def hue_matrix(shift):
    """Rotate the two chroma axes of YIQ by a share of a full circle, red towards green."""
    angle = -2 * np.pi * shift
    rotation = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    return np.linalg.inv(RGB_TO_YIQ) @ rotation @ RGB_TO_YIQ


def clip(num_frames=4, low=0, high=256, seed=0):
    return list(np.random.default_rng(seed).integers(low, high, (num_frames, 8, 10, 3), dtype=np.uint8))


def run(transform, frames, clip_len=None):
    return transform.transform(dict(imgs=list(frames), clip_len=clip_len or len(frames)))['imgs']


def fix_draw(transform, factors):
    """Replaces the transform's draws by given ones."""
    transform._draw = lambda count: ([True] * count, [list(factors)] * count)
    return transform


def as_uint8(frames):
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def within_one_level(actual, expected):
    """OpenCV computes with 10-bit coefficients: a value may round to the neighbouring level."""
    return np.abs(np.asarray(actual).astype(int) - np.asarray(expected).astype(int)).max() <= 1


@pytest.mark.parametrize('consistent', [False, True])
def test_zero_strengths_change_nothing(consistent):
    frames = clip()
    assert np.array_equal(run(VideoColorJitter(**NEUTRAL, consistent=consistent), frames), frames)


@pytest.mark.parametrize('consistent', [False, True])
def test_probability_zero_changes_nothing(consistent):
    frames = clip()
    jitter = VideoColorJitter(0.8, 0.8, 0.8, 0.2, probability=0, consistent=consistent)
    assert np.array_equal(run(jitter, frames), frames)


@pytest.mark.parametrize('consistent', [False, True])
@pytest.mark.parametrize('factor', [0.2, 0.75, 1.8])
def test_brightness_multiplies_and_clips(consistent, factor):
    frames = clip()
    jitter = fix_draw(VideoColorJitter(**NEUTRAL, consistent=consistent), [factor, 1, 1, 0])
    assert within_one_level(run(jitter, frames), as_uint8(factor * np.stack(frames)))


@pytest.mark.parametrize('factor', [0, 0.4, 1.6])
def test_contrast_blends_with_the_mean_grey_of_the_frame_or_of_the_clip(factor):
    frames = np.stack([frame // (1 + index) for index, frame in enumerate(clip())])
    grey = frames @ GREY_WEIGHTS
    per_frame = fix_draw(VideoColorJitter(**NEUTRAL), [1, factor, 1, 0])
    expected = factor * frames + (1 - factor) * grey.mean(axis=(1, 2))[:, None, None, None]
    assert within_one_level(run(per_frame, frames), as_uint8(expected))

    together = fix_draw(VideoColorJitter(**NEUTRAL, consistent=True), [1, factor, 1, 0])
    expected = factor * frames + (1 - factor) * grey.mean()
    assert within_one_level(run(together, frames), as_uint8(expected))


@pytest.mark.parametrize('factor', [0, 0.3, 1.7])
def test_saturation_blends_each_pixel_with_its_own_grey(factor):
    frames = np.stack(clip())
    jitter = fix_draw(VideoColorJitter(**NEUTRAL), [1, 1, factor, 0])
    expected = factor * frames + (1 - factor) * (frames @ GREY_WEIGHTS)[..., None]
    assert within_one_level(run(jitter, frames), as_uint8(expected))


@pytest.mark.parametrize('shift', [-0.5, -0.2, 0.1, 0.4])
def test_hue_keeps_luminance_and_grey_pixels(shift):
    jitter = fix_draw(VideoColorJitter(**NEUTRAL), [1, 1, 1, shift])
    frames = np.stack(clip(low=115, high=140))  # far enough from the ends that nothing is clipped
    turned = np.stack(run(jitter, frames))
    assert np.abs(turned @ GREY_WEIGHTS - frames @ GREY_WEIGHTS).max() <= 1
    assert not within_one_level(turned, frames)

    grey = np.repeat(np.arange(240, dtype=np.uint8).reshape(1, 8, 30, 1), 3, axis=-1)
    assert within_one_level(run(jitter, grey), grey)


def test_a_third_of_a_turn_takes_red_to_green_and_green_to_blue_and_a_full_turn_is_no_change():
    neutral = jitter_matrices([[1, 1, 1, 1 / 3], [1, 1, 1, 0.1]], np.zeros((2, 3)))[:, :, :3]
    assert np.allclose(neutral, [hue_matrix(1 / 3), hue_matrix(0.1)], atol=1e-12)
    assert np.argmax(hue_matrix(1 / 3) @ [1, 0, 0]) == 1
    assert np.argmax(hue_matrix(1 / 3) @ [0, 1, 0]) == 2
    assert np.allclose(hue_matrix(1), np.eye(3), atol=1e-12)
    assert np.allclose(hue_matrix(0.1) @ hue_matrix(0.15), hue_matrix(0.25), atol=1e-12)


@pytest.mark.parametrize('order', list(permutations(range(4))))
def test_the_composed_matrix_equals_the_operations_one_after_the_other_in_any_order(order):
    generator = np.random.default_rng(order)
    frame = clip(1, seed=order[0])[0].astype(float)
    factors = [*generator.uniform(0.2, 1.8, 3), generator.uniform(-0.4, 0.4)]

    step_by_step = frame
    for operation in order:
        factor = factors[operation]
        if operation == BRIGHTNESS:
            step_by_step = step_by_step * factor
        elif operation == CONTRAST:
            step_by_step = factor * step_by_step + (1 - factor) * (step_by_step @ GREY_WEIGHTS).mean()
        elif operation == SATURATION:
            step_by_step = factor * step_by_step + (1 - factor) * (step_by_step @ GREY_WEIGHTS)[..., None]
        elif operation == HUE:
            step_by_step = step_by_step @ hue_matrix(factor).T

    others = generator.uniform(0, 0.4, (2, 4))  # what is computed beside it
    means = np.array([[1, 2, 3], frame.mean(axis=(0, 1)), [9, 8, 7]])
    matrix = jitter_matrices(np.array([others[0], factors, others[1]]), means)[1]
    composed = frame @ matrix[:, :3].T + matrix[:, 3]
    assert np.allclose(composed, step_by_step, atol=1e-9)
    jitter = fix_draw(VideoColorJitter(**NEUTRAL), factors)
    assert within_one_level(run(jitter, [frame.astype(np.uint8)])[0], as_uint8(step_by_step))


def test_factors_are_drawn_from_the_whole_of_their_ranges():
    np.random.seed(0)
    _, factors = VideoColorJitter(0.8, 0.4, 0.2, 0.1)._draw(4800)
    factors = np.array(factors)
    assert np.allclose(factors.min(axis=0), [0.2, 0.6, 0.8, -0.1], atol=0.01)
    assert np.allclose(factors.max(axis=0), [1.8, 1.4, 1.2, 0.1], atol=0.01)


def test_a_strength_above_one_never_gives_a_negative_factor():
    np.random.seed(0)
    assert np.min(VideoColorJitter(3, 3, 3, 0)._draw(500)[1]) >= 0


def test_per_frame_draws_differ_from_frame_to_frame_and_consistent_draws_only_from_clip_to_clip():
    np.random.seed(1)
    frames = [clip(1)[0]] * 12
    strengths = dict(brightness=0.5, contrast=0.5, saturation=0.5, hue=0.2, probability=1)
    per_frame = run(VideoColorJitter(**strengths), frames, clip_len=4)
    assert len({frame.tobytes() for frame in per_frame}) == 12
    consistent = run(VideoColorJitter(**strengths, consistent=True), frames, clip_len=4)
    assert [len({frame.tobytes() for frame in consistent[start : start + 4]}) for start in (0, 4, 8)] == [1, 1, 1]
    assert len({frame.tobytes() for frame in consistent}) == 3


def test_the_probability_counts_frames_or_clips():
    np.random.seed(2)
    frames = [clip(1)[0]] * 400
    for consistent, low, high in ((False, 0.74, 0.86), (True, 0.7, 0.9)):
        jittered = run(VideoColorJitter(0.5, 0.5, 0.5, 0.2, consistent=consistent), frames, clip_len=2)
        changed = np.array([not np.array_equal(frame, frames[0]) for frame in jittered])
        assert low < changed.mean() < high
        pairs = changed.reshape(-1, 2)
        assert np.array_equal(pairs[:, 0], pairs[:, 1]) == consistent


def test_the_same_seed_gives_the_same_colours():
    jitter = VideoColorJitter(0.8, 0.8, 0.8, 0.2)
    np.random.seed(3)
    first = run(jitter, clip())
    np.random.seed(3)
    assert np.array_equal(first, run(jitter, clip()))


@pytest.mark.parametrize(
    'transform',
    [
        VideoColorJitter(0.8, 0.8, 0.8, 0.2, probability=1),
        VideoColorJitter(0.8, 0.8, 0.8, 0.2, probability=1, consistent=True),
        RandomGray(probability=1),
    ],
)
def test_the_frames_given_are_never_written_to_even_as_cropped_views(transform):
    whole = clip()
    before = [frame.copy() for frame in whole]
    changed = run(transform, [frame[1:6, 2:9] for frame in whole])
    assert np.array_equal(whole, before)
    assert np.shape(changed) == (4, 5, 7, 3) and not np.array_equal(changed, np.stack(whole)[:, 1:6, 2:9])
    assert all(frame.dtype == np.uint8 for frame in changed)


def test_random_gray_turns_whole_clips_grey_with_three_equal_channels():
    np.random.seed(4)
    frames = clip(2) * 300
    turned = np.stack(run(RandomGray(probability=0.2), frames, clip_len=2))
    grey = np.all(turned == turned[..., :1], axis=(1, 2, 3)).reshape(-1, 2)
    assert np.array_equal(grey[:, 0], grey[:, 1]) and 0.13 < grey.mean() < 0.27
    expected = as_uint8(np.repeat((np.stack(frames) @ GREY_WEIGHTS)[..., None], 3, axis=-1))
    is_grey = grey.reshape(-1)
    assert within_one_level(turned[is_grey], expected[is_grey])
    assert np.array_equal(turned[~is_grey], np.stack(frames)[~is_grey])


def test_colour_transforms_are_recognised_as_such():
    assert changes_colour_only(VideoColorJitter(**NEUTRAL)) and changes_colour_only(RandomGray())
    assert changes_colour_only(ColorJitter(hue=0))


@pytest.mark.parametrize('wrong', [dict(brightness=-0.1), dict(hue=0.6), dict(probability=1.1), dict(contrast=-1)])
def test_impossible_strengths_are_refused_at_build_time(wrong):
    with pytest.raises(ValueError, match='must'):
        VideoColorJitter(**{**NEUTRAL, **wrong})


# ------------------------------------------------------------------------------------------------------- channel splitting
def test_channel_split_copies_one_channel_of_each_frame_to_all_three():
    np.random.seed(0)
    frames = clip(num_frames=600)
    counts = np.zeros(3)
    for before, after in zip(frames, run(ChannelSplit(), frames)):
        assert after.dtype == np.uint8 and after.shape == before.shape
        assert (after == after[..., :1]).all()
        same = [np.array_equal(after[..., 0], before[..., channel]) for channel in range(3)]
        counts += same
        assert sum(same) == 1
    assert np.abs(counts - 200).max() < 4.5 * np.sqrt(600 * 2 / 9)


def test_a_consistent_channel_split_draws_once_a_clip_and_a_rare_one_leaves_frames_alone():
    np.random.seed(0)
    frames = [np.full((2, 2, 3), (10, 20, 30), np.uint8)] * 400
    levels = np.array([frame[0, 0, 0] for frame in run(ChannelSplit(consistent=True), frames, clip_len=4)]).reshape(
        -1, 4
    )
    assert set(levels.ravel()) == {10, 20, 30} and (levels == levels[:, :1]).all()
    changed = [frame[0, 0, 2] != 30 or frame[0, 0, 0] == 30 for frame in run(ChannelSplit(probability=0.25), frames)]
    assert abs(sum(changed) - 100) < 4.5 * np.sqrt(400 * 3 / 16)
    assert changes_colour_only(ChannelSplit())
    with pytest.raises(ValueError, match='probability'):
        ChannelSplit(probability=2)
