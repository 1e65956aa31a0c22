import random

import cv2
import mmcv
import numpy as np
import pytest
from mmaction.datasets.transforms import ColorJitter, Flip, RandomCrop, Resize
from mmcv.transforms import BaseTransform, RandomApply
from mmengine.registry import DefaultScope

from videossl.datasets.transforms.colour import RandomGray, VideoColorJitter
from videossl.datasets.transforms.each_clip import EachClip, changes_colour_only
from videossl.errors import ConfigError

T, H, W = 4, 40, 60


def coordinates(num_clips=3, clip_len=T, height=H, width=W):
    """Clips whose pixels say where they come from: red = column, green = row, blue = 10 * clip + frame."""
    frames = []
    for clip in range(num_clips):
        for time in range(clip_len):
            frame = np.empty((height, width, 3), dtype=np.uint8)
            frame[..., 0] = np.arange(width)
            frame[..., 1] = np.arange(height)[:, None]
            frame[..., 2] = 10 * clip + time
            frames.append(frame)
    return dict(imgs=frames, num_clips=num_clips, clip_len=clip_len, original_shape=(height, width), modality='RGB')


def seed(number):
    """mmaction2's RandomResizedCrop draws from both generators."""
    random.seed(number)
    np.random.seed(number)


def textures(num_clips=3, height=H, width=W):
    frames = np.random.default_rng(0).integers(0, 256, (num_clips * T, height, width, 3), dtype=np.uint8)
    return dict(imgs=list(frames), num_clips=num_clips, clip_len=T, original_shape=(height, width), modality='RGB')


def corners(results):
    """For each frame: (column, row) of its upper left pixel, and whether columns run backwards."""
    return [(int(f[0, 0, 0]), int(f[0, 0, 1]), bool(f[0, 0, 0] > f[0, -1, 0])) for f in results['imgs']]


def by_clip(values, clip_len=T):
    return [values[start : start + clip_len] for start in range(0, len(values), clip_len)]


CROP_AND_FLIP = [dict(type='RandomCrop', size=24), dict(type='Flip', flip_ratio=0.5)]


def test_every_clip_has_a_crop_and_flip_of_its_own_shared_by_its_frames():
    seed(0)
    transform = EachClip(CROP_AND_FLIP)
    equal_crops, flips = 0, []
    for _ in range(100):
        results = transform.transform(coordinates())
        clips = by_clip(corners(results))
        assert all(len(set(frames)) == 1 for frames in clips)
        assert [frame[0, 0, 2] for frame in results['imgs']] == [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]
        equal_crops += clips[0][0][:2] == clips[1][0][:2]
        flips.append([frames[0][2] for frames in clips])
    assert equal_crops < 10
    flips = np.array(flips)
    assert np.all(np.abs(flips.mean(axis=0) - 0.5) < 0.17)
    assert 0.33 < np.mean(flips[:, 0] == flips[:, 1]) < 0.67


def test_the_clips_of_a_group_share_one_draw_and_stay_in_their_places():
    seed(1)
    transform = EachClip(CROP_AND_FLIP, groups=[[1], [2, 0]])
    different = 0
    for _ in range(30):
        results = transform.transform(coordinates())
        first, second, third = by_clip(corners(results))
        assert first == third
        different += first != second
        assert [frame[0, 0, 2] for frame in results['imgs'][::T]] == [0, 10, 20]
        assert results['clip_geometry'][0] == results['clip_geometry'][2]
    assert different > 25


def test_one_group_gives_what_the_transforms_give_on_all_frames_at_once():
    seed(2)
    together = EachClip(CROP_AND_FLIP, groups=[[0, 1, 2]]).transform(coordinates())
    seed(2)
    plain = coordinates()
    for transform in (RandomCrop(size=24), Flip(flip_ratio=0.5)):
        plain = transform.transform(plain)
    assert np.array_equal(together['imgs'], plain['imgs'])


def test_colours_draw_per_frame_inside_a_group_and_once_for_the_group_when_consistent():
    seed(3)
    results = textures()
    results['imgs'] = [results['imgs'][0].copy() for _ in results['imgs']]

    def different(consistent, groups):
        jitter = VideoColorJitter(0.5, 0.5, 0.5, 0.1, probability=1, consistent=consistent)
        frames = EachClip([jitter], groups=groups).transform(dict(results))['imgs']
        return len({frame.tobytes() for frame in frames})

    assert different(False, [[0], [1, 2]]) == 3 * T
    assert different(True, None) == 3
    assert different(True, [[0], [1, 2]]) == 2


