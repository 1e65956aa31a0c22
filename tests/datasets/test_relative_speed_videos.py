"""Relative speed perception from real videos: what the keys share, and balanced batches through a data loader."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import videossl.engine.samplers as samplers
from videossl.datasets import VideoDataset
from videossl.engine import Draw, DrawSampler

AUGMENTATIONS = [
    dict(type='RandomResizedCrop', area_range=(0.4, 1.0), aspect_ratio_range=(3 / 4, 4 / 3)),
    dict(type='Resize', scale=(32, 32), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='RandomGray', probability=0.2),
    dict(
        type='VideoColorJitter', brightness=0.4, contrast=0.4, saturation=0.4, hue=0.4, probability=1.0, consistent=True
    ),
]


def pipeline(transforms=AUGMENTATIONS, groups=None, **sampling):
    return [
        dict(type='DecordInit'),
        dict(type='SampleRelativeSpeed', **sampling),
        dict(type='DecodeClips'),
        dict(type='EachClip', groups=groups, transforms=transforms),
        dict(type='PackClips'),
    ]


def frames_in_common(sample, first, second):
    """Whether each frame of the video that two clips both show looks the same in both."""
    frames = np.reshape(sample['data_samples'].metainfo['frame_inds'], (3, 16))
    common = sorted(set(frames[first]) & set(frames[second]))
    assert common
    return [
        torch.equal(*(sample['inputs'][clip, :, frames[clip].tolist().index(frame)] for clip in (first, second)))
        for frame in common
    ]


def test_both_keys_share_crop_flip_and_colours_and_the_query_has_its_own(good_videos):
    dataset = VideoDataset(data_root=str(good_videos), pipeline=pipeline(groups=[[0], [1, 2]]))
    apart = VideoDataset(data_root=str(good_videos), pipeline=pipeline())
    flips = set()
    for position in range(12):
        sample = dataset[Draw(position % 4, position, 5)]
        assert sample['inputs'].shape == (3, 3, 16, 32, 32)
        assert all(frames_in_common(sample, 1, 2)) and len(frames_in_common(sample, 1, 2)) == 8
        natural = 1 + int(sample['data_samples'].gt_speed[1] > 0)
        assert not any(frames_in_common(sample, 0, natural))
        query, same, other = sample['data_samples'].metainfo['clip_geometry']
        assert same == other and same['crop_box'] != query['crop_box']
        flips.add((query['flip'], same['flip']))
        assert not any(frames_in_common(apart[Draw(position % 4, position, 5)], 1, 2)), 'groups make no difference'
    assert len(flips) == 4


@pytest.fixture
def seven_videos(tmp_path, good_videos):
    """A balanced data set of odd length."""
    (tmp_path / 'list.txt').write_text(''.join(f'{number % 4}.mp4\n' for number in range(7)))
    return VideoDataset(
        str(tmp_path / 'list.txt'),
        data_prefix=dict(video=str(good_videos)),
        pipeline=pipeline([dict(type='Resize', scale=(8, 8), keep_ratio=False)], balanced=True),
    )


def anchors(batch):
    return [int(sample['data_samples'].gt_speed[0]) for sample in batch]


def identity(batch):
    return batch


@pytest.mark.parametrize('num_workers', [0, 2])
def test_every_batch_is_balanced_though_epochs_are_odd_and_their_last_draws_dropped(seven_videos, num_workers):
    sampler = DrawSampler(seven_videos, seed=3)
    loader = DataLoader(
        seven_videos,
        batch_size=2,
        sampler=sampler,
        num_workers=num_workers,
        drop_last=True,
        collate_fn=identity,
        persistent_workers=num_workers > 0,
    )
    balances = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        balances += [sum(anchors(batch)) for batch in loader]
    assert balances == [1] * 9


def test_every_batch_of_the_second_of_two_processes_is_balanced(seven_videos, monkeypatch):
    monkeypatch.setattr(samplers, 'get_dist_info', lambda: (1, 2))
    sampler = DrawSampler(seven_videos, seed=3)
    for epoch in range(2):
        sampler.set_epoch(epoch)
        draws = list(sampler)
        assert {draw.position % 2 for draw in draws} == {1}, 'positions alone would not do'
        assert sum(anchors(seven_videos[draw] for draw in draws)) == 2


def test_a_plain_index_has_no_number_and_is_refused(seven_videos):
    with pytest.raises(KeyError, match='rank_position'):
        seven_videos[0]


def test_a_video_that_replaces_an_unreadable_one_keeps_the_turn(tmp_path, good_videos, bad_videos):
    (tmp_path / 'list.txt').write_text(f'{bad_videos}/text.mp4\n{good_videos}/0.mp4\n{good_videos}/1.mp4\n')
    dataset = VideoDataset(
        str(tmp_path / 'list.txt'),
        pipeline=pipeline([dict(type='Resize', scale=(8, 8), keep_ratio=False)], balanced=True),
    )
    for turn in range(4):
        sample = dataset[Draw(0, 50 + 3 * turn, 1, turn)]
        assert anchors([sample]) == [turn % 2]
