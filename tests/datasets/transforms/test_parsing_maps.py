"""Stored maps and masks go where the clip's pixels went."""

import random

import numpy as np
import pytest

from videossl.datasets import EachClip, LoadParsingMap, LoadShapeMask, VideoReadError, load_masks, write_moving_shapes
from videossl.datasets.parsing_store import ParsingInfo, ParsingStoreError, map_path, write_parsing
from videossl.datasets.transforms.parsing_maps import follow_clip, swap_classes

V, T, H, W, C = 2, 4, 40, 60, 5
PAIRS = ((1, 2), (3, 4))
NAMES = ('Background', 'Left-arm', 'Right-arm', 'Left-leg', 'Right-leg')


def geometry(x=0.0, y=0.0, width=1.0, height=1.0, flip=False, vertical_flip=False, size=(H, W)):
    return dict(crop_quadruple=(x, y, width, height), size=size, flip=flip, vertical_flip=vertical_flip)


@pytest.fixture
def store(tmp_path):
    """A folder with the parsing of a/video.mp4: class c of frame f has the logarithm -(c + f / 16), which is stored
    exactly; and a function that changes the information."""
    folder = tmp_path / 'maps'

    def write(video='a/video.mp4', **changes):
        info = ParsingInfo(
            **{
                **dict(
                    class_names=NAMES,
                    left_right_pairs=PAIRS,
                    every=3,
                    total_frames=20,
                    original_size=(H, W),
                    side=4,
                    teacher='toy',
                ),
                **changes,
            }
        )
        maps = (
            (frame, np.broadcast_to(-np.arange(C).reshape(C, 1, 1) - frame / 16, (C, 4, 6))) for frame in info.frames
        )
        write_parsing(map_path(folder, video), maps, info)
        return str(folder)

    return write


def clip(filename='/data/videos/a/video.mp4', frame_inds=range(V * T), geometries=None, **more):
    return dict(
        filename=filename,
        frame_inds=np.array(frame_inds),
        clip_len=T,
        num_clips=V,
        total_frames=20,
        clip_geometry=geometries or [geometry()] * V,
        **more,
    )


def logarithms(results):
    """What each class has at the first place of the map, and the frame that it is from."""
    values = results['parsing_logits'][0, :, 0, 0]
    frame = round(-values.max() * 16)
    return np.rint(-values - frame / 16).astype(int).tolist(), frame


# ------------------------------------------------------------------------------------------------ following a clip
def test_a_map_of_the_frames_own_size_follows_a_whole_pixel_crop_exactly():
    maps = np.random.default_rng(0).normal(size=(C, H, W)).astype(np.float32)
    record = geometry(12 / W, 8 / H, 24 / W, 16 / H)
    for nearest in (False, True):
        followed = follow_clip(maps, record, (16, 24), nearest=nearest)
        np.testing.assert_allclose(followed, maps[:, 8:24, 12:36], atol=1e-4)
        flipped = follow_clip(maps, {**record, 'flip': True}, (16, 24), nearest=nearest)
        np.testing.assert_array_equal(flipped, followed[:, :, ::-1])
        vertical = follow_clip(maps, {**record, 'vertical_flip': True}, (16, 24), nearest=nearest)
        np.testing.assert_array_equal(vertical, followed[:, ::-1])


def test_a_linear_map_is_read_at_the_middles_of_the_clips_pixels():
    # The column's number as a share of the frame, at a tenth of the resolution: linear, so bilinear reading is exact.
    columns, rows = (np.arange(12) + 0.5) / 12, (np.arange(8) + 0.5) / 8
    maps = np.stack([np.broadcast_to(columns, (8, 12)), np.broadcast_to(rows[:, None], (8, 12))])
    followed = follow_clip(maps, geometry(0.25, 0.2, 0.5, 0.4), (5, 7))
    np.testing.assert_allclose(followed[0, 0], 0.25 + 0.5 * (np.arange(7) + 0.5) / 7)
    np.testing.assert_allclose(followed[1, :, 0], 0.2 + 0.4 * (np.arange(5) + 0.5) / 5)


def test_reading_the_nearest_pixel_invents_no_class():
    mask = np.random.default_rng(0).integers(0, 2, (H, W)).astype(np.uint8) * 7
    followed = follow_clip(mask, geometry(0.1, 0.1, 0.33, 0.71), (13, 29), nearest=True)
    assert followed.dtype == np.uint8 and set(np.unique(followed)) == {0, 7}


