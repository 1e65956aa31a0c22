"""Motion and appearance statistics: closed forms of flow and of pixels, and what crops, flips and still clips do to labels."""

import itertools
import pickle

import cv2
import numpy as np
import pytest

from videossl.datasets import AppearanceStatistics, EachClip, MotionStatistics, PackClips
from videossl.datasets.transforms.clip_statistics import (
    appearance_labels,
    dominant_colour,
    frame_patterns,
    histogram_overlaps,
    motion_boundaries,
    motion_labels,
    optical_flow,
    orientation,
)
from videossl.errors import ConfigError
from videossl.registry import TRANSFORMS

SIDE = 112
CELL = SIDE // 4
MOTION = [f'{component} {kind}' for _ in range(3) for component in 'uv' for kind in ('block', 'direction')]
MOTION += ['u frame', 'v frame']


def those(labels, words) -> list[int]:
    """The motion labels whose names begin with these words."""
    return [label for label, name in zip(labels.tolist(), MOTION, strict=True) if name.startswith(words)]


def triangle_at(y, x) -> int:
    """The triangle, from 1, of a point of the frame that is on no diagonal."""
    bottom, right = int(y >= SIDE / 2), int(x >= SIDE / 2)
    down, across = y % (SIDE / 2), x % (SIDE / 2)
    if bottom == right:
        return 2 * (2 * bottom + right) + (1 if down > across else 2)
    return 2 * (2 * bottom + right) + (1 if down + across < SIDE / 2 else 2)


