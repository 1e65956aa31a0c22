"""MovingShapes: a small set of made-up videos whose classes differ in motion alone.

A shape moves over a still background along a loop; the form of the loop (circle, square, figure eight, ...) is the class.
The set renders in seconds and is small enough to pretrain and fine-tune on without an accelerator. Everything but the form
of the loop is distributed alike for all classes.

* **Appearance** (kind of shape, colour, texture, size, background) is independent of the class. It varies little: with rich
  backgrounds a small network memorises 160 videos long before it learns any motion. Strong colour jitter hides the motion
  in the same way, so omit it or keep it weak when training on this set.
* **Position**: the loop's position is drawn so that the position in a frame has the same mean and variance on each axis for
  every class. Averaged over a class, frames look alike.
* **Speed** (pixels per frame, averaged over the video) and the length of the loop have one narrow distribution each. A
  natural clip has a known tempo, and a clip sampled faster stands out (pace prediction).
* **The arrow of time**: the shape moves in strokes. At each stroke its speed and size jump up, then decay until the next
  stroke. It also shrinks a little from the first frame to the last, so that clips of one video can be ordered.
* **Mirroring**: every class is its own mirror image (circles run in both senses), so random flips keep labels true.
"""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from rich.progress import track

from videossl.checks import check_choice, check_integer
from videossl.errors import ConfigError
from videossl.files import whole_file

SPLITS = ('train', 'test')
# Lengths below are in pixels of a frame of this side, and scale with the frame.
REFERENCE_SIZE = 80
SHAPE_RADIUS = (8.5, 9.5)  # of the circle around the shape at its mean size, in the first frame
SHRINKAGE = 0.25  # share of its radius that a shape loses over the video
STROKE_SIZE = 0.04  # the radius varies between 1 + 0.04 and 1 - 0.04 times its mean within a stroke
STROKE_SPEED = 0.3  # the same for the speed; low enough that a segment at double pace still stands out
STROKE_PERIOD = (7.5, 8.5)  # frames
SPEED = (4.2, 4.4)  # pixels per frame, mean over the video
LOOP_LENGTH = (66.0, 74.0)  # pixels: 16 to 19 frames, so that a clip of 16 natural frames sees most of a loop
MARGIN = 1.5  # pixels between shape and border
POSITION_STD = 10.5  # of the shape's centre along either axis, over the frames of all videos
# Levels below are out of 255. The background has low contrast and is near the mean colour that is usually subtracted
# (ImageNet's, about 116); every shape is brighter.
BACKGROUND_LEVEL = (108, 124)
BACKGROUND_CONTRAST = 6  # amplitude of its smooth texture
SHAPE_LEVEL = 225  # mean over the channels of a shape's colour
DARK_TONE = 0.85  # share of its colour that a shape's second tone has

RECORD_NAME = 'moving_shapes.json'
# Increased when the same parameters give other frames than before, so that old and new videos are never mixed.
GENERATOR_VERSION = 1


# ------------------------------------------------------------------------------------------------------------ the loops
def _through(*corners: tuple[float, float]) -> np.ndarray:
    """Closed polyline through ``corners`` and back to the first: [number of corners + 1, 2] as (x, y)."""
    return np.array(corners + corners[:1], dtype=np.float64)


def _curve(x: Callable, y: Callable) -> np.ndarray:
    """Closed curve (x(a), y(a)) for a in 0..2 pi, as a fine polyline."""
    angle = np.linspace(0, 2 * np.pi, 257)
    return np.stack([x(angle), y(angle)], axis=1)


# Class name -> closed polyline (x to the right, y down), of any scale: loops are used at a common length. Each video may
# mirror its loop on either axis and run it in either sense, which must not change the class. The first eight are the default
# classes.
LOOPS: dict[str, np.ndarray] = dict(
    horizontal=_through((-1, 0), (1, 0)),
    vertical=_through((0, -1), (0, 1)),
    diagonal=_through((-1, -1), (1, 1)),
    circle=_curve(np.cos, np.sin),
    square=_through((-1, -1), (1, -1), (1, 1), (-1, 1)),
    diamond=_through((0, -1), (1, 0), (0, 1), (-1, 0)),
    eight=_curve(np.sin, lambda angle: 0.6 * np.sin(2 * angle)),
    hook=_through((1, 0), (0, 0), (0, 1), (0, 0)),
    triangle=_through((-1, 0), (1, 0), (0, 3**0.5)),
    vee=_through((-1, -1), (0, 0), (1, -1), (0, 0)),
)


