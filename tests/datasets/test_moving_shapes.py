"""The claims of MovingShapes: what its videos tell, what they do not tell, and how a set is written."""

import json

import numpy as np
import pytest

from videossl.datasets import moving_shapes
from videossl.datasets.moving_shapes import LOOPS, MovingShapes, load_masks, write_moving_shapes

ALL_CLASSES = MovingShapes(num_classes=len(LOOPS))


def trajectory(shapes, index):
    """Path of the moving shape of a training video, without drawing it."""
    return shapes._trajectory(shapes._generator(index, 'train'), shapes.label(index))


@pytest.fixture(scope='module')
def trajectories():
    """Centres [class, video, T, 2] and radii [class, video, T] of 60 videos of every class."""
    videos_per_class, num_classes = 60, ALL_CLASSES.num_classes
    paths = [trajectory(ALL_CLASSES, index) for index in range(videos_per_class * num_classes)]
    centres, radii = (
        np.stack(values).reshape(videos_per_class, num_classes, *values[0].shape).swapaxes(0, 1)
        for values in zip(*paths)
    )
    return centres, radii


@pytest.fixture(scope='module')
def written_set(tmp_path_factory):
    """Folder of a set of five short videos."""
    return write_moving_shapes(tmp_path_factory.mktemp('moving_shapes') / 'set', 3, 2, num_frames=20)


# ------------------------------------------------------------------------------------------------------- the generator
def test_default_video_has_the_promised_shape_and_types():
    frames, masks, label = MovingShapes().render(3)
    assert frames.shape == (96, 80, 80, 3) and frames.dtype == np.uint8
    assert masks.shape == (96, 80, 80) and masks.dtype == bool
    assert label == 3


def test_same_seed_split_and_index_give_the_same_frames_in_any_order():
    first = [MovingShapes(num_frames=8).render(index) for index in (0, 5)]
    again = [MovingShapes(num_frames=8).render(index) for index in (5, 0)][::-1]
    for (frames, masks, label), (frames_again, masks_again, label_again) in zip(first, again):
        assert (frames == frames_again).all() and (masks == masks_again).all() and label == label_again


@pytest.mark.parametrize('other', [dict(seed=1), dict(split='test'), dict(index=8)])
def test_another_seed_split_or_index_gives_another_video(other):
    wanted = dict(seed=0, split='train', index=0)
    frames = []
    for choice in (wanted, {**wanted, **other}):
        seed = choice.pop('seed')
        frames.append(MovingShapes(num_frames=8, seed=seed).render(**choice)[0])
    assert (frames[0] != frames[1]).mean() > 0.5


def test_labels_are_balanced_for_any_number_of_videos():
    shapes = MovingShapes(num_classes=8)
    for count in (16, 19):
        votes = np.bincount([shapes.label(index) for index in range(count)], minlength=8)
        assert votes.max() - votes.min() <= 1 and votes.min() >= 2


@pytest.mark.parametrize('index', range(8))
def test_mask_covers_the_moving_shape_and_nothing_else_ever_changes(index):
    frames, masks, _ = MovingShapes(num_frames=48, still_shapes=index % 3).render(index)
    # What a pixel shows while the shape is elsewhere is the background there.
    never_seen = masks.all(axis=0)
    background = np.zeros_like(frames[0])
    for frame, mask in zip(frames, masks):
        background[~mask] = frame[~mask]
    for frame, mask in zip(frames, masks):
        assert (frame[~mask] == background[~mask]).all()
        visible = mask & ~never_seen
        # Most of the shape differs from what it hides, though it may pass over a still shape of much the same colour.
        assert (frame[visible] != background[visible]).any(axis=1).mean() > 0.5


@pytest.mark.parametrize('size', [64, 80, 128])
def test_mask_lies_within_the_stated_circle_for_every_frame_size(size):
    shapes = MovingShapes(size=size, num_frames=12)
    rows, columns = np.mgrid[:size, :size]
    for index in range(4):
        _, masks, _ = shapes.render(index)
        for mask, (x, y), radius in zip(masks, *trajectory(shapes, index)):
            distance = np.hypot(columns - x, rows - y)
            assert distance[mask].max() < radius + 1  # half a pixel of smooth edge, and as much for the grid
            assert mask.sum() > 0.2 * np.pi * radius**2


