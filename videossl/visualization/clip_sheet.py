"""Clip sheets: what a sampler and the transforms made of a video, as pictures."""

import html
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mmengine.registry import Registry

from videossl.datasets import ClipLabeller, ClipSampler
from videossl.datasets.pipelines import Pipeline, build_pipeline, pipeline_steps
from videossl.models import MomentumPretrainer
from videossl.registry import MODELS, TRANSFORMS, registered

from .clip_labels import Sampling, frame_ranges
from .figures import new_figure, show_frames

ALTERED_COLOR = '#ff9900'  # of frames that the pretext task alters: shading in the time line, frame of a thumbnail
FRAMES_IN_A_ROW = 16
TITLE_LINE = 0.15  # inches
FEWEST_COLUMNS = 8  # a row of fewer frames is as high as one of so many
VIEW_COLORS = ('#1f4e9c', '#a01f5f', '#1f7a3a', '#5b3fa8', '#6b5a10')


@dataclass
class ClipSample:
    """One sample, as a model would get it.

    Args:
        clips: uint8 RGB [V, T, H, W, 3].
        frame_inds: int [V, T], numbers of the frames in the file.
        total_frames: frames in the video.
        filename: the video.
        labels: every ``gt_*`` of the data sample, by name; ``gt_label`` is the action class or classes.
        start_index: number of the video's first frame.
    """

    clips: np.ndarray
    frame_inds: np.ndarray
    total_frames: int
    filename: str
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    start_index: int = 0

    @classmethod
    def from_packed(cls, packed: dict) -> 'ClipSample':
        """From what :class:`~videossl.datasets.transforms.PackClips` returns.

        Raises:
            ValueError: ``PackClips`` does not keep a key that a sheet shows, or the pipeline does not end with it.
        """
        if not isinstance(packed, dict) or 'inputs' not in packed or getattr(packed['inputs'], 'ndim', 0) != 5:
            raise ValueError(
                'a clip sheet needs samples as PackClips packs them, clips [V, 3, T, H, W]; end the pipeline '
                "with dict(type='PackClips')"
            )
        sample = packed['data_samples']
        missing = [key for key in ('frame_inds', 'total_frames', 'filename') if key not in sample.metainfo_keys()]
        if missing:
            raise ValueError(
                f'a clip sheet shows {", ".join(missing)}, which PackClips does not keep; name it in its meta_keys'
            )
        clips = packed['inputs'].permute(0, 2, 3, 4, 1).numpy()
        frames = np.asarray(sample.frame_inds).reshape(-1, clips.shape[1])
        if len(clips) % len(frames):
            raise ValueError(
                f'{len(clips)} clips of {clips.shape[1]} frames do not go with {frames.size} frame numbers'
            )
        return cls(
            clips=clips,
            frame_inds=np.repeat(frames, len(clips) // len(frames), axis=0),  # the crops of a clip show the same frames
            total_frames=int(sample.total_frames),
            filename=str(sample.filename),
            labels={key: sample.get(key).numpy() for key in sample.keys() if key.startswith('gt_')},
        )


def sampling_of(pipeline: Pipeline, model: dict | None = None) -> Sampling:
    """The sampler of a pipeline (built, or a config of ours), and the views' roles, from the model's config.

    A view's role is read from the model's ``student_views`` and ``teacher_views``. Of a pipeline that is built, transforms behind
    the sampler explain their labels, too.
    """
    roles: dict[int, str] = {}
    kind = _class_of(MODELS, model) if model else None
    if model and kind is not None and issubclass(kind, MomentumPretrainer):
        roles = {view: 'student' for view in model.get('student_views', (0,))}
        roles |= {view: 'teacher' for view in model.get('teacher_views', (1,)) if view not in roles}
    return Sampling(
        sampler_of(pipeline),
        tuple(roles.get(view, 'not used') for view in range(max(roles) + 1)) if roles else (),
        tuple(step for step in pipeline_steps(pipeline) if isinstance(step, ClipLabeller)),
    )


def sampler_of(pipeline: Pipeline) -> ClipSampler | None:
    """The first clip sampler of a pipeline; of configs only the sampler is built."""
    for step in pipeline_steps(pipeline):
        if isinstance(step, dict):
            kind = _class_of(TRANSFORMS, step)
            if kind is not None and issubclass(kind, ClipSampler):
                (step,) = build_pipeline([{**step, '_scope_': 'videossl'}])
        if isinstance(step, ClipSampler):
            return step
    return None


def _class_of(registry: Registry, config: dict) -> type | None:
    """The class that a config names; None: it names none that is registered."""
    kind = config.get('type')
    if isinstance(kind, str):
        kind = next(iter(registered(registry, kind)), None)
    return kind if isinstance(kind, type) else None


def draw_timeline(axes, sample: ClipSample, sampling: Sampling = Sampling()) -> None:
    """Draw the time line of a video on matplotlib axes: a row a view, a tick a picked frame, altered stretches shaded.

    The x axis counts frames; a frame ``f`` covers ``f - 0.5`` to ``f + 0.5``. The first view is the uppermost row.
    """
    num_views, clip_len = sample.frame_inds.shape
    first, last = sample.start_index, sample.start_index + sample.total_frames - 1
    shaded = False
    for view, frames in enumerate(sample.frame_inds):
        row = num_views - 1 - view
        altered = sampling.altered_positions(sample.labels, view, clip_len)
        shaded |= bool(altered.any())
        for start, end in frame_ranges(frames, altered):
            axes.fill_between(
                [start - 0.5, end + 0.5], row - 0.42, row + 0.42, color=ALTERED_COLOR, alpha=0.5, linewidth=0
            )
        axes.vlines(frames, row - 0.3, row + 0.3, color=VIEW_COLORS[view % len(VIEW_COLORS)], linewidth=1)
        axes.hlines(row, first, last, color='#999999', linewidth=0.6, zorder=0)
    axes.set_xlim(first - 0.5, last + 0.5)
    axes.set_ylim(-0.6, num_views - 0.4)
    axes.set_yticks(range(num_views), [f'view {view + 1}' for view in reversed(range(num_views))], fontsize=8)
    axes.tick_params(labelsize=8)
    axes.set_xlabel('frame of the video' + ('; shaded: altered' if shaded else ''), fontsize=8)


def thumbnail_row(
    frames: np.ndarray, framed: Sequence[bool] | np.ndarray, color: str = ALTERED_COLOR, gap: int = 2
) -> np.ndarray:
    """Frames side by side, some of them framed in a colour.

    Args:
        frames: uint8 RGB [n, H, W, 3].
        framed: n truth values.
        color: of the frames around these, ``#rrggbb``; the others' are white.
        gap: width of a frame in pixels.

    Returns:
        uint8 RGB [H + 2 gap, n (W + 2 gap), 3].
    """
    rgb = np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)], dtype=np.uint8)
    number, height, width = frames.shape[:3]
    cells = np.full((number, height + 2 * gap, width + 2 * gap, 3), 255, dtype=np.uint8)
    cells[np.asarray(framed, dtype=bool)] = rgb
    cells[:, gap : gap + height, gap : gap + width] = frames
    return cells.transpose(1, 0, 2, 3).reshape(height + 2 * gap, number * (width + 2 * gap), 3)