def _points_along(loop: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Points at a share ``fraction`` (taken modulo 1) of the way around a closed polyline of length 1: [T, 2]."""
    leg_lengths = np.linalg.norm(np.diff(loop, axis=0), axis=1)
    travelled = np.concatenate([[0], np.cumsum(leg_lengths)])
    length = travelled[-1]
    return np.stack([np.interp(fraction % 1.0, travelled / length, loop[:, axis] / length) for axis in (0, 1)], axis=1)


# ----------------------------------------------------------------------------------------------------------- the shapes
# Each kind gives the signed distance (about; negative inside) of points to a shape that fits in a circle of ``radius``.
# All have about the same area.
def _disc(x, y, radius):
    return np.hypot(x, y) - 0.8 * radius


def _ring(x, y, radius):
    return np.abs(np.hypot(x, y) - 0.68 * radius) - 0.24 * radius


def _square(x, y, radius):
    return np.maximum(np.abs(x), np.abs(y)) - 0.5**0.5 * radius


def _pentagon(x, y, radius):
    angles = 2 * np.pi * np.arange(5) / 5
    return np.max([x * np.sin(angle) + y * np.cos(angle) for angle in angles], axis=0) - 0.74 * radius


def _cross(x, y, radius):
    arm, half_width = 0.93 * radius, 0.33 * radius
    x, y = np.abs(x), np.abs(y)
    return np.minimum(np.maximum(x - arm, y - half_width), np.maximum(y - arm, x - half_width))


SHAPE_KINDS: tuple[Callable, ...] = (_disc, _ring, _square, _pentagon, _cross)
# Where a shape has its second, darker tone; x and y are in radii, so that the texture moves and scales with the shape.
TEXTURES: tuple[Callable, ...] = (
    lambda x, y: np.zeros(np.broadcast(x, y).shape, dtype=bool),  # plain
    lambda x, y: np.sin(8 * x) > 0,  # stripes
    lambda x, y: np.sin(6 * x) * np.sin(6 * y) > 0,  # checks
    lambda x, y: np.cos(9 * np.hypot(x, y)) > 0,  # rings
)


class _Look(NamedTuple):
    """Appearance of one shape."""

    kind: int
    texture: int
    colour: np.ndarray  # RGB, 0..255
    dark_colour: np.ndarray
    rotation: float  # radians, fixed: a rotating shape would be a second motion


class Trajectory(NamedTuple):
    """Position and size of the moving shape in each frame."""

    centres: np.ndarray  # [T, 2] (x, y) in pixels; (0, 0) is the middle of the top left pixel
    radii: np.ndarray  # [T] in pixels, of the circle around the shape


# -------------------------------------------------------------------------------------------------------- the generator
@dataclass(frozen=True)
class MovingShapes:
    """Draws the videos of the set, one at a time and without files.

    A video is a function of these parameters, its split and its index alone.

    Args:
        num_classes: Number of classes, 2 to 10: the first of ``LOOPS``.
        size: Height and width of a frame in pixels; a multiple of 16 from 64 on.
        num_frames: Frames per video.
        fps: Frames per second that the file states; it does not change the frames.
        seed: Another seed gives another set.
        still_shapes: Number of shapes of the same kinds in every video that never move. With one or more, a single frame
            does not show which shape moves, and learning takes longer.

    Examples:
        >>> frames, masks, label = MovingShapes(num_frames=16).render(3, split='test')
        >>> frames.shape, masks.shape, label
        ((16, 80, 80, 3), (16, 80, 80), 3)
    """

    num_classes: int = 8
    size: int = 80
    num_frames: int = 96
    fps: int = 25
    seed: int = 0
    still_shapes: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.num_classes <= len(LOOPS):
            raise ConfigError(f'num_classes must be 2 to {len(LOOPS)}, got {self.num_classes}')
        # Not only for the encoder's blocks: decord 0.6.0 fails to decode to widths of 33 to 48 and 65 to 72 pixels. It
        # pads a row to a multiple of 32 pixels, and takes one padded by a third or more for a row of 4 bytes a pixel.
        if self.size < 64 or self.size % 16:
            raise ConfigError(f'size must be a multiple of 16 and at least 64, got {self.size}')
        check_integer('num_frames', self.num_frames, 2)
        check_integer('fps', self.fps)
        check_integer('seed', self.seed, 0)
        check_integer('still_shapes', self.still_shapes, 0)

    @property
    def class_names(self) -> list[str]:
        """Names of the classes in the order of their labels."""
        return list(LOOPS)[: self.num_classes]

    def label(self, index: int) -> int:
        """Class of a video. Classes alternate, so that any number of videos is balanced to within one."""
        return index % self.num_classes

    def render(self, index: int, split: str = 'train') -> tuple[np.ndarray, np.ndarray, int]:
        """Draw one video.

        Args:
            index: Number of the video within its split, from 0.
            split: ``'train'`` or ``'test'``.

        Returns:
            Frames (uint8 RGB [T, size, size, 3]), masks of the moving shape (bool [T, size, size]; outside of them
            every frame is the same still background) and the label.
        """
        generator, label = self._generator(index, split), self.label(index)
        path = self._trajectory(generator, label)
        background, moving_look = self._draw_scene(generator)
        frames = np.repeat(background[None], self.num_frames, axis=0)
        masks = _paint(frames, moving_look, path.centres, path.radii)
        return frames, masks, label

    def _generator(self, index: int, split: str) -> np.random.Generator:
        check_choice('split', split, SPLITS)
        check_integer('index', index, 0)
        return np.random.default_rng([self.seed, SPLITS.index(split), index])

    def _trajectory(self, generator: np.random.Generator, label: int) -> Trajectory:
        # The number and order of the draws is the same for every class: label only picks the loop.
        scale = self.size / REFERENCE_SIZE
        speed = generator.uniform(*SPEED) * scale
        loop_length = generator.uniform(*LOOP_LENGTH) * scale
        first_fraction = generator.uniform()
        stroke_period, first_stroke = generator.uniform(*STROKE_PERIOD), generator.uniform()
        first_radius = generator.uniform(*SHAPE_RADIUS) * scale
        mirror_x, mirror_y, sense = generator.choice([-1, 1], size=3)
        middle = generator.uniform(-1, 1, size=2)

        time = np.arange(self.num_frames)
        # 1 at the start of a stroke, falling to -1 right before the next one.
        stroke = 1 - 2 * ((time / stroke_period + first_stroke) % 1.0)
        advance = 1 + STROKE_SPEED * stroke[:-1]
        radii = first_radius * (1 - SHRINKAGE * time / (self.num_frames - 1)) * (1 + STROKE_SIZE * stroke)

        # A step around a corner shows less displacement than was travelled, so loops with corners would look slower. The
        # travel is therefore the candidate, up to 15 % longer, that shows the drawn speed best. (Solving by iteration fails:
        # a little more travel moves all later frames to other points of the loop.)
        loop = LOOPS[self.class_names[label]] * (mirror_x, mirror_y)
        travelled = np.concatenate([[0], np.cumsum(advance / advance.mean())]) * speed / loop_length
        candidates = [
            loop_length * _points_along(loop, first_fraction + sense * travelled * excess)
            for excess in np.linspace(1, 1.15, 31)
        ]
        shown = [np.linalg.norm(np.diff(points, axis=0), axis=1).mean() for points in candidates]
        offsets = candidates[np.abs(np.array(shown) - speed).argmin()]
        offsets -= offsets.mean(axis=0)

        # Loops differ in their variance in x and y. The middle of the loop has the missing variance, so that the position
        # in a frame has the same variance for every class. Room is kept for the largest shape whatever the size of this
        # one; otherwise the position would depend on the size.
        largest_radius = SHAPE_RADIUS[1] * (1 + STROKE_SIZE) * scale
        reach = self.size / 2 - MARGIN * scale - largest_radius - np.abs(offsets).max(axis=0)
        wanted = np.sqrt(3 * np.maximum((POSITION_STD * scale) ** 2 - offsets.var(axis=0), 0))
        return Trajectory((self.size - 1) / 2 + middle * np.minimum(wanted, reach) + offsets, radii)

    def _draw_scene(self, generator: np.random.Generator) -> tuple[np.ndarray, _Look]:
        """Background with the still shapes on it (uint8 [size, size, 3]), and the look of the moving shape."""
        scale = self.size / REFERENCE_SIZE
        base = generator.uniform(*BACKGROUND_LEVEL, size=3)
        coarse = base + generator.uniform(-BACKGROUND_CONTRAST, BACKGROUND_CONTRAST, size=(6, 6, 3))
        background = cv2.resize(coarse, (self.size, self.size), interpolation=cv2.INTER_CUBIC)
        background = np.clip(background, 0, 255).round().astype(np.uint8)

        moving_look = _draw_look(generator)
        reach = self.size / 2 - (MARGIN + SHAPE_RADIUS[1]) * scale - 1
        for _ in range(self.still_shapes):
            centre = (self.size - 1) / 2 + generator.uniform(-reach, reach, size=(1, 2))
            # As large as the moving shape may be at any time.
            radius = generator.uniform(*SHAPE_RADIUS, size=1) * generator.uniform(1 - SHRINKAGE, 1) * scale
            _paint(background[None], _draw_look(generator), centre, radius)
        return background, moving_look


def _draw_look(generator: np.random.Generator) -> _Look:
    """Draw an appearance: any hue, and the same level for all."""
    colour = generator.uniform(160, 255, size=3)
    colour = np.clip(colour * SHAPE_LEVEL / colour.mean(), 0, 255)
    return _Look(
        kind=int(generator.integers(len(SHAPE_KINDS))),
        texture=int(generator.integers(len(TEXTURES))),
        colour=colour,
        dark_colour=DARK_TONE * colour,
        rotation=generator.uniform(0, 2 * np.pi),
    )


def _paint(frames: np.ndarray, look: _Look, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Paint a shape into ``frames`` (uint8 [T, H, W, 3], changed in place), to a fraction of a pixel.

    Returns:
        Masks, bool [T, H, W]: the pixels that the shape touches, however little.
    """
    # All frames at once, but only the patch around the shape: this is what makes a set render in seconds.
    half = int(np.ceil(radii.max() + 0.5))
    patch = np.arange(2 * half + 1)
    corners = np.rint(centres).astype(int) - half
    x = (corners[:, :1] + patch - centres[:, :1])[:, None, :]
    y = (corners[:, 1:] + patch - centres[:, 1:])[:, :, None]
    cos, sin = np.cos(look.rotation), np.sin(look.rotation)
    x, y = cos * x + sin * y, cos * y - sin * x
    radii = radii[:, None, None]
    coverage = np.clip(0.5 - SHAPE_KINDS[look.kind](x, y, radii), 0, 1)[..., None]
    is_dark = TEXTURES[look.texture](x / radii, y / radii)[..., None]
    colours = np.where(is_dark, look.dark_colour, look.colour)

    masks = np.zeros(frames.shape[:3], dtype=bool)
    for frame, mask, (left, top), cover, colour in zip(frames, masks, corners, coverage, colours):
        window = (slice(top, top + len(patch)), slice(left, left + len(patch)))
        frame[window] = np.rint(frame[window] * (1 - cover) + colour * cover).astype(np.uint8)
        mask[window] = cover[..., 0] > 0
    return masks


# ------------------------------------------------------------------------------------------------------------ the files
def write_moving_shapes(
    root: str | os.PathLike,
    num_train: int = 160,
    num_test: int = 80,
    size: int = 80,
    num_frames: int = 96,
    seed: int = 0,
    *,
    num_classes: int = 8,
    fps: int = 25,
    still_shapes: int = 0,
    workers: int | None = None,
    render: bool = True,
) -> Path:
    """Write a set of H.264 videos with annotation files and masks.

    The folder then holds ``train.txt`` and ``test.txt`` (a line ``path label`` per video, paths relative to ``root``),
    ``classes.txt``, ``videos/<split>/<name>.mp4``, ``masks/<split>/<name>.npz`` (see :func:`load_masks`) and
    ``moving_shapes.json``, the parameters. Names do not tell the class.

    An existing set is left alone, and an interrupted one is completed: every file gets its name only when it is whole, so
    that two processes may write the same set.

    Args:
        root: Folder of the set; made when missing.
        num_train: Videos for training.
        num_test: Videos for testing.
        size, num_frames, seed, num_classes, fps, still_shapes: See :class:`MovingShapes`.
        workers: Threads; by default one per processor, eight at most.
        render: False: only the lists and the parameters are written, and the number of missing videos is printed. A later
            call renders these.

    Returns:
        ``root`` as a path.

    Raises:
        FileExistsError: The folder holds a set with other parameters, or something else of the same names.
    """
    check_integer('num_train', num_train, 0)
    check_integer('num_test', num_test, 0)
    root = Path(root)
    shapes = MovingShapes(num_classes, size, num_frames, fps, seed, still_shapes)
    counts = dict(train=num_train, test=num_test)
    record = dict(generator_version=GENERATOR_VERSION, **asdict(shapes), num_train=num_train, num_test=num_test)
    _claim_folder(root, record)

    missing = [
        (split, index)
        for split in SPLITS
        for index in range(counts[split])
        if not all(path.exists() for path in _paths(root, shapes, split, index))
    ]
    if missing and not render:
        print(f'MovingShapes: {len(missing)} of {num_train + num_test} videos are to be rendered into {root}')
    elif missing:
        print(f'MovingShapes: rendering {len(missing)} of {num_train + num_test} videos into {root}')
        # Threads suffice: NumPy and the encoder do much of their work outside of Python's lock, and threads do not import
        # everything again.
        with ThreadPoolExecutor(workers or min(os.cpu_count() or 1, 8)) as pool:
            jobs = [pool.submit(_write_video, root, shapes, split, index) for split, index in missing]
            try:
                for job in track(as_completed(jobs), description='Rendering', total=len(jobs)):
                    job.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    lists = {'classes.txt': shapes.class_names}
    for split in SPLITS:
        videos = [_paths(root, shapes, split, index)[0] for index in range(counts[split])]
        lists[f'{split}.txt'] = [
            f'{video.relative_to(root).as_posix()} {shapes.label(index)}' for index, video in enumerate(videos)
        ]
    for name, lines in lists.items():
        if not (root / name).exists():
            with whole_file(root / name) as path:
                path.write_text(''.join(f'{line}\n' for line in lines))
    return root


def load_masks(path: str | os.PathLike) -> np.ndarray:
    """Masks of the moving shape in each frame of a video.

    Args:
        path: The ``.npz`` file under ``masks/``, or the ``.mp4`` file under ``videos/`` that it belongs to.

    Returns:
        bool [T, H, W], in the pixels of the video as it is stored.
    """
    path = Path(path)
    if path.suffix == '.mp4':
        path = path.parents[2] / 'masks' / path.parent.name / f'{path.stem}.npz'
    with np.load(path) as stored:
        shape = tuple(stored['shape'])
        return np.unpackbits(stored['bits'], count=int(np.prod(shape))).reshape(shape).astype(bool)


def _claim_folder(root: Path, record: dict) -> None:
    """Record the parameters of the set in its folder, or check that the folder records the same parameters."""
    record_path = root / RECORD_NAME
    # Read before the record, which another process may write at this moment, followed by the other files.
    taken = [name for name in ('videos', 'masks', 'train.txt', 'test.txt', 'classes.txt') if (root / name).exists()]
    if record_path.exists():
        found = json.loads(record_path.read_text())
        differing = [
            f'{name}: {found.get(name)} there, {record.get(name)} wanted'
            for name in sorted({*found, *record})
            if found.get(name) != record.get(name)
        ]
        if differing:
            raise FileExistsError(
                f'{root} holds a MovingShapes set with other parameters ({"; ".join(differing)}). '
                'Choose another folder, ask for the parameters that are there, or delete the folder.'
            )
        return
    if taken:
        raise FileExistsError(
            f'{root} holds {", ".join(taken)} but no {RECORD_NAME}: it seems to be another data set. '
            'Choose another folder.'
        )
    root.mkdir(parents=True, exist_ok=True)
    with whole_file(record_path) as path:
        path.write_text(json.dumps(record, indent=2) + '\n')


def _paths(root: Path, shapes: MovingShapes, split: str, index: int) -> tuple[Path, Path]:
    """Files of one video and of its masks. The name is a hash, since the index would reveal the class."""
    name = blake2b(f'{shapes.seed}/{split}/{index}'.encode(), digest_size=6).hexdigest()
    return root / 'videos' / split / f'{name}.mp4', root / 'masks' / split / f'{name}.npz'


def _write_video(root: Path, shapes: MovingShapes, split: str, index: int) -> None:
    frames, masks, _ = shapes.render(index, split)
    video_path, masks_path = _paths(root, shapes, split, index)
    with whole_file(masks_path) as path, open(path, 'wb') as file:  # given a name, NumPy would append .npz to it
        np.savez_compressed(file, bits=np.packbits(masks), shape=np.array(masks.shape))
    with whole_file(video_path) as path:
        _encode(path, frames, shapes.fps)


def _encode(path: Path, frames: np.ndarray, fps: int) -> None:
    """Write frames (uint8 RGB [T, H, W, 3]) as H.264."""
    with av.open(str(path), 'w', format='mp4') as container:
        # A key frame every 12 and no B-frames make it cheap to jump to any frame, which is what sampling clips does.
        # One thread, as the videos are small and are written in parallel.
        # Without mbtree, which sometimes encodes the same frames differently: files are to be the same every time.
        options = {'crf': '18', 'preset': 'veryfast', 'g': '12', 'bf': '0', 'threads': '1', 'x264-params': 'mbtree=0'}
        stream = container.add_stream('libx264', rate=fps, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = 'yuv420p'
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode())