PIPELINES = {
    'crop, resize, flip': [
        dict(type='RandomResizedCrop', area_range=(0.2, 0.8)),
        dict(type='Resize', scale=(16, 16), keep_ratio=False),
        dict(type='Flip', flip_ratio=0.5),
    ],
    'resize, crop, flip': [dict(type='Resize', scale=(-1, 24)), dict(type='RandomCrop', size=16), dict(type='Flip')],
    'flip, then crop': [dict(type='Flip'), dict(type='RandomCrop', size=16)],
    'two crops, flips between': [
        dict(type='RandomCrop', size=32),
        dict(type='Flip'),
        dict(type='RandomCrop', size=20),
        dict(type='Flip', direction='vertical'),
        dict(type='RandomCrop', size=16),
        dict(type='Flip'),
    ],
    'multi-scale crop': [
        dict(type='MultiScaleCrop', input_size=16, scales=(1, 0.8, 0.6), random_crop=True),
        dict(type='Resize', scale=(16, 16), keep_ratio=False),
    ],
    'centre crop': [dict(type='Resize', scale=(-1, 20)), dict(type='CenterCrop', crop_size=16)],
    'nothing': [],
}


@pytest.mark.parametrize('name', PIPELINES)
def test_the_recorded_geometry_leads_from_the_decoded_frame_to_the_clip(name):
    """A smooth picture, so that resize-then-crop and crop-then-resize agree to a few grey levels."""
    seed(4)
    column, row = np.meshgrid(np.arange(W), np.arange(H))
    picture = np.stack([4 * column, 6 * row, 2 * column + 3 * row], axis=-1).astype(np.uint8)
    transform = EachClip(PIPELINES[name])
    for _ in range(20):
        results = dict(imgs=[picture.copy() for _ in range(2 * T)], num_clips=2, clip_len=T, original_shape=(H, W))
        results = transform.transform(results)
        for clip, geometry in zip(by_clip(results['imgs']), results['clip_geometry']):
            assert geometry['original_size'] == (H, W)
            assert geometry['size'] == clip[0].shape[:2] == results['img_shape']
            # Read the picture at the place that the record names for each pixel's centre.
            left, top, right, bottom = geometry['crop_box']
            height, width = geometry['size']
            x = left + (np.arange(width) + 0.5) / width * (right - left) - 0.5
            y = top + (np.arange(height) + 0.5) / height * (bottom - top) - 0.5
            x = np.clip(x[::-1] if geometry['flip'] else x, 0, W - 1)
            y = np.clip(y[::-1] if geometry['vertical_flip'] else y, 0, H - 1)
            column, row = np.meshgrid(x, y)
            expected = np.stack([4 * column, 6 * row, 2 * column + 3 * row], axis=-1)
            inner = (slice(None), slice(2, -2), slice(2, -2))  # a resize mirrors or repeats the border
            assert np.abs(np.stack(clip).astype(float) - expected)[inner].max() <= 3.5


def test_the_record_of_a_whole_pixel_crop_is_exact():
    seed(5)
    results = textures(num_clips=8)
    decoded = np.stack(results['imgs'])
    results = EachClip(
        [dict(type='RandomResizedCrop'), dict(type='Resize', scale=(28, 24), keep_ratio=False), dict(type='Flip')]
    ).transform(results)
    flips = []
    for clip, geometry in enumerate(results['clip_geometry']):
        left, top, right, bottom = np.rint(geometry['crop_box']).astype(int)
        assert np.allclose(geometry['crop_box'], [left, top, right, bottom], atol=1e-4)
        assert np.allclose(
            geometry['crop_quadruple'], [left / W, top / H, (right - left) / W, (bottom - top) / H], atol=1e-6
        )
        flips.append(geometry['flip'])
        for time in range(T):
            expected = cv2.resize(decoded[clip * T + time][top:bottom, left:right], (28, 24))
            expected = expected[:, ::-1] if geometry['flip'] else expected
            assert np.array_equal(results['imgs'][clip * T + time], expected)
    assert set(flips) == {False, True}


