"""Class activation maps: where clips activate a network, what speaks for a class, which positions are alike; video and sheet.

    python tools/analysis/cam.py CONFIG CHECKPOINT --videos a.mp4 b.mp4 --out FOLDER

With --on-masks, for MovingShapes: also the mean value on the moving shape and on the background.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config, DictAction

import videossl  # noqa: F401  (registers everything)
from videossl.apis import init_model
from videossl.apis.user_errors import run_command
from videossl.checkpoints import read_weights
from videossl.config_files import load_config
from videossl.datasets.moving_shapes import load_masks
from videossl.datasets.transforms import VideoReadError
from videossl.datasets.transforms.parsing_maps import follow_clip
from videossl.errors import ConfigError
from videossl.visualization import ClipReader, cam_maps, draw_cam_sheet, means_on_masks, sampler_of, write_cam_video
from videossl.visualization.cam import METHODS
from videossl.wrappers import innermost_dataset


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file, of pretraining or of fine-tuning')
    parser.add_argument('checkpoint', help='checkpoint file, or "none" for random weights, to compare with')
    parser.add_argument('--videos', nargs='+', required=True, help='video files')
    parser.add_argument('--out', help='folder for NAME.mp4 and NAME.png of each video')
    parser.add_argument(
        '--method',
        choices=METHODS,
        default='grad-cam',
        help='grad-cam: what spoke for a class (needs captum); activation: where the layer is active; pca: the features as '
        'colours',
    )
    parser.add_argument(
        '--layer',
        help="a stage of the backbone, e.g. stage3, or a module's dotted name; default: the last "
        'map, which is the coarsest',
    )
    parser.add_argument('--head', help='of a pretraining: the head whose class is explained, e.g. speed')
    parser.add_argument('--target', type=int, help="the class, from 0; default: the network's own choice for each clip")
    parser.add_argument('--class-names', help='text file with a name a line, in the order of the labels')
    parser.add_argument('--clips', type=int, default=1, help='clips of each video, evenly spread')
    parser.add_argument(
        '--on-masks', action='store_true', help='the videos are MovingShapes: compare shape and background'
    )
    parser.add_argument('--seed', type=int, default=0, help='of random weights')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings of the config')
    return parser.parse_args(argv)


def load_model(config: Config, checkpoint: str, method: str, head: str | None, seed: int) -> torch.nn.Module:
    """The model with its weights; for Grad-CAM the checkpoint must have the classifier's, too."""
    if checkpoint == 'none':
        torch.manual_seed(seed)
        return init_model(config)
    if not os.path.isfile(checkpoint):
        raise ConfigError(f'there is no checkpoint {checkpoint}')
    if method == 'grad-cam':
        names = list(read_weights(checkpoint))
        heads = dict.fromkeys(name.split('.')[1] for name in names if name.startswith('heads.'))
        heads.update(dict.fromkeys(['cls_head'] if any(name.startswith('cls_head.') for name in names) else []))
        if not heads or (head is not None and head not in heads):
            raise ConfigError(
                f'{checkpoint} has no weights of {head or "a classifier"}'
                + (
                    f'; it has the heads {", ".join(heads)}: name one with --head'
                    if heads
                    else ', so there is no class to explain; use --method activation'
                )
            )
    return init_model(config, checkpoint)


def means_on_shape(maps: np.ndarray, sample, filename: str) -> tuple[float, float]:
    """Mean of a MovingShapes video's maps [N, T, H, W] on its moving shape, and on the background."""
    masks = load_masks(filename)[np.asarray(sample.frame_inds).reshape(maps.shape[:2])].astype(np.uint8)
    shape = [
        follow_clip(mask, geometry, maps.shape[2:], nearest=True) for mask, geometry in zip(masks, sample.clip_geometry)
    ]
    return means_on_masks(maps, np.stack(shape).astype(bool))


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    if args.out is None and not args.on_masks:
        raise ConfigError('name a folder for the pictures with --out')
    if args.on_masks and args.method == 'pca':
        raise ConfigError('--on-masks compares values, and the maps of --method pca are colours; use another method')
    config = load_config(args.config, args.cfg_options)
    model = load_model(config, args.checkpoint, args.method, args.head, args.seed)
    reader = ClipReader(config, args.clips)
    names = Path(args.class_names).read_text().splitlines() if args.class_names else None
    loader = config.get('train_dataloader')
    sampler = sampler_of(innermost_dataset(loader.dataset).get('pipeline', [])) if loader else None
    if args.out is not None:
        os.makedirs(args.out, exist_ok=True)
    means, stems = [], set()
    for video in args.videos:
        try:
            packed = reader(video)
        except VideoReadError as error:
            print(f'left out: {error}')
            continue
        result = cam_maps(model, packed['inputs'], args.method, args.layer, args.head, args.target, names, sampler)
        if args.on_masks:
            means.append(means_on_shape(result.maps, packed['data_samples'], video))
        if args.out is None:
            continue
        stem = Path(video).stem
        while stem in stems:  # of another folder
            stem += '_'
        stems.add(stem)
        clips = packed['inputs'].permute(0, 2, 3, 4, 1).numpy()
        write_cam_video(os.path.join(args.out, f'{stem}.mp4'), clips, result.maps)
        frames = np.asarray(packed['data_samples'].frame_inds).reshape(clips.shape[:2])
        draw_cam_sheet(clips, result.maps, result.shown, os.path.basename(video), frame_inds=frames).savefig(
            os.path.join(args.out, f'{stem}.png'), dpi=110
        )
    if args.out is not None:
        print(f'{len(stems)} videos and contact sheets: {args.out}')
    if means:
        on, off = np.array(means).T
        print(
            f'mean of the map, from 0 to 1, over {len(means)} videos: {on.mean():.3f} on the moving shape, {off.mean():.3f} '
            f'on the background; higher on the shape in {np.sum(on > off)} of them'
        )


if __name__ == '__main__':
    run_command(main, own_errors=True)