def test_swapped_classes_change_places_and_the_others_stay():
    maps = np.arange(C)
    assert swap_classes(maps, PAIRS).tolist() == [0, 2, 1, 4, 3]
    assert swap_classes(maps, ()).tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match=r'names the classes \(4, 5\), the maps have 5'):
        swap_classes(maps, [(4, 5)])


# -------------------------------------------------------------------------------------------------------- LoadParsingMap
@pytest.mark.parametrize(('view', 'middle', 'expected'), [(0, 7, 6), (0, 8, 9), (1, 19, 18), (1, 0, 0)])
def test_the_map_nearest_to_the_middle_frame_of_the_view_is_read(store, view, middle, expected):
    frame_inds = np.full(V * T, 15)
    frame_inds[view * T + T // 2] = middle
    results = LoadParsingMap(store(), view=view).transform(clip(frame_inds=frame_inds))
    assert results['parsing_logits'].shape == (1, C, 56, 56) and results['parsing_logits'].dtype == np.float32
    assert logarithms(results) == ([0, 1, 2, 3, 4], expected)


def test_a_start_index_is_no_part_of_the_frames_number(store):
    results = LoadParsingMap(store()).transform(clip(frame_inds=np.full(V * T, 7), start_index=1))
    assert logarithms(results)[1] == 6


@pytest.mark.parametrize(
    ('flip', 'vertical_flip', 'classes'),
    [
        (False, False, [0, 1, 2, 3, 4]),
        (True, False, [0, 2, 1, 4, 3]),
        (False, True, [0, 2, 1, 4, 3]),
        (True, True, [0, 1, 2, 3, 4]),  # a rotation, no mirror image
    ],
)
def test_left_and_right_change_places_in_a_mirror_image(store, flip, vertical_flip, classes):
    geometries = [geometry(), geometry(flip=flip, vertical_flip=vertical_flip)]
    results = LoadParsingMap(store(), view=1).transform(clip(geometries=geometries))
    assert logarithms(results)[0] == classes


def test_other_pairs_than_the_stored_ones_can_be_named(store):
    geometries = [geometry(flip=True)] * V
    transform = LoadParsingMap(store(), left_right_pairs=[(0, 4)])
    assert logarithms(transform.transform(clip(geometries=geometries)))[0] == [4, 1, 2, 3, 0]


@pytest.mark.parametrize(('size', 'expected'), [(None, (24, 32)), (7, (7, 7)), ((5, 9), (5, 9))])
def test_the_size_is_the_one_asked_for_or_the_clips(store, size, expected):
    results = LoadParsingMap(store(), size=size).transform(clip(geometries=[geometry(size=(24, 32))] * V))
    assert results['parsing_logits'].shape[2:] == expected


@pytest.mark.parametrize(
    'filename', ['/data/videos/a/video.mp4', 'data/a/video.mp4', 'a/video.mp4', '../x/a/video.mp4']
)
def test_a_map_is_found_from_any_place_of_the_videos(store, filename):
    assert logarithms(LoadParsingMap(store()).transform(clip(filename)))[0] == [0, 1, 2, 3, 4]


def test_once_the_folder_of_the_videos_is_known_a_namesake_elsewhere_is_not_taken(store):
    transform = LoadParsingMap(store())
    store('video.mp4')
    transform.transform(clip('/data/videos/a/video.mp4'))
    with pytest.raises(VideoReadError, match='b/video.mp4.npz'):
        transform.transform(clip('/data/videos/b/video.mp4'))
    assert 'parsing_logits' in transform.transform(clip('/elsewhere/a/video.mp4'))


def test_with_data_root_only_the_one_path_counts(store):
    transform = LoadParsingMap(store(), data_root='/data/videos')
    store('video.mp4')
    assert 'parsing_logits' in transform.transform(clip('/data/videos/a/video.mp4'))
    with pytest.raises(VideoReadError, match='b/video.mp4.npz'):
        transform.transform(clip('/data/videos/b/video.mp4'))


def test_what_is_missing_or_of_another_video_is_named(store, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no folder .*nowhere.*videossl parsing'):
        LoadParsingMap(str(tmp_path / 'nowhere')).transform(clip())
    folder = store()
    with pytest.raises(VideoReadError, match=r'other.mp4: .* has no parsing of it.*videossl parsing'):
        LoadParsingMap(folder).transform(clip('/data/videos/a/other.mp4'))
    with pytest.raises(ParsingStoreError, match='video with 20 frames.*has 25'):
        LoadParsingMap(folder).transform({**clip(), 'total_frames': 25})
    path = map_path(folder, 'a/video.mp4')
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ParsingStoreError, match=r'video\.mp4\.npz is cut off'):
        LoadParsingMap(folder).transform(clip())


def test_black_frames_have_no_class_that_is_likelier_whatever_is_stored_of_their_video(store, tmp_path):
    folder = store()
    for filename in ('/data/videos/a/video.mp4', '/data/videos/a/other.mp4'):
        for size, expected in ((6, (6, 6)), (None, (H, W))):
            blank = LoadParsingMap(folder, size=size).transform({**clip(filename, is_blank=True), 'total_frames': 64})
            assert blank['parsing_logits'].dtype == np.float32
            np.testing.assert_array_equal(blank['parsing_logits'], np.zeros((1, C, *expected)))
    with pytest.raises(FileNotFoundError, match='no maps in .*videossl parsing'):
        LoadParsingMap(str(tmp_path / 'nowhere')).transform(clip(is_blank=True))
    mask = LoadShapeMask().transform(clip('gone.mp4', is_blank=True))['parsing_mask']
    assert mask.dtype == np.uint8 and mask.shape == (1, H, W) and not mask.any()


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(folder=''), 'folder must name'),
        (dict(folder='maps', view=-1), 'view must be'),
        (dict(folder='maps', size=0), 'size must be'),
        (dict(folder='maps', size=(3, 4, 5)), 'size must be'),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        LoadParsingMap(**arguments)