def test_nothing_leaves_the_frame(trajectories):
    centres, radii = trajectories
    assert (centres.min(axis=-1) - radii).min() > 0
    assert (centres.max(axis=-1) + radii).max() < ALL_CLASSES.size - 1


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(num_classes=1), 'num_classes'),
        (dict(num_classes=11), 'num_classes'),
        (dict(size=72), 'multiple of 16'),
        (dict(size=48), 'at least 64'),
        (dict(num_frames=1), 'num_frames'),
        (dict(fps=0), 'fps'),
        (dict(seed=-1), 'seed'),
        (dict(still_shapes=-1), 'still_shapes'),
    ],
)
def test_bad_parameters_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MovingShapes(**arguments)


def test_bad_video_is_refused():
    with pytest.raises(ValueError, match='split'):
        MovingShapes().render(0, 'val')
    with pytest.raises(ValueError, match='index'):
        MovingShapes().render(-1)


# ---------------------------------------------------------------------------------- what tells the class, what does not
def test_every_class_has_the_same_narrow_speeds(trajectories):
    centres, _ = trajectories
    speed_of_video = np.linalg.norm(np.diff(centres, axis=2), axis=-1).mean(axis=-1)
    assert np.ptp(speed_of_video.mean(axis=1)) < 0.01 * speed_of_video.mean()
    low, high = moving_shapes.SPEED
    assert speed_of_video.min() > 0.98 * low and speed_of_video.max() < 1.02 * high


def test_four_frames_at_double_pace_stand_out_from_natural_ones(trajectories):
    centres, _ = trajectories

    def path_length(step):  # over four steps, from every frame that a segment can start at
        steps = np.linalg.norm(centres[:, :, step::step] - centres[:, :, :-step:step], axis=-1)
        return np.stack([steps[:, :, start : start + 4].sum(axis=-1) for start in range(steps.shape[2] - 3)])

    natural, double = path_length(1), path_length(2)
    threshold = (natural.mean() + double.mean()) / 2
    assert (natural < threshold).mean() > 0.95 and (double > threshold).mean() > 0.9


def test_position_and_size_have_the_same_mean_and_spread_in_every_class(trajectories):
    centres, radii = trajectories
    per_class = centres.reshape(len(LOOPS), -1, 2)
    middle = (ALL_CLASSES.size - 1) / 2
    spread = per_class.std(axis=1)
    assert np.abs(per_class.mean(axis=1) - middle).max() < 4 * spread.max() / 60**0.5
    assert np.ptp(spread) < 0.25 * spread.mean()
    assert np.ptp(radii.mean(axis=(1, 2))) < 0.05 * radii.mean()


