"""What the base of the samplers writes, and how labels are put into words."""

import pickle

import numpy as np
import pytest
from drawn_labels import as_drawn

from videossl.datasets import (
    ClipLabel,
    ClipSampler,
    SampleClipOrder,
    SamplePace,
    SampleRelativeSpeed,
    SampleSegmentPace,
    SampleTransformations,
)
from videossl.datasets.transforms import clip_sampler
from videossl.datasets.transforms.clip_order import ordinal
from videossl.datasets.transforms.clip_sampler import draw_consecutive


class FirstFrames(ClipSampler):
    labels = dict(
        gt_half=ClipLabel(lambda label: f'half {label + 1}'),
        gt_scene=ClipLabel(lambda label: f'scene {label + 1}', per_clip=False),
    )

    def sample(self, total_frames, results):
        clips = [range(view, view + self.clip_len) for view in range(self.num_views)]
        return clips, dict(gt_half=np.arange(self.num_views), gt_scene=4)


def test_a_sampler_returns_clips_and_labels_and_the_base_writes_the_rest():
    sampler = FirstFrames(clip_len=3, num_views=2)
    results = sampler(dict(total_frames=9, start_index=1, filename='a.mp4'))
    assert results['frame_inds'].tolist() == [1, 2, 3, 2, 3, 4] and results['frame_inds'].dtype == np.int64
    assert (results['clip_len'], results['num_clips'], results['frame_interval']) == (3, 2, 1)
    assert results['gt_half'].tolist() == [0, 1] and results['gt_scene'] == 4 and results['clip_sampler'] is sampler
    assert FirstFrames(3)(dict(total_frames=9))['frame_inds'].tolist() == [0, 1, 2]


def test_clips_of_another_length_are_refused_with_the_samplers_name():
    sampler = FirstFrames(clip_len=3, num_views=2)
    sampler.sample = lambda total_frames, results: ([[0, 1, 2], [0, 1]], {})
    with pytest.raises(ValueError, match=r'FirstFrames.sample .*\[3, 2\] frames; clip_len=3'):
        sampler(dict(total_frames=9))


def test_labels_are_put_into_words_for_each_clip_and_for_the_sample():
    sampler = FirstFrames(num_views=2)
    labels = dict(gt_half=np.array([0, -100]), gt_scene=4)
    assert [sampler.describe_clip(labels, view) for view in range(2)] == ['half 1', 'no half asked for']
    assert sampler.describe_sample(labels) == 'scene 5' and sampler.describe_sample({}) == ''
    assert not sampler.altered_positions(labels, 0).any()


@pytest.mark.parametrize(
    ('sampler', 'labels', 'view', 'words'),
    [
        (SampleSegmentPace(), dict(gt_speed=[0, 3], gt_segment=[1, 2]), 1, 'segment 3 of 4 at 4 times natural speed'),
        (
            SampleSegmentPace(),
            dict(gt_speed=[0], gt_segment=[1]),
            0,
            'natural speed throughout, labelled segment 2 of 4',
        ),
        (
            SampleSegmentPace(),
            dict(gt_speed=[0], gt_segment=[-100]),
            0,
            'natural speed throughout, no segment asked for',
        ),
        (SampleSegmentPace(), dict(gt_segment=[0]), 0, 'segment 1'),
        (SamplePace(), dict(gt_speed=[1]), 0, '2 times natural speed'),
        (SampleRelativeSpeed(), dict(gt_speed=[0, 0, 1]), 1, 'natural speed'),
        (SampleClipOrder(), dict(gt_order=4), 0, '3rd in time'),
        (SampleClipOrder(), dict(gt_order=-100), 2, 'has no place in time of its own'),
        (SampleClipOrder(num_views=2), {}, 0, ''),
    ],
)
def test_a_clips_labels_in_words(sampler, labels, view, words):
    assert sampler.describe_clip(labels, view) == words


def test_an_order_in_words():
    assert SampleClipOrder().describe_sample(dict(gt_order=4)) == (
        'order 5 of 6: shown are the 3rd, the 1st, the 2nd in time'
    )
    assert SampleClipOrder().describe_sample(dict(gt_order=-100)) == 'no order asked for'
    assert SampleSegmentPace().describe_sample(dict(gt_speed=[1])) == ''


def test_ordinals():
    endings = [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 102, 113)]
    assert endings == ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '102nd', '113th']


