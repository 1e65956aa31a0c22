"""The command ``tools/extract_features.py``: features of videos in one file."""

import argparse
import os.path as osp

from mmengine.config import DictAction

from videossl.apis.user_errors import run_command
from videossl.checkpoints.load_model import init_model
from videossl.config_files import load_config
from videossl.errors import ConfigError
from videossl.features.clip_features import ClipFeatures, file_format
from videossl.features.config_views import CROPS
from videossl.features.extraction import extract_features
from videossl.features.protocols import POOLINGS, views_text
from videossl.precision import PRECISIONS

from .running.launch import keep_freed_memory

# Arguments of the command that extract_features has too.
SETTINGS = (
    *('num_clips', 'crops', 'clip_len', 'frame_interval', 'size', 'pooling', 'batch_size', 'num_workers'),
    *('precision', 'out'),
)
SHOWN_VIDEOS = 10  # unreadable videos in the summary


def summary(features: ClipFeatures, out: str) -> str:
    """Number of videos, settings and unreadable videos, for the terminal."""
    count, views, channels = features.features.shape
    settings = features.protocol
    lines = [
        f'{out}: {count} videos of {settings["split"]}, {views} views each, {channels} numbers a view',
        f'  {", ".join([*views_text(settings), settings["precision"]])}',
    ]
    if settings['pixels'].get('assumed'):
        lines.append("  nothing says which pixels the net expects; assumed are RGB with ImageNet's mean and std")
    if features.unreadable:
        lines.append(f'  {len(features.unreadable)} could not be read; their features are zeros:')
        lines += [f'    {path}' for path in features.unreadable[:SHOWN_VIDEOS]]
        if len(features.unreadable) > SHOWN_VIDEOS:
            lines.append(f'    and {len(features.unreadable) - SHOWN_VIDEOS} more, named in the log')
    return '\n'.join(lines)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Write the backbone's features of videos to one file. The same command goes on with what was cut "
        'off.'
    )
    parser.add_argument('config', help='config file of the model')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--data-root', help='folder of videos; alone, it is scanned recursively')
    parser.add_argument('--ann-file', help='list of videos, relative to --data-root')
    parser.add_argument('--out', required=True, help='file to write, .npz or .parquet')
    parser.add_argument('--num-clips', type=int, help='clips of each video; default: as the config tests, or 10')
    parser.add_argument('--crops', type=int, choices=list(CROPS), help='of each clip; default: as the config, or 1')
    parser.add_argument('--clip-len', type=int, help='frames of a clip; default: as the config')
    parser.add_argument('--frame-interval', type=int, help='distance of these frames; default: as the config, or 1')
    parser.add_argument('--size', type=int, help='side of the crop in pixels; default: as the config')
    parser.add_argument(
        '--resize',
        type=int,
        nargs='+',
        metavar='SIDE',
        help='size before the crop: the short side, or width and height; default: as the config',
    )
    parser.add_argument('--pooling', choices=POOLINGS, default='avg', help='over time and space; default: avg')
    parser.add_argument('--batch-size', type=int, default=32, help='clips at once; default: 32')
    parser.add_argument('--num-workers', type=int, default=8, help='processes that decode, at most; default: 8')
    parser.add_argument('--precision', choices=PRECISIONS, help='default: as the config, or auto')
    parser.add_argument('--device', help='default: the accelerator, if there is one')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='override settings of the config')
    return parser.parse_args(argv)


def videos_of(args: argparse.Namespace) -> tuple[str, str | None]:
    """The list or folder that the arguments name, and the folder of its paths."""
    if args.ann_file is not None:
        return osp.join(args.data_root or '', args.ann_file), args.data_root
    if args.data_root is None:
        raise ConfigError('name the videos: --data-root FOLDER, --ann-file LIST, or both')
    if not osp.isdir(args.data_root):
        raise ConfigError(f'the folder {args.data_root} does not exist; check --data-root')
    return args.data_root, None


def main(argv: list[str] | None = None) -> None:
    """Do what the arguments say; errors are raised as they are."""
    args = parse_args(argv)
    resize = args.resize[0] if args.resize is not None and len(args.resize) == 1 else args.resize
    keep_freed_memory()
    config = load_config(args.config, args.cfg_options)
    videos, data_root = videos_of(args)
    file_format(args.out)  # an unknown format is refused before a model is built
    features = extract_features(
        init_model(config, args.checkpoint, args.device),
        videos,
        data_root,
        resize=resize,
        **{name: getattr(args, name) for name in SETTINGS},
    )
    print(summary(features, args.out))


def command() -> None:
    """Entry point of ``tools/extract_features.py``."""
    run_command(main, own_errors=True, goes_on=True)


if __name__ == '__main__':
    command()