def test_transforms_before_and_a_second_each_clip_are_part_of_the_record():
    seed(6)
    results = Flip(flip_ratio=1).transform(RandomCrop(size=36).transform(coordinates()))
    results = EachClip([dict(type='RandomCrop', size=24)]).transform(results)
    results = EachClip([dict(type='RandomCrop', size=16), dict(type='Flip', flip_ratio=1)]).transform(results)
    for clip, geometry in zip(by_clip(corners(results)), results['clip_geometry']):
        left, top, right, bottom = geometry['crop_box']
        assert not geometry['flip']  # flipped twice
        assert np.allclose([left, top], clip[0][:2], atol=1e-4)
        assert np.allclose([right - left, bottom - top], 16, atol=1e-4)


def test_lazy_transforms_with_fuse_are_recorded_alike_and_without_fuse_refused():
    lazy = [
        dict(type='RandomResizedCrop', lazy=True),
        dict(type='Resize', scale=(16, 16), keep_ratio=False, lazy=True),
        dict(type='Flip', lazy=True),
    ]
    seed(7)
    results = textures()
    decoded = np.stack(results['imgs'])
    results = EachClip(lazy + [dict(type='Fuse')]).transform(results)
    for clip, geometry in enumerate(results['clip_geometry']):
        left, top, right, bottom = np.rint(geometry['crop_box']).astype(int)
        expected = cv2.resize(decoded[clip * T][top:bottom, left:right], (16, 16))
        assert np.array_equal(results['imgs'][clip * T], expected[:, ::-1] if geometry['flip'] else expected)
    with pytest.raises(ValueError, match='Fuse'):
        EachClip(lazy).transform(textures())


