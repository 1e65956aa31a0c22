"""The sampler of SpeedNet: which frames stay at natural speed and sped up, and how their distances are distributed."""

import numpy as np
import pytest

from videossl.datasets import SampleSpeediness
from videossl.datasets.transforms import speediness
from videossl.datasets.transforms.speediness import thinned_offsets
from videossl.registry import TRANSFORMS

T = 16


@pytest.fixture(autouse=True)
def seeded():
    np.random.seed(0)


def draw(sampler, total_frames):
    results = sampler(dict(total_frames=total_frames))
    clips = results['frame_inds'].reshape(-1, sampler.clip_len)
    assert clips.min() >= 0 and clips.max() < total_frames
    return clips, results['gt_speed']


def test_a_factor_of_one_keeps_every_frame():
    assert thinned_offsets(T, [1.0]).tolist() == [list(range(T))]


def test_the_kept_frames_are_those_whose_number_lies_below_the_probability(monkeypatch):
    numbers = np.array([0.6, 0.1, 0.45, 0.55, 0.2, 0.49])
    monkeypatch.setattr(speediness.np.random, 'rand', lambda count: numbers[:count])
    # Below 1 / 1.25 = 0.8: all; below 1 / 2: the second, third and fifth.
    assert thinned_offsets(2, [1.25, 2.0]).tolist() == [[0, 1], [1, 2]]


def test_more_numbers_are_drawn_where_the_first_do_not_suffice(monkeypatch):
    rows = [np.full(6, 0.9), np.array([0.1, 0.9]), np.array([0.9, 0.2])]
    monkeypatch.setattr(speediness.np.random, 'rand', lambda count: rows.pop(0))
    assert thinned_offsets(2, [2.0]).tolist() == [[6, 9]]


def test_distances_at_factor_two_are_geometric_with_mean_and_variance_two():
    distances = np.concatenate([np.diff(thinned_offsets(101, [2.0])[0]) for _ in range(1000)])
    # Variance of a geometric law: (1 - p) / p^2 = 2. Its fourth central moment, (1 - p)(p^2 - 9 p + 9) / p^4, is 38.
    assert abs(distances.mean() - 2) < 4 * np.sqrt(2 / len(distances))
    assert abs(distances.var() - 2) < 4 * np.sqrt((38 - 4) / len(distances))


def test_what_the_fast_clip_keeps_the_natural_one_keeps_too():
    sampler = SampleSpeediness(T)
    for _ in range(100):
        (natural, fast), labels = draw(sampler, 200)
        assert labels.tolist() == [0, 1] and labels.dtype == np.int64
        assert (np.diff(natural) >= 1).all() and (np.diff(fast) >= 1).all()
        assert natural[0] <= fast[0] and natural[-1] < fast[-1]
        assert set(fast[fast <= natural[-1]]) <= set(natural)


def test_without_coupling_the_two_draws_differ():
    pairs = [draw(SampleSpeediness(T, coupled=False), 200)[0] for _ in range(50)]
    assert any(not set(fast[fast <= natural[-1]]) <= set(natural) for natural, fast in pairs)


def test_the_mean_distances_are_the_mean_factors():
    ends = np.array([draw(SampleSpeediness(64), 400)[0][:, [0, -1]] for _ in range(300)])
    distances = (ends[:, :, 1] - ends[:, :, 0]) / 63
    assert distances.mean(0) == pytest.approx([1.1, 1.95], abs=0.05)


def test_videos_of_every_length_give_frames_inside_and_a_true_label_or_none():
    for coupled in (True, False):
        sampler = SampleSpeediness(T, coupled=coupled)
        for total_frames in range(1, 201):
            (natural, fast), labels = draw(sampler, total_frames)
            # Below twice the highest factor, 4.4, a fast step is at least half of the video.
            assert labels.tolist() == ([0, 1] if total_frames >= 5 else [-100, -100])
            if total_frames >= 3 * T + 1:
                assert (np.diff(natural) >= 1).all() and natural.max() < total_frames


def test_the_start_is_uniform_over_those_where_both_clips_fit(monkeypatch):
    monkeypatch.setattr(SampleSpeediness, '_draw_both', lambda self: np.array([[1, 2, 3], [1, 3, 6]]))
    starts = [draw(SampleSpeediness(3), 10)[0][0, 0] for _ in range(2500)]
    counts = np.bincount(starts, minlength=5)
    assert len(counts) == 5 and (abs(counts - 500) < 4 * np.sqrt(2500 * 0.2 * 0.8)).all()


def test_views_are_clips_of_their_own_at_either_speed():
    sampler = SampleSpeediness(T, num_views=3)
    drawn = [draw(sampler, 400) for _ in range(300)]
    labels = np.array([label for _, label in drawn])
    assert labels.shape == (300, 3) and abs(labels.mean() - 0.5) < 4 * 0.5 / np.sqrt(900)
    spans = np.array([clips[:, -1] - clips[:, 0] for clips, _ in drawn])
    assert spans[labels == 0].mean() == pytest.approx(15 * 1.1, abs=1)
    assert spans[labels == 1].mean() == pytest.approx(15 * 1.95, abs=1)


def test_words():
    sampler = TRANSFORMS.build(dict(type='SampleSpeediness', clip_len=4))
    labels = dict(gt_speed=np.array([0, 1]))
    assert [sampler.describe_clip(labels, view) for view in (0, 1)] == ['natural speed', 'sped up']
    assert sampler.altered_positions(labels, 1).all() and not sampler.altered_positions(labels, 0).any()


@pytest.mark.parametrize('wrong', [dict(natural=(0.5, 1)), dict(natural=(1, 2), fast=(1.7, 2.2)), dict(fast=(3, 2))])
def test_ranges_that_do_not_follow_one_another_are_refused(wrong):
    with pytest.raises(ValueError, match='natural and fast must be ranges'):
        SampleSpeediness(**wrong)
