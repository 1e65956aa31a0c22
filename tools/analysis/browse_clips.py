"""Clip sheets: show what a config's sampler and transforms make of videos, and which labels they give.

python tools/analysis/browse_clips.py configs/vspp/vspp_r3d-10_16x1x1-20e_k100-rgb.py --data-root FOLDER
"""

import argparse
import os

import numpy as np
from mmengine.config import DictAction

import videossl  # noqa: F401  (registers everything)
from videossl.apis.running.launch import load_config, point_at_data
from videossl.apis.user_errors import run_command
from videossl.engine.samplers import Draw
from videossl.errors import ConfigError
from videossl.registry import DATASETS
from videossl.visualization import ClipSample, sampling_of, write_clip_sheets
from videossl.wrappers import innermost_dataset


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file, of pretraining or of fine-tuning')
    parser.add_argument('--data-root', help='folder of videos; alone, it is scanned recursively')
    parser.add_argument('--ann-file', help='list of videos, relative to --data-root')
    parser.add_argument('--samples', type=int, default=8, help='how many; default: 8')
    parser.add_argument('--out', help='folder to write to; default: work_dirs/clip_sheets/NAME_OF_CONFIG')
    parser.add_argument('--seed', type=int, default=0, help='of the choice of videos and of every draw')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings of the config')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    if args.samples < 1:
        raise ConfigError(f'--samples must be at least 1, got {args.samples}')
    config = load_config(args.config, args.cfg_options)
    if config.get('train_dataloader') is None:
        raise ConfigError(f'{args.config} has no train_dataloader, so there are no clips to show')
    point_at_data(config.train_dataloader, args.data_root, args.ann_file)
    dataset = DATASETS.build(dict(innermost_dataset(config.train_dataloader.dataset), _scope_='videossl'))
    if not hasattr(dataset, 'pipeline'):
        raise ConfigError(f'{type(dataset).__name__} joins several data sets; give a config that names one')
    if not len(dataset):
        raise ConfigError('there are no videos to show; correct --data-root or --ann-file')
    name = os.path.splitext(os.path.basename(args.config))[0]
    out = args.out or os.path.join('work_dirs', 'clip_sheets', name)
    order = np.random.default_rng(args.seed).permutation(len(dataset))
    draws = (Draw(int(order[place % len(order)]), place, args.seed) for place in range(args.samples))
    samples = (ClipSample.from_packed(dataset[draw]) for draw in draws)
    pictures = write_clip_sheets(samples, out, sampling_of(dataset.pipeline.transforms, config.get('model')), name)
    print(f'{len(pictures)} sheets: {os.path.join(out, "index.html")}')


if __name__ == '__main__':
    run_command(main, own_errors=True)