@pytest.mark.parametrize(
    'colours',
    [
        [dict(type='VideoColorJitter', brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2, probability=1)],
        [dict(type='ColorJitter', hue=0), dict(type='RandomGray', probability=1)],
        [],
    ],
)
def test_the_middle_frame_has_the_clips_geometry_and_its_colours_before_any_colour_transform(colours):
    geometric = [dict(type='RandomCrop', size=24), dict(type='Flip')]
    seed(8)
    kept = EachClip(geometric + colours, groups=[[0], [1, 2]], keep_middle_frame=True).transform(textures())
    seed(8)
    decoded = np.stack(textures()['imgs'])
    assert kept['middle_frames'].shape == (3, 24, 24, 3) and kept['middle_frames'].dtype == np.uint8
    for clip, geometry in enumerate(kept['clip_geometry']):
        left, top, right, bottom = np.rint(geometry['crop_box']).astype(int)
        expected = decoded[clip * T + T // 2][top:bottom, left:right]
        expected = expected[:, ::-1] if geometry['flip'] else expected
        assert np.array_equal(kept['middle_frames'][clip], expected)
        assert np.array_equal(kept['imgs'][clip * T + T // 2], expected) == (not colours)
        assert not np.shares_memory(kept['middle_frames'], kept['imgs'][clip * T + T // 2])


def test_the_middle_frame_is_safe_from_a_colour_transform_that_works_in_place():

    class Blacken(BaseTransform):
        changes_colour_only = True

        def transform(self, results):
            for frame in results['imgs']:
                frame[:] = 0
            return results

    expected = textures()['imgs'][T // 2 :: T]
    kept = EachClip([Blacken()], keep_middle_frame=True).transform(textures())
    assert np.array_equal(kept['middle_frames'], expected)


def test_no_middle_frame_is_kept_unless_asked_for():
    assert 'middle_frames' not in EachClip(CROP_AND_FLIP).transform(coordinates())


def test_a_colour_transform_before_a_geometric_one_is_refused_only_where_the_middle_frame_is_kept():
    mixed = [dict(type='RandomGray'), dict(type='RandomCrop', size=16)]
    with pytest.raises(ValueError, match='RandomCrop moves pixels'):
        EachClip(mixed, keep_middle_frame=True)
    EachClip(mixed).transform(coordinates())


def test_wrappers_of_colour_transforms_and_own_marked_transforms_count_as_colour():

    class Sepia(BaseTransform):
        changes_colour_only = True

        def transform(self, results):
            return results

    assert changes_colour_only(RandomApply([RandomGray(), ColorJitter(hue=0)], prob=0.5))
    assert changes_colour_only(Sepia())
    assert not changes_colour_only(RandomApply([RandomGray(), Flip()], prob=0.5))
    assert not changes_colour_only(Resize(scale=(8, 8)))


def test_clips_of_different_sizes_are_an_error_that_names_the_transforms_to_add():
    seed(9)
    with pytest.raises(ValueError, match='different sizes'):
        EachClip([dict(type='RandomResizedCrop', area_range=(0.1, 0.9))]).transform(coordinates())


def test_a_transform_that_changes_the_number_of_frames_is_refused_by_name():
    with pytest.raises(ValueError, match='ThreeCrop changed the number of frames'):
        EachClip([dict(type='ThreeCrop', crop_size=H)]).transform(coordinates())


@pytest.mark.parametrize('groups', [[[0], [0, 1]], [[0], [2]], [[0], []], [[1, 2]], [], [0, 1], [[0], ['x']], 'x'])
def test_groups_that_are_no_partition_of_the_clips_are_refused_at_build_time(groups):
    with pytest.raises(ValueError, match='exactly once'):
        EachClip(CROP_AND_FLIP, groups=groups)


def test_groups_for_another_number_of_clips_are_refused():
    with pytest.raises(ConfigError, match='groups .* are for 2 clips, the sample has 3; .*pipeline.clips.groups'):
        EachClip(CROP_AND_FLIP, groups=[[0], [1]]).transform(coordinates())


def test_boxes_and_keypoints_are_refused_since_they_would_not_follow():
    with pytest.raises(ValueError, match='keypoint would not follow'):
        EachClip(CROP_AND_FLIP).transform({**coordinates(), 'keypoint': np.zeros((1, 3 * T, 17, 2))})


def test_frames_that_share_memory_or_are_read_only_are_flipped_once_and_their_source_is_left_alone():
    source = coordinates(1)['imgs'][0]
    source.flags.writeable = False
    results = dict(imgs=[source] * 4, num_clips=2, clip_len=2)
    imgs = EachClip([dict(type='Flip', flip_ratio=1)]).transform(results)['imgs']
    assert all(np.array_equal(frame, source[:, ::-1]) for frame in imgs)

    writable = coordinates(1)['imgs'][0]
    results = dict(imgs=[writable] * 4, num_clips=2, clip_len=2)
    imgs = EachClip([dict(type='Flip', flip_ratio=1)]).transform(results)['imgs']
    assert all(np.array_equal(frame, source[:, ::-1]) for frame in imgs)


def test_a_label_changed_by_a_flip_is_taken_over_where_all_clips_agree():
    flip = dict(type='Flip', flip_ratio=1, flip_label_map={3: 5})
    assert EachClip([flip]).transform({**coordinates(), 'label': 3})['label'] == 5
    seed(0)
    with pytest.raises(ValueError, match='different labels'):
        for _ in range(20):
            EachClip([{**flip, 'flip_ratio': 0.5}]).transform({**coordinates(), 'label': 3})


def test_children_are_built_in_our_scope_whatever_the_default_scope_is():
    with DefaultScope.overwrite_default_scope('mmaction'):
        transform = EachClip([dict(type='RandomGray'), dict(type='mmaction.Flip')])
    assert isinstance(transform.transforms[0], RandomGray) and isinstance(transform.transforms[1], Flip)


def test_the_dicts_of_a_config_are_left_as_they_are():
    config = [dict(type='Flip', flip_ratio=0.3)]
    EachClip(config)
    assert config == [dict(type='Flip', flip_ratio=0.3)]


def test_a_rejected_sample_is_passed_on_as_such():
    assert EachClip([lambda results: None]).transform(coordinates()) is None


def test_a_map_of_the_decoded_frame_cut_resized_and_flipped_by_the_record_lies_on_the_clip():
    seed(10)
    results = coordinates(1)
    parsing = (np.add.outer(np.arange(H) // 8, np.arange(W) // 8) % 2).astype(np.uint8)
    results['imgs'] = [np.repeat(parsing[..., None] * 200, 3, axis=-1) for _ in results['imgs']]
    results = EachClip([dict(type='RandomCrop', size=32), dict(type='Flip')]).transform(results)
    geometry = results['clip_geometry'][0]
    left, top, right, bottom = np.rint(geometry['crop_box']).astype(int)
    height, width = geometry['size']
    follower = mmcv.imresize(parsing[top:bottom, left:right], (width, height), interpolation='nearest')
    follower = follower[:, ::-1] if geometry['flip'] else follower
    assert np.array_equal(results['imgs'][0][..., 0], follower * 200)
