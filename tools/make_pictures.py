"""Draws what each method's sampler makes of a rendered video: docs/images/clips_METHOD.jpg, and a strip of some for README.

    python tools/make_pictures.py [METHOD ...]

The methods are those of configs/recipes/every_method_moving_shapes.py. Each picture is the clip sheet of one draw of the
training data, the first that alters frames if the method does. tools/analysis/browse_clips.py draws more of them, and from
other videos.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from mmengine.config import Config
from PIL import Image

import videossl  # noqa: F401  (registers everything)
from videossl.apis.running.launch import point_at_data
from videossl.config_files import load_config
from videossl.datasets.moving_shapes import write_moving_shapes
from videossl.engine.samplers import Draw
from videossl.registry import DATASETS
from videossl.visualization import ClipSample, Sampling, draw_clip_sheet, sampling_of
from videossl.visualization.clip_sheet import thumbnail_row
from videossl.visualization.figures import new_figure, show_frames
from videossl.wrappers import innermost_dataset

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / 'configs/recipes/every_method_moving_shapes.py'
IMAGES = ROOT / 'docs/images'
STRIP = dict(vspp='VSPP', rtt='RTT', speednet='SpeedNet', vcop='VCOP', aux='auxSKD')
STRIP_FRAMES, STRIP_VIEWS = 16, 2
MOST_VIEWS = 4
VIDEO, DRAWS = 3, 8  # of the rendered ones; draws of it


def training_samplers() -> dict[str, Config]:
    """The config of each method's training, by the method's name; auxSKD with VSPP's views is ``aux``."""
    stages = Config.fromfile(str(RECIPE)).stages
    chosen = {
        name: stage
        for name, stage in stages.items()
        if name == 'aux' or not name.startswith(('aux', 'finetune')) and not name.endswith('_after_aux')
    }
    return {
        name: load_config(
            str(RECIPE.parent / stage.config),
            {key: value for key, value in stage.options.items() if key.startswith('train_dataloader.dataset')},
        )
        for name, stage in chosen.items()
    }


def draw_of(config: Config, videos: Path):
    """One sample of a config's training, as the model gets it, and what its labels mean."""
    point_at_data(config.train_dataloader, str(videos), None)
    dataset = DATASETS.build(dict(innermost_dataset(config.train_dataloader.dataset), _scope_='videossl'))
    sampling = sampling_of(dataset.pipeline.transforms, config.get('model'))
    samples = [ClipSample.from_packed(dataset[Draw(VIDEO, place, 0)]) for place in range(DRAWS)]
    return next((sample for sample in samples if alters(sample, sampling)), samples[0]), sampling


def alters(sample: ClipSample, sampling: Sampling) -> bool:
    """Whether frames of a sample are marked as altered."""
    views, length = sample.clips.shape[:2]
    return any(sampling.altered_positions(sample.labels, view, length).any() for view in range(views))


def write(figure, path: Path) -> None:
    """A figure as JPEG."""
    with tempfile.TemporaryFile() as drawn:
        figure.savefig(drawn, dpi=100, format='png')
        drawn.seek(0)
        Image.open(drawn).convert('RGB').save(path, quality=80, optimize=True)


def draw_strip(samples: dict):
    """Two rows of frames of each method, with what the labels say of them."""
    rows = [(name, view) for name in samples for view in range(min(STRIP_VIEWS, len(samples[name][0].clips)))]
    figure = new_figure(12, 1.08 * len(rows))
    grid = figure.add_gridspec(len(rows), 1)
    for place, (name, view) in enumerate(rows):
        sample, sampling = samples[name]
        length = sample.clips.shape[1]
        shown = np.linspace(0, length - 1, STRIP_FRAMES).round().astype(int)
        framed = sampling.altered_positions(sample.labels, view, length)[shown]
        axes = figure.add_subplot(grid[place], label=f'{name} {view}')
        show_frames(axes, thumbnail_row(sample.clips[view][shown], framed), STRIP_FRAMES, [])
        axes.set_title(f'{STRIP[name]}: {sampling.describe_view(sample.labels, view)}', fontsize=9, loc='left')
    return figure


def main() -> None:
    configs = training_samplers()
    unknown = set(sys.argv[1:]) - set(configs)
    if unknown:
        sys.exit(f'there is no method {", ".join(sorted(unknown))}; the methods are {", ".join(configs)}')
    with tempfile.TemporaryDirectory() as folder:
        write_moving_shapes(folder, num_train=VIDEO + 1, num_test=1)
        samples = {name: draw_of(configs[name], Path(folder)) for name in sys.argv[1:] or configs}
    for name, (sample, sampling) in samples.items():
        sample.clips, sample.frame_inds = sample.clips[:MOST_VIEWS], sample.frame_inds[:MOST_VIEWS]
        write(draw_clip_sheet(sample, sampling), IMAGES / f'clips_{name}.jpg')
        print(IMAGES / f'clips_{name}.jpg')
    if not sys.argv[1:]:
        write(draw_strip({name: samples[name] for name in STRIP}), IMAGES / 'what_methods_see.jpg')


if __name__ == '__main__':
    main()