def _nearest_class_mean_accuracy(features: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy on the second half of the features of a classifier by the nearest class mean of the first half."""
    half = len(features) // 2
    fitted, fitted_labels = features[:half], labels[:half]
    features = (features - fitted.mean(axis=0)) / (fitted.std(axis=0) + 1e-9)
    means = np.stack([features[:half][fitted_labels == label].mean(axis=0) for label in np.unique(labels)])
    distance = ((features[half:, None] - means) ** 2).sum(axis=-1)
    return (distance.argmin(axis=1) == labels[half:]).mean()


def test_position_and_size_in_a_single_frame_do_not_tell_the_class(trajectories):
    centres, radii = trajectories
    x, y = (centres[:, :, 40].reshape(-1, 2) - (ALL_CLASSES.size - 1) / 2).T
    radius = radii[:, :, 40].ravel()
    # Squares and products let the classifier see spreads and slants too.
    features = np.stack([x, y, radius, x * x, y * y, x * y, np.hypot(x, y)], axis=1)
    labels = np.repeat(np.arange(len(LOOPS)), centres.shape[1])
    shuffled = np.random.default_rng(0).permutation(len(labels))
    accuracy = _nearest_class_mean_accuracy(features[shuffled], labels[shuffled])
    assert accuracy < 0.1 + 3 * (0.1 * 0.9 / 300) ** 0.5  # chance is 0.1, on 300 videos


def test_pixels_of_a_single_frame_do_not_tell_the_class():
    shapes = MovingShapes(num_frames=2)
    videos = [shapes.render(index) for index in range(400)]
    pixels = np.stack([frames[0].reshape(10, 8, 10, 8, 3).mean(axis=(1, 3)).ravel() for frames, _, _ in videos])
    colours = np.stack(
        [np.concatenate([frames[0][masks[0]].mean(axis=0), frames[0].mean(axis=(0, 1))]) for frames, masks, _ in videos]
    )
    labels = np.array([label for _, _, label in videos])
    for features in (pixels, colours):
        # Chance is 0.125, on 200 videos.
        assert _nearest_class_mean_accuracy(features, labels) < 0.125 + 3 * (0.125 * 0.875 / 200) ** 0.5


def test_path_within_a_clip_does_tell_the_class(trajectories):
    centres, _ = trajectories
    start, length = 40, 16
    steps = np.diff(centres[:, :, start : start + length], axis=2)
    x, y = np.moveaxis(steps, -1, 0)
    turn = x[..., :-1] * y[..., 1:] - y[..., :-1] * x[..., 1:]
    go_on = (steps[:, :, :-1] * steps[:, :, 1:]).sum(axis=-1)
    # Mirror images and the sense of turning make no class, so the features do not know them.
    features = np.stack(
        [
            (x * x).sum(-1),
            (y * y).sum(-1),
            np.abs(x * y).sum(-1),
            np.abs((x * y).sum(-1)),
            np.abs(turn).sum(-1),
            np.abs(turn.sum(-1)),
            go_on.min(-1),
            np.abs(turn).max(-1),
        ],
        axis=-1,
    )
    features = features.reshape(-1, features.shape[-1])
    labels = np.repeat(np.arange(len(LOOPS)), centres.shape[1])
    shuffled = np.random.default_rng(0).permutation(len(labels))
    assert _nearest_class_mean_accuracy(features[shuffled], labels[shuffled]) > 0.6


def _skewness(values: np.ndarray) -> float:
    return (values**3).mean() / (values**2).mean() ** 1.5


def test_no_class_can_be_played_backwards(trajectories):
    """Speed and size rise in few leaps and fall in many small steps; backwards it is the other way round."""
    centres, radii = trajectories
    for class_centres, class_radii in zip(centres, radii):
        speed = np.linalg.norm(np.diff(class_centres, axis=1), axis=-1)
        for values, least in ((speed, 0.15), (class_radii, 1.5)):
            assert _skewness(np.diff(values, axis=1)) > least
            assert _skewness(np.diff(values[:, ::-1], axis=1)) < -least


def test_size_tells_the_order_of_clips_in_a_video(trajectories):
    _, radii = trajectories
    for start in (0, 24, 48):
        assert (radii[:, :, start : start + 16].mean(-1) > radii[:, :, start + 24 : start + 40].mean(-1)).all()


def test_every_class_holds_the_mirror_images_of_its_videos(trajectories):
    """Circles run in both senses and diagonals slant both ways, for flips leave labels alone."""
    steps = np.diff(trajectories[0], axis=2)
    x, y = np.moveaxis(steps, -1, 0)
    turning = (x[..., :-1] * y[..., 1:] - y[..., :-1] * x[..., 1:]).sum(axis=-1)
    slant = (x * y).sum(axis=-1)
    names = list(LOOPS)
    for values in (turning[names.index('circle')], turning[names.index('square')], slant[names.index('diagonal')]):
        assert 0.25 < (values > 0).mean() < 0.75


def test_loops_are_closed_and_walked_evenly():
    for name, loop in LOOPS.items():
        assert np.allclose(loop[0], loop[-1]), name
        points = moving_shapes._points_along(loop, np.linspace(0, 1, 401))
        step = np.linalg.norm(np.diff(points, axis=0), axis=1)
        assert np.median(step) == pytest.approx(1 / 400, rel=0.01), name


@pytest.mark.parametrize('size', [64, 80, 96])
def test_still_shapes_lie_within_the_frame_and_never_move(size):
    without, many = (MovingShapes(size=size, num_frames=6, still_shapes=count).render(0) for count in (0, 40))
    assert (without[1] == many[1]).all()
    outside = ~many[1].any(axis=0)
    assert (many[0][:, outside] == many[0][0, outside]).all()
    assert (many[0][0] != without[0][0]).any(axis=-1).mean() > 0.3


# ----------------------------------------------------------------------------------------------------------- the files
def test_set_has_lists_videos_and_masks(written_set):
    lists = [(written_set / f'{split}.txt').read_text() for split in ('train', 'test')]
    lines = [line.split() for text in lists for line in text.splitlines()]
    assert [int(label) for _, label in lines] == [0, 1, 2, 0, 1]
    assert len({path for path, _ in lines}) == 5
    assert all((written_set / path).is_file() for path, _ in lines)
    assert (written_set / 'classes.txt').read_text().split() == MovingShapes().class_names
    assert not list(written_set.rglob('*.tmp'))
    assert json.loads((written_set / 'moving_shapes.json').read_text())['num_train'] == 3


def test_written_masks_are_the_rendered_ones_by_either_path(written_set):
    path, _ = (written_set / 'test.txt').read_text().splitlines()[1].split()
    _, masks, _ = MovingShapes(num_frames=20).render(1, 'test')
    assert (load_masks(written_set / path) == masks).all()
    assert (load_masks((written_set / path.replace('videos', 'masks')).with_suffix('.npz')) == masks).all()


def test_written_video_opens_with_all_its_frames(written_set):
    decord = pytest.importorskip('decord')
    for line in (written_set / 'train.txt').read_text().splitlines():
        path, label = line.split()
        reader = decord.VideoReader(str(written_set / path))
        assert len(reader) == 20 and reader.get_avg_fps() == pytest.approx(25)
        frames, _, _ = MovingShapes(num_frames=20).render(int(label))  # the first videos have their class as index
        decoded = reader.get_batch(range(20)).asnumpy()
        assert decoded.shape == frames.shape
        assert np.abs(decoded.astype(int) - frames).mean() < 5
        assert max(np.diff([*reader.get_key_indices(), 20])) <= 12


def test_complete_set_is_left_alone(written_set, monkeypatch):
    def fail(*_):
        raise AssertionError('rendered again')

    monkeypatch.setattr(moving_shapes, '_write_video', fail)
    before = {path: path.stat().st_mtime_ns for path in written_set.rglob('*')}
    assert write_moving_shapes(written_set, 3, 2, num_frames=20) == written_set
    assert {path: path.stat().st_mtime_ns for path in written_set.rglob('*')} == before


def test_set_that_was_cut_off_is_completed_and_equals_one_made_at_once(written_set, tmp_path, monkeypatch):
    write_video = moving_shapes._write_video

    def break_at_the_third(root, shapes, split, index):
        if index == 2:
            raise OSError('disk full')
        write_video(root, shapes, split, index)

    root = tmp_path / 'set'
    with monkeypatch.context() as patch:
        patch.setattr(moving_shapes, '_write_video', break_at_the_third)
        with pytest.raises(OSError, match='disk full'):
            write_moving_shapes(root, 3, 2, num_frames=20, workers=1)
    assert not (root / 'train.txt').exists()

    write_moving_shapes(root, 3, 2, num_frames=20)
    files, complete = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob('*') if path.is_file()}
        for folder in (root, written_set)
    )
    assert files == complete


def test_the_lists_alone_are_those_of_the_whole_set(written_set, tmp_path, capsys):
    root = write_moving_shapes(tmp_path / 'set', 3, 2, num_frames=20, render=False)
    assert capsys.readouterr().out == f'MovingShapes: 5 of 5 videos are to be rendered into {root}\n'
    names = ['classes.txt', 'moving_shapes.json', 'test.txt', 'train.txt']
    assert sorted(path.name for path in root.iterdir()) == names
    assert all((root / name).read_bytes() == (written_set / name).read_bytes() for name in names)


@pytest.mark.parametrize('other', [dict(seed=1), dict(num_train=4), dict(size=96)])
def test_set_with_other_parameters_is_not_touched(written_set, other):
    with pytest.raises(FileExistsError, match=f'{next(iter(other))}: .* wanted.*delete the folder'):
        write_moving_shapes(written_set, **{**dict(num_train=3, num_test=2, num_frames=20), **other})


def test_folder_of_another_data_set_is_not_touched(tmp_path):
    (tmp_path / 'train.txt').write_text('someone.mp4 3\n')
    with pytest.raises(FileExistsError, match='another data set'):
        write_moving_shapes(tmp_path, 1, 1, num_frames=2)
    assert [path.name for path in tmp_path.iterdir()] == ['train.txt']
