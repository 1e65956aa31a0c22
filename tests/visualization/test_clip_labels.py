"""Labels in the words of a sample's sampler, and which frames they are about."""

import numpy as np
import pytest

from videossl.datasets import ClipLabeller, SampleClipOrder, SamplePace, SampleSegmentPace
from videossl.visualization import Sampling
from videossl.visualization.clip_labels import frame_ranges


@pytest.mark.parametrize(
    ('sampling', 'labels', 'view', 'words'),
    [
        (
            Sampling(SampleSegmentPace()),
            dict(gt_speed=[0, 3], gt_segment=[1, 2]),
            1,
            'view 2: segment 3 of 4 at 4 times natural speed',
        ),
        (Sampling(SamplePace(), ('student', 'teacher')), dict(gt_speed=[0, 0]), 1, 'view 2 (teacher): natural speed'),
        (Sampling(SampleClipOrder()), dict(gt_order=4), 0, 'view 1: 3rd in time'),
        (Sampling(SampleClipOrder()), {}, 0, 'view 1'),
        (Sampling(), dict(gt_speed=[1]), 0, 'view 1'),
    ],
)
def test_a_view_is_described_by_number_role_and_labels(sampling, labels, view, words):
    assert sampling.describe_view(labels, view) == words


def test_a_sample_is_described_by_its_class_and_by_labels_that_nobody_explains():
    order = Sampling(SampleClipOrder())
    assert order.describe_sample(dict(gt_order=0)).startswith('order 1 of 6')
    labels = dict(gt_label=np.array([1, 2]), gt_scene=np.array([3, 4]), gt_order=0)
    assert order.describe_sample(labels).startswith('classes 1, 2; scene [3, 4]; order 1 of 6')
    assert Sampling().describe_sample(dict(gt_order=np.array(2))) == 'order 2'
    assert Sampling(SampleSegmentPace()).describe_sample(dict(gt_speed=[1], gt_segment=[1])) == ''


def test_the_frames_that_are_altered_are_the_samplers_affair():
    labels = dict(gt_speed=[1], gt_segment=[2])
    assert np.flatnonzero(Sampling(SampleSegmentPace()).altered_positions(labels, 0, 16)).tolist() == [8, 9, 10, 11]
    assert not Sampling().altered_positions(labels, 0, 16).any()


def test_transforms_behind_the_sampler_add_a_line_each_and_mark_what_they_name():
    class OfFrames(ClipLabeller):
        def transform(self, results):
            return results

        def describe_clip(self, labels, view):
            return f'frame {labels["gt_frame"][view]} is the brightest'

        def named_positions(self, labels, view, clip_len):
            return np.arange(clip_len) == labels['gt_frame'][view]

        def draw(self, frames, labels, view):
            return frames + 1

    labels = dict(gt_speed=[0, 1], gt_frame=[3, 2])
    sampling = Sampling(SamplePace(clip_len=4), labellers=(OfFrames(),))
    assert sampling.describe_view(labels, 0) == 'view 1: natural speed\nframe 3 is the brightest'
    assert sampling.marked_positions(labels, 0, 4).tolist() == [False, False, False, True]
    assert sampling.marked_positions(labels, 1, 4).all(), 'as the sampler says'
    assert not sampling.altered_positions(labels, 0, 4).any()
    assert sampling.draw(np.zeros(3), labels, 0).tolist() == [1, 1, 1]


def test_a_stretch_ends_where_the_clip_leaps_back():
    assert frame_ranges([10, 12, 14, 15], [True, True, False, True]) == [(10, 12), (15, 15)]
    assert frame_ranges([56, 58, 0, 2], [True] * 4) == [(56, 58), (0, 2)]
    assert frame_ranges([3, 2, 1], [True] * 3) == [(3, 3), (2, 2), (1, 1)]
    assert frame_ranges([0, 0, 0], [True] * 3) == [(0, 0)] * 3
    assert frame_ranges([1, 2], [False, False]) == []