def test_the_place_before_each_clip_is_refused(store):
    results = clip()
    del results['clip_geometry']
    for transform in (LoadParsingMap(store()), LoadShapeMask()):
        with pytest.raises(KeyError, match='put it after EachClip'):
            transform.transform(dict(results))
    with pytest.raises(ValueError, match='view=2, but the sample has 2 clips'):
        LoadParsingMap(store(), view=2).transform(clip())


# --------------------------------------------------------------------------------------------------------- LoadShapeMask
@pytest.fixture(scope='module')
def shapes(tmp_path_factory):
    root = write_moving_shapes(tmp_path_factory.mktemp('shapes'), num_train=1, num_test=0, size=64, num_frames=16)
    return str(next(root.glob('videos/train/*.mp4')))


def test_the_shapes_mask_follows_crop_and_flip_to_the_pixel(shapes):
    """The masks are painted into the frames: after EachClip, the frames say what the mask should be."""
    masks = load_masks(shapes)
    frames = [np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 200 for mask in masks[: 2 * T]]
    random.seed(0)
    np.random.seed(0)
    each_clip = EachClip([dict(type='RandomCrop', size=48), dict(type='Flip', flip_ratio=0.5)])
    seen = set()
    for _ in range(12):
        results = dict(
            imgs=[frame.copy() for frame in frames],
            num_clips=2,
            clip_len=T,
            original_shape=(64, 64),
            modality='RGB',
            filename=shapes,
            frame_inds=np.arange(2 * T),
        )
        results = LoadShapeMask(view=1).transform(each_clip.transform(results))
        expected = results['imgs'][T + T // 2][..., 0] > 0
        assert results['parsing_mask'].shape == (1, 48, 48)
        np.testing.assert_array_equal(results['parsing_mask'][0], expected)
        seen.add(results['clip_geometry'][1]['flip'])
    assert seen == {True, False} and masks.any()


def test_the_masks_size_can_be_chosen_and_covers_the_same_part(shapes):
    results = clip(shapes, geometries=[geometry(size=(64, 64))] * V)
    whole = LoadShapeMask().transform(dict(results))['parsing_mask'][0]
    np.testing.assert_array_equal(whole, load_masks(shapes)[T // 2])
    small = LoadShapeMask(size=32).transform(dict(results))['parsing_mask'][0]
    np.testing.assert_array_equal(small, whole[1::2, 1::2])


@pytest.mark.parametrize('filename', ['videos/train/c.mp4', 'c.mp4', 'videos/train/c.avi'])
def test_a_video_without_masks_is_named(tmp_path, monkeypatch, filename):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=rf'{filename} has no masks.*videossl shapes'):
        LoadShapeMask().transform(clip(filename))