@pytest.mark.parametrize('num_segments', [1, 3, 4])
@pytest.mark.parametrize('inclusive_end', [False, True])
def test_altered_frames_are_those_that_are_reached_at_another_stride(num_segments, inclusive_end):
    sampler, seen = SampleSegmentPace(num_segments=num_segments, num_speeds=3, inclusive_end=inclusive_end), set()
    for seed in range(40):
        np.random.seed(seed)
        results = sampler(dict(total_frames=500))
        speed, segment = int(results['gt_speed'][0]) + 1, int(results['gt_segment'][0])
        altered = sampler.altered_positions(results, 0)
        seen.add((speed, segment))
        if speed == 1:
            assert not altered.any()
        else:
            assert ((np.diff(results['frame_inds']) == speed) == altered[1:]).all()
            assert altered[0] == (segment == 0 and not inclusive_end)
    assert len(seen) == 3 * num_segments


def test_at_a_speed_of_its_own_the_whole_clip_is_altered():
    np.random.seed(0)
    sampler = SamplePace(num_views=8)
    results = sampler(dict(total_frames=500))
    for view, speed in enumerate(results['gt_speed']):
        assert sampler.altered_positions(results, view).tolist() == [speed > 0] * 16
    assert not sampler.altered_positions({}, 0).any()


@pytest.mark.parametrize('sampler', [SampleSegmentPace(), SamplePace(), SampleRelativeSpeed(), SampleClipOrder()])
def test_a_sampler_and_its_results_go_to_a_workers_process(sampler):
    results = pickle.loads(pickle.dumps(sampler(dict(total_frames=80))))
    assert repr(results['clip_sampler']) == repr(sampler)


def test_consecutive_frames_start_wherever_they_fit_and_go_round_in_a_short_video():
    np.random.seed(0)
    starts = {tuple(draw_consecutive(4, 6)) for _ in range(100)}
    assert starts == {(start, start + 1, start + 2, start + 3) for start in range(3)}
    assert draw_consecutive(5, 2).tolist() == [0, 1, 0, 1, 0]


@pytest.mark.parametrize('arguments, named', [(dict(clip_len=0), 'clip_len'), (dict(num_views=1.5), 'num_views')])
def test_a_senseless_number_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        FirstFrames(**arguments)


@pytest.mark.parametrize('ignored, warnings', [(('gt_half',), 0), (('gt_half', 'gt_scene'), 1)])
def test_videos_without_any_label_are_warned_of_once(ignored, warnings, monkeypatch):
    class TooShort(FirstFrames):
        def sample(self, total_frames, results):
            clips, labels = super().sample(total_frames, results)
            return clips, {
                name: np.full_like(label, -100) if name in ignored else label for name, label in labels.items()
            }

    said = []
    clip_sampler.warn_of_short_videos.cache_clear()
    monkeypatch.setattr(clip_sampler, 'print_log', lambda text, **settings: said.append(text))
    for _ in range(3):
        TooShort(3, 2)(dict(total_frames=3))
    clip_sampler.warn_of_short_videos.cache_clear()
    assert len(said) == warnings and all('too short for TooShort with clips of 3 frames' in text for text in said)


SAMPLERS_OF_SPEEDS = [
    SamplePace(num_views=6),
    SamplePace(num_views=6, overrun='loop'),
    SamplePace(num_views=6, shared_start=True),
    SampleSegmentPace(num_views=6),
    SampleRelativeSpeed(speeds=(4, 2)),
    SampleRelativeSpeed(num_views=2),
    SampleTransformations(transformations=[(1, False), (2, True), (4, False)]),
]


@pytest.mark.parametrize('sampler', SAMPLERS_OF_SPEEDS, ids=repr)
def test_a_speed_is_labelled_in_videos_of_more_than_twice_as_many_frames_and_drawn_as_ever(sampler):
    for total_frames in (1, 2, 3, 4, 5, 6, 7, 8, 9, 30):
        np.random.seed(total_frames)
        labelled = sampler(dict(total_frames=total_frames))
        np.random.seed(total_frames)
        with as_drawn():
            drawn = sampler(dict(total_frames=total_frames))
        assert (labelled['frame_inds'] == drawn['frame_inds']).all()
        if 'gt_transformation' in drawn:
            speeds = [(1, 2, 4)[label] for label in drawn['gt_transformation']]
        else:
            speeds = [label + 1 for label in drawn['gt_speed']]
        for name in sampler.labels:
            assert labelled[name].dtype == np.int64
            for view, (speed, label) in enumerate(zip(speeds, drawn[name])):
                assert labelled[name][view] == (-100 if total_frames / speed <= 2 else label)
                if labelled[name][view] == -100:
                    assert sampler.describe_clip(labelled, view).startswith('no ')
                    assert not sampler.altered_positions(labelled, view).any()


def test_clips_that_all_have_one_speed_keep_its_label_in_a_video_of_one_frame():
    for sampler in (SamplePace(num_speeds=1), SampleSegmentPace(num_speeds=1)):
        assert sampler(dict(total_frames=1))['gt_speed'].tolist() == [0]