def ring_at(y, x) -> int:
    """The ring, from 1, of a point of the frame."""
    return int(max(abs(y - SIDE / 2), abs(x - SIDE / 2)) // (SIDE / 8)) + 1


def corner_of(cell_row, cell_column) -> tuple[int, int]:
    """Upper left corner of a square of 4 pixels within a cell that, with its edges, lies in one ring and one triangle."""
    return CELL * cell_row + 2, CELL * cell_column + 16


# --------------------------------------------------------------------------------------------------------------- patterns
def test_blocks_have_the_areas_of_the_released_code():
    cells, rings, triangles = frame_patterns(SIDE, SIDE)
    assert cells.areas.tolist() == [784] * 16
    assert rings.areas.tolist() == [784, 2352, 3920, 5488]
    assert triangles.areas.tolist() == [1596] * 8


def test_blocks_lie_where_the_slices_of_the_released_code_lie():
    frame = np.random.default_rng(0).random((SIDE, SIDE))
    cells, rings, triangles = (
        np.bincount(pattern.blocks, frame.reshape(-1)[pattern.pixels]) for pattern in frame_patterns(SIDE, SIDE)
    )
    np.testing.assert_allclose(
        cells, [frame[i : i + 28, j : j + 28].sum() for i, j in itertools.product(range(0, 112, 28), repeat=2)]
    )
    squares = [frame[edge : SIDE - edge, edge : SIDE - edge].sum() for edge in (42, 28, 14, 0)]
    np.testing.assert_allclose(rings, np.diff(squares, prepend=0))
    expected = []
    for number, (i, j) in enumerate(itertools.product((0, 56), repeat=2)):
        quarter = frame[i : i + 56, j : j + 56]
        if number in (1, 2):
            quarter = quarter[:, ::-1]
            expected += [np.triu(quarter).sum(), np.tril(quarter).sum()]
        else:
            expected += [np.tril(quarter).sum(), np.triu(quarter).sum()]
    np.testing.assert_allclose(triangles, expected)


@pytest.mark.parametrize('size', [(64, 64), (33, 50), (9, 7)])
def test_frames_of_every_size_are_covered(size):
    for pattern in frame_patterns(*size):
        assert set(pattern.pixels) == set(range(size[0] * size[1])) and (pattern.areas > 0).all()


# ----------------------------------------------------------------------------------------------------------------- motion
def test_no_flow_and_the_same_flow_everywhere_have_no_labels():
    for flow in (np.zeros((15, SIDE, SIDE, 2)), np.full((15, SIDE, SIDE, 2), 3.0)):
        assert motion_labels(flow.astype(np.float32)).tolist() == [-100] * 14


@pytest.mark.parametrize('cell', list(itertools.product(range(4), repeat=2)))
def test_motion_in_one_cell_names_its_cell_ring_and_triangle(cell):
    y, x = corner_of(*cell)
    flow = np.zeros((15, SIDE, SIDE, 2), np.float32)
    flow[:, y : y + 4, x : x + 4, 0] = 1.0
    flow[6, y : y + 4, x : x + 4, 0] = 2.0
    labels = motion_labels(flow)
    assert those(labels, 'v') == [-100] * 7
    blocks = those(labels, 'u block')
    assert blocks == [4 * cell[0] + cell[1] + 1, ring_at(y + 2, x + 2), triangle_at(y + 2, x + 2)]
    assert those(labels, 'u frame') == [7]
    swapped = motion_labels(flow[..., ::-1])
    assert those(swapped, 'v block') == blocks and those(swapped, 'u') == [-100] * 7


@pytest.mark.parametrize('bin_', range(8))
def test_a_ramp_of_flow_has_one_direction(bin_):
    y, x = np.mgrid[:64, :64]
    angle = bin_ * np.pi / 4
    flow = np.zeros((3, 64, 64, 2), np.float32)
    flow[..., 1] = 0.1 * (np.cos(angle) * x + np.sin(angle) * y)
    assert those(motion_labels(flow), 'v direction') == [bin_ + 1] * 3
    inside = motion_boundaries(flow)[:, 1:-1, 1:-1, 1]
    np.testing.assert_allclose(
        inside, np.broadcast_to([0.6 * np.cos(angle), 0.6 * np.sin(angle)], inside.shape), atol=1e-5
    )


def test_directions_are_voted_for_by_length_and_divided_between_the_nearest_two():
    gradients = np.random.default_rng(0).normal(size=(500, 2)) + (0.4, 0.1)
    votes = [0.0] * 8
    for across, down in gradients:
        angle = np.degrees(np.arctan2(down, across)) % 360
        low = int(angle // 45)
        votes[low % 8] += np.hypot(across, down) * (1 - angle % 45 / 45)
        votes[(low + 1) % 8] += np.hypot(across, down) * (angle % 45 / 45)
    assert orientation(gradients) == int(np.argmax(votes))
    # Ten degrees beyond the border between two directions the nearer one gets more.
    assert orientation(np.array([[np.cos(np.pi / 8 + 0.1), np.sin(np.pi / 8 + 0.1)]])) == 1


def test_boundaries_are_summed_over_time_as_vectors():
    y, x = corner_of(0, 0)
    flow = np.zeros((2, SIDE, SIDE, 2), np.float32)
    flow[0, y : y + 4, x : x + 4], flow[1, y : y + 4, x : x + 4] = 5.0, -5.0  # cancel
    y, x = corner_of(3, 2)
    flow[1, y : y + 4, x : x + 4] = 1.0
    labels = motion_labels(flow)
    assert labels[[0, 2]].tolist() == [15, 15]
    assert those(labels, 'u frame') == those(labels, 'v frame') == [2]


def test_motion_below_the_bound_counts_as_still():
    flow = np.zeros((2, 64, 64, 2), np.float32)
    flow[:, 20:30, 20:30, 0], flow[:, 20:30, 20:30, 1] = 0.1, 1.0  # boundaries of at most 0.3 and 3 along an edge
    labels = motion_labels(flow, least_motion=0.5)
    assert those(labels, 'u frame') == [-100] and those(labels, 'v frame') == [1]


def moving_square(cell, frames=5) -> list[np.ndarray]:
    """A textured square that moves right and down by a pixel a frame over a texture, within one of 4 x 4 cells."""
    generator = np.random.default_rng(1)
    ground = generator.integers(20, 60, (128, 128, 3), dtype=np.uint8)
    texture = cv2.resize(generator.integers(60, 256, (8, 8, 3), dtype=np.uint8), (16, 16))
    y, x = (32 * place + 6 for place in cell)
    clip = [ground.copy() for _ in range(frames)]
    for number, frame in enumerate(clip):
        frame[y + number : y + number + 16, x + number : x + number + 16] = texture
    return clip


def sample_of(clips) -> dict:
    frames = [frame.copy() for clip in clips for frame in clip]
    size = frames[0].shape[:2]
    return dict(imgs=frames, clip_len=len(clips[0]), num_clips=len(clips), original_shape=size, img_shape=size)


@pytest.mark.parametrize('cell', [(0, 0), (1, 2), (3, 1)])
def test_labels_follow_the_flip_and_the_crop_of_the_frames(cell):
    row, column = cell
    clip = moving_square(cell)
    plain = MotionStatistics()(sample_of([clip]))['gt_motion_statistics'][0]
    assert plain[[0, 2]].tolist() == [4 * row + column + 1] * 2
    flipped = MotionStatistics()(EachClip(dict(flip=dict(type='Flip', flip_ratio=1.0)))(sample_of([clip])))
    assert flipped['clip_geometry'][0]['flip']
    assert flipped['gt_motion_statistics'][0][[0, 2]].tolist() == [4 * row + 3 - column + 1] * 2
    # With a margin of a frame's size around it, the frame is what the crop leaves.
    wide = [np.pad(frame, ((64, 64), (64, 64), (0, 0))) for frame in clip]
    crop = EachClip(dict(crop=dict(type='CenterCrop', crop_size=128)))
    assert MotionStatistics()(crop(sample_of([wide])))['gt_motion_statistics'][0].tolist() == plain.tolist()
    uncropped = MotionStatistics()(sample_of([wide]))['gt_motion_statistics'][0][0]
    assert uncropped == 4 * ((64 + 32 * row + 16) // 64) + (64 + 32 * column + 16) // 64 + 1


def test_the_flow_points_to_where_the_square_moves():
    flow = optical_flow(moving_square((1, 1)))
    assert flow.shape == (4, 128, 128, 2) and flow.dtype == np.float32
    assert flow[0, 42:50, 42:50].mean(axis=(0, 1)) == pytest.approx([1, 1], abs=0.3)


def test_a_still_clip_has_no_motion_and_no_place_that_changes_most():
    frames = [np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)] * 4
    results = AppearanceStatistics()(MotionStatistics()(sample_of([frames])))
    assert results['gt_motion_statistics'].tolist() == [[-100] * 14]
    appearance = results['gt_appearance_statistics'][0].tolist()
    assert appearance[:12] == [-100] * 12 and 1 <= appearance[12] <= 8


def test_the_flow_does_not_depend_on_the_number_of_threads_and_leaves_it_alone():
    clip = moving_square((2, 2))
    before, flows = cv2.getNumThreads(), []
    try:
        for number in (1, 4):
            cv2.setNumThreads(number)
            flows.append(optical_flow(clip))
            assert cv2.getNumThreads() == number
    finally:
        cv2.setNumThreads(before)
    np.testing.assert_array_equal(*flows)


# ------------------------------------------------------------------------------------------------------------- appearance
def test_one_flickering_cell_changes_most():
    clip = np.full((8, 64, 64, 3), 90, np.uint8)
    clip[1::2, 36:46, 18:22] = 200  # cell (2, 1), the second ring, the left part of the third quarter
    labels = appearance_labels(clip).tolist()
    assert (labels[0], labels[4], labels[8]) == (4 * 2 + 1 + 1, 2, 5)
    overlaps = histogram_overlaps(clip, frame_patterns(64, 64)[0])
    assert overlaps.argmin() == 9 and overlaps[9] == pytest.approx((256 - 40) / (256 + 40))
    assert np.delete(overlaps, 9).tolist() == [1] * 15
    assert labels[2] == 1  # the first of those that do not change


def test_overlaps_are_those_of_histograms_by_hand():
    clip = np.random.default_rng(0).integers(0, 40, (3, 16, 16, 3), dtype=np.uint8)
    for pattern in frame_patterns(16, 16):
        expected = []
        for block in range(pattern.num_blocks):
            inside = clip.reshape(3, -1, 3)[:, pattern.pixels[pattern.blocks == block]]
            per_channel = []
            for channel in range(3):
                counts = [[int((frame[:, channel] == value).sum()) for value in range(40)] for frame in inside]
                least, most = (sum(choose(column) for column in zip(*counts)) for choose in (min, max))
                per_channel.append(least / most)
            expected.append(np.mean(per_channel))
        np.testing.assert_allclose(histogram_overlaps(clip, pattern), expected)


@pytest.mark.parametrize(
    ('colour', 'number', 'word'),
    [((0, 0, 255), 1, 'bluish'), ((0, 200, 200), 2, 'blue-green'), ((128, 127, 128), 3, 'purplish'),
     ((255, 255, 255), 4, 'bright'), ((127, 127, 127), 5, 'dark'), ((0, 128, 0), 6, 'greenish'),
     ((130, 0, 0), 7, 'reddish'), ((255, 255, 0), 8, 'yellowish')],
)  # fmt: skip
def test_the_dominant_colour_is_one_of_eight(colour, number, word):
    clip = np.zeros((2, 16, 16, 3), np.uint8)
    clip[..., 2] = np.random.default_rng(0).integers(0, 128, (2, 16, 16))
    clip[:, 3:, 3:] = colour
    labels = appearance_labels(clip)
    assert labels[-1] == number
    assert AppearanceStatistics().describe_clip({AppearanceStatistics.label: [labels]}, 0).endswith(f'mostly {word}')


def test_the_most_frequent_colour_may_lie_in_another_octant_than_most_pixels():
    pixels = np.array([[200, level, 0] for level in range(20)] + [[0, 0, 200]] * 5, dtype=np.uint8)
    assert (dominant_colour(pixels), dominant_colour(pixels, 'colour')) == (6, 0)
    tie = np.array([[200, 0, 0], [0, 0, 200]], dtype=np.uint8)  # the lower blue, then green, then red
    assert dominant_colour(tie, 'colour') == 6


# ----------------------------------------------------------------------------------------------------------- the transforms
def test_each_clip_of_a_sample_has_labels_of_its_own_and_they_are_packed():
    clips = [moving_square((0, 3)), moving_square((2, 0))]
    results = AppearanceStatistics('colour')(MotionStatistics('ultrafast')(sample_of(clips)))
    for name in ('gt_motion_statistics', 'gt_appearance_statistics'):
        alone = [
            AppearanceStatistics('colour')(MotionStatistics('ultrafast')(sample_of([clip])))[name][0] for clip in clips
        ]
        assert np.array_equal(results[name], alone)
    sample = PackClips()(results)['data_samples']
    assert sample.gt_motion_statistics.shape == (2, 14) and sample.gt_appearance_statistics.shape == (2, 13)
    assert str(sample.gt_motion_statistics.dtype) == 'torch.int64'


def test_transforms_go_to_workers_and_say_what_they_write():
    motion, appearance = (pickle.loads(pickle.dumps(each)) for each in (MotionStatistics(), AppearanceStatistics()))
    assert motion.fields_written == ('gt_motion_statistics',)
    assert appearance.fields_written == ('gt_appearance_statistics',)
    assert repr(motion) == "MotionStatistics(preset='medium', least_motion=0.0)"


@pytest.mark.parametrize(
    ('config', 'named'),
    [
        (dict(type='MotionStatistics', preset='slow'), 'MotionStatistics: preset'),
        (dict(type='MotionStatistics', least_motion=-1), 'MotionStatistics: least_motion'),
        (dict(type='MotionStatistics', least_motion=None), 'least_motion must be a number of at least 0, got None'),
        (dict(type='AppearanceStatistics', dominant='grey'), 'AppearanceStatistics: dominant'),
    ],
)
def test_a_senseless_argument_is_refused_by_name(config, named):
    with pytest.raises(ConfigError, match=named):
        TRANSFORMS.build(config)


def test_clips_of_one_frame_are_refused():
    with pytest.raises(ConfigError, match=r'sample\.clip_len'):
        MotionStatistics()(sample_of([moving_square((0, 0), frames=1)]))


# ------------------------------------------------------------------------------------------------------------ clip sheets
def test_motion_is_told_in_words_and_the_cells_are_outlined():
    transform = MotionStatistics()
    # For each pattern: block and direction of the flow to the right, of the flow down; then the frames.
    labels = {transform.label: np.array([[6, 1, 16, 2, 2, 3, 4, 4, 3, 5, 8, 6, 2, 4]])}
    assert transform.describe_clip(labels, 0).splitlines() == [
        'flow across (orange) changes most in cell 6, ring 2, triangle 3, in the cell rightwards, after frame 2',
        'flow down (blue) changes most in cell 16, ring 4, triangle 8, in the cell down and rightwards, after frame 4',
    ]
    assert transform.named_positions(labels, 0, 5).tolist() == [False, True, False, True, False]
    frames = np.zeros((5, 32, 32, 3), np.uint8)
    shown = transform.draw(frames, labels, 0)
    assert not frames.any() and (shown == shown[0]).all()
    orange, blue = ((shown[0] == colour).all(axis=2) for colour in ((255, 153, 0), (0, 120, 255)))
    edges = np.ones((8, 8), bool)
    edges[1:-1, 1:-1] = False
    assert np.array_equal(orange[8:16, 8:16], edges)
    within = np.zeros((8, 8), bool)
    within[1:-1, 1:-1] = True
    within[2:-2, 2:-2] = False
    assert np.array_equal(blue[24:, 24:], within), 'inside, where both are in one cell'
    assert (orange.sum(), blue.sum(), shown[0].any(axis=2).sum()) == (28, 20, 48)


def test_a_clip_without_motion_is_shown_as_it_is():
    transform, frames = MotionStatistics(), np.zeros((4, 16, 16, 3), np.uint8)
    labels = {transform.label: np.full((1, 14), -100)}
    assert transform.describe_clip(labels, 0) == '' and not transform.named_positions(labels, 0, 4).any()
    assert not transform.draw(frames, labels, 0).any()


def test_colours_are_told_in_words():
    transform = AppearanceStatistics()
    changing = [6, 4, 1, 5, 2, 4, 4, 5, 3, 4, 8, 5]  # for each pattern: most and its colour, least and its colour
    labels = {transform.label: np.array([[*changing, 7], [*[-100] * 12, 1]])}
    assert transform.describe_clip(labels, 0).split('; ') == [
        'colours change most in cell 6, ring 2, triangle 3 (the cell is bright)',
        'colours change least in cell 1, ring 4, triangle 8 (the cell is dark)',
        'mostly reddish',
    ]
    assert transform.describe_clip(labels, 1) == 'mostly bluish'


@pytest.mark.parametrize('side', [0, 7])
def test_frames_that_are_too_small_for_a_flow_are_refused(side):
    with pytest.raises(ConfigError, match=f'no optical flow of frames of {side}x{side} .*the size of the crop'):
        MotionStatistics().statistics(np.zeros((2, side, side, 3), np.uint8))
