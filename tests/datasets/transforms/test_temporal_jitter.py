"""Moving clips in time."""

import numpy as np
import pytest

from videossl.datasets.transforms.cycle import SampleCycle
from videossl.datasets.transforms.frame_tuple import SampleFrameTuple
from videossl.datasets.transforms.pace import SamplePace
from videossl.datasets.transforms.playback_rate import SamplePlaybackRate
from videossl.datasets.transforms.segment_pace import SampleSegmentPace
from videossl.datasets.transforms.temporal_jitter import TemporalJitter
from videossl.datasets.transforms.transformations import SampleTransformations
from videossl.registry import TRANSFORMS

CLIP_LEN = 16


def natural_clips(*starts, total_frames=64, start_index=0):
    frame_inds = np.concatenate([np.arange(start, start + CLIP_LEN) for start in starts])
    return dict(
        frame_inds=frame_inds,
        clip_len=CLIP_LEN,
        num_clips=len(starts),
        frame_interval=1,
        total_frames=total_frames,
        start_index=start_index,
    )


def test_jitter_reaches_every_allowed_shift_and_moves_each_clip_as_a_whole():
    np.random.seed(0)
    # The middle clip has room on both sides, the first none before it, the last only two frames behind it.
    shifts = [set(), set(), set()]
    for _ in range(300):
        before = natural_clips(0, 20, 46)
        after = TemporalJitter(max_shift=4)(dict(before))
        moved = (after['frame_inds'] - before['frame_inds']).reshape(3, CLIP_LEN)
        assert (moved == moved[:, :1]).all()
        for clip, shift in enumerate(moved[:, 0].tolist()):
            shifts[clip].add(shift)
    assert shifts == [set(range(0, 5)), set(range(-4, 5)), set(range(-4, 3))]


@pytest.mark.parametrize('start_index', [0, 1])
@pytest.mark.parametrize('overrun', ['fit', 'loop'])
def test_jitter_after_a_pace_sampler_stays_in_the_video_and_keeps_labels_and_strides(overrun, start_index):
    np.random.seed(0)
    samplers = [SampleSegmentPace(num_views=2, overrun=overrun), SamplePace(num_views=2, overrun=overrun)]
    for total_frames in range(1, 65):
        for sampler in samplers:
            before = sampler(dict(total_frames=total_frames, start_index=start_index))
            after = TemporalJitter(max_shift=5)(dict(before, frame_inds=before['frame_inds'].copy()))
            assert after['frame_inds'].dtype == np.int64 and after['frame_inds'].shape == (2 * CLIP_LEN,)
            assert start_index <= after['frame_inds'].min()
            assert after['frame_inds'].max() <= start_index + total_frames - 1
            moved = (after['frame_inds'] - before['frame_inds']).reshape(2, CLIP_LEN)
            assert (moved == moved[:, :1]).all() and np.abs(moved).max() <= 5
            for label in ('gt_speed', 'gt_segment'):
                if label in before:
                    assert (after[label] == before[label]).all()


def test_a_clip_that_goes_round_the_whole_video_stays_where_it_is():
    results = natural_clips(0, total_frames=10)
    results['frame_inds'] %= 10
    after = TemporalJitter(max_shift=3)(dict(results))
    assert (after['frame_inds'] == results['frame_inds']).all()


def test_jitter_per_frame_moves_every_frame_of_natural_clips_inside_the_video():
    np.random.seed(0)
    jitter = TemporalJitter(max_shift=2, per_frame=True)
    moves = []
    for _ in range(300):
        before = natural_clips(0, 48)
        after = jitter(dict(before))
        assert after['frame_inds'].min() >= 0 and after['frame_inds'].max() <= 63
        moves.append(after['frame_inds'] - before['frame_inds'])
    moves = np.stack(moves)
    assert set(moves[:, 8]) == {-2, -1, 0, 1, 2}
    assert set(moves[:, 0]) == {0, 1, 2} and set(moves[:, -1]) == {-2, -1, 0}
    assert (moves != moves[:, :1]).any()


@pytest.mark.parametrize('sampler', [SampleSegmentPace(), SamplePace()])
def test_jitter_per_frame_is_refused_after_a_pace_sampler(sampler):
    results = sampler(dict(total_frames=60))
    with pytest.raises(ValueError, match='per_frame=False'):
        TemporalJitter(max_shift=1, per_frame=True)(results)


TOGETHER = [
    SamplePlaybackRate(),
    SampleFrameTuple(),
    SampleCycle(),
    SampleTransformations(shared_start=True),
    SamplePace(num_views=2, shared_start=True),
]


@pytest.mark.parametrize('sampler', TOGETHER, ids=lambda sampler: type(sampler).__name__)
def test_clips_that_belong_together_move_by_one_shift_and_their_frames_not_at_all(sampler):
    np.random.seed(0)
    shifts = set()
    for _ in range(40):
        before = sampler(dict(total_frames=300))
        moved = TemporalJitter(max_shift=2)(dict(before))['frame_inds'] - before['frame_inds']
        assert (moved == moved[0]).all()
        shifts.add(int(moved[0]))
    assert shifts == {-2, -1, 0, 1, 2}
    with pytest.raises(ValueError, match='per_frame=False'):
        TemporalJitter(max_shift=1, per_frame=True)(before)


def test_clips_of_their_own_move_on_their_own():
    np.random.seed(0)
    for sampler in (SamplePlaybackRate(num_views=2), SampleFrameTuple(num_views=2), SampleTransformations()):
        before = [sampler(dict(total_frames=300)) for _ in range(20)]
        moved = [TemporalJitter(max_shift=2)(dict(sample))['frame_inds'] - sample['frame_inds'] for sample in before]
        assert any(len(set(shift.tolist())) > 1 for shift in moved)


def test_jitter_refuses_frames_outside_the_video():
    with pytest.raises(ValueError, match='stays inside the video'):
        TemporalJitter(max_shift=1)(natural_clips(50))


@pytest.mark.parametrize('max_shift', [-1, 1.5, None])
def test_jitter_refuses_a_senseless_max_shift_when_built(max_shift):
    with pytest.raises(ValueError, match='max_shift'):
        TemporalJitter(max_shift)


def test_the_same_numpy_seed_gives_the_same_jitter():
    def draw():
        np.random.seed(4)
        return [TemporalJitter(6)(natural_clips(20, 30))['frame_inds'].tolist() for _ in range(5)]

    assert draw() == draw()


def test_jitter_is_built_from_a_config_and_prints_it():
    jitter = TRANSFORMS.build(dict(type='TemporalJitter', max_shift=3))
    assert repr(jitter) == 'TemporalJitter(max_shift=3, per_frame=False)'