def draw_clip_sheet(sample: ClipSample, sampling: Sampling = Sampling(), title: str = ''):
    """A matplotlib figure of one sample: the time line, and below it each view's frames with their numbers.

    Args:
        sample: what to show.
        sampling: what the labels mean, see :func:`sampling_of`.
        title: of the figure; the file's name and the labels of the sample follow.
    """
    num_views, clip_len, height, width = sample.clips.shape[:4]
    rows = [(view, start) for view in range(num_views) for start in range(0, clip_len, FRAMES_IN_A_ROW)]
    columns = min(max(clip_len, FEWEST_COLUMNS), FRAMES_IN_A_ROW)
    sheet_width = 0.8 * max(columns, 10)  # inches
    row_height = sheet_width / columns * height / width + 0.42
    titles = [sampling.describe_view(sample.labels, view) if start == 0 else '' for view, start in rows]
    heights = [0.35 + 0.32 * num_views] + [row_height + TITLE_LINE * text.count('\n') for text in titles]
    figure = new_figure(sheet_width, sum(heights) + 0.7)
    lines = [
        title,
        f'{os.path.basename(sample.filename)}, {sample.total_frames} frames',
        sampling.describe_sample(sample.labels),
    ]
    figure.suptitle('\n'.join(line for line in lines if line), fontsize=10)
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    draw_timeline(figure.add_subplot(grid[0], label='timeline'), sample, sampling)
    for number, (view, start) in enumerate(rows, 1):
        part = slice(start, start + FRAMES_IN_A_ROW)
        frames = sampling.draw(sample.clips[view], sample.labels, view)[part]
        picture = thumbnail_row(frames, sampling.marked_positions(sample.labels, view, clip_len)[part])
        missing = columns * picture.shape[1] // len(frames) - picture.shape[1]
        picture = np.pad(picture, ((0, 0), (0, missing), (0, 0)), constant_values=255)
        axes = figure.add_subplot(grid[number], label=f'view {view}')
        show_frames(axes, picture, columns, sample.frame_inds[view, part])
        if start == 0:
            axes.set_title(titles[number - 1], fontsize=9, loc='left', color=VIEW_COLORS[view % len(VIEW_COLORS)])
    return figure


def write_clip_sheets(
    samples: Sequence[ClipSample], folder: str | Path, sampling: Sampling = Sampling(), title: str = '', dpi: int = 110
) -> list[Path]:
    """Write a picture a sample, ``sample_1.png`` and so on, and ``index.html`` that shows them all.

    Args:
        samples: any iterable; one is in memory at a time.
        folder: made where it is missing.
        sampling: see :func:`sampling_of`.
        title: of every sheet and of the page, e.g. the config's name.
        dpi: dots per inch of the pictures.

    Returns:
        The pictures' paths.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pictures, entries = [], []
    for number, sample in enumerate(samples, 1):
        path = folder / f'sample_{number}.png'
        draw_clip_sheet(sample, sampling, title).savefig(path, dpi=dpi)
        pictures.append(path)
        whole = sampling.describe_sample(sample.labels)
        views = [sampling.describe_view(sample.labels, view) for view in range(len(sample.clips))]
        entries.append((path.name, sample.filename, [whole, *views] if whole else views))
    (folder / 'index.html').write_text(index_page(title or 'Clip sheets', entries), encoding='utf-8')
    return pictures


def index_page(title: str, entries: Sequence[tuple[str, str, Sequence[str]]]) -> str:
    """A page that lists pictures, with nothing outside of it but these.

    Args:
        title: of the page.
        entries: of each picture its path relative to the page, its heading, and lines of text.
    """
    parts = []
    for picture, heading, lines in entries:
        items = ''.join(f'<li>{html.escape(line)}</li>' for line in lines)
        name = html.escape(picture, quote=True)
        parts.append(
            f'<h2>{html.escape(heading)}</h2>\n<ul>{items}</ul>\n<a href="{name}"><img src="{name}" alt="{name}"></a>'
        )
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        '<style>body{font:15px sans-serif;margin:2em}img{max-width:100%}h2{font-size:1em}</style></head>\n'
        f'<body>\n<h1>{html.escape(title)}</h1>\n' + '\n'.join(parts) + '\n</body>\n</html>\n'
    )
