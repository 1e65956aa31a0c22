"""The command ``tools/evaluate_features.py``: retrieval, kNN and linear probe of a checkpoint."""

import argparse
import os
import os.path as osp

from mmengine.device import get_device
from rich.console import Console

from videossl.apis.user_errors import run_command
from videossl.checkpoints.load_model import init_model, load_backbone
from videossl.errors import ConfigError
from videossl.evaluation.linear_probe import PROBES, TRAIN_ON
from videossl.evaluation.model_evaluation import evaluate_model
from videossl.evaluation.report import EVALUATIONS, report_json, report_markdown, report_table
from videossl.features.config_views import CROPS
from videossl.features.protocols import POOLINGS, PROTOCOLS, Protocol, protocol_of
from videossl.files import whole_file

from .running.launch import keep_freed_memory

# Arguments of the command that evaluate_model has too.
SETTINGS = (
    *('evaluations', 'ks', 'k', 'temperature', 'probe', 'train_on', 'features_dir', 'batch_size', 'num_workers'),
)
REPORTS = dict(json=report_json, md=report_markdown)


def write_report(results: dict[str, dict], path: str | os.PathLike) -> None:
    """Write a report as ``.json`` or ``.md``, by the ending of the file's name.

    Raises:
        ConfigError: the name has another ending.
    """
    with whole_file(path) as temporary:
        temporary.write_text(REPORTS[report_format(path)](results), encoding='utf-8')


def report_format(path: str | os.PathLike) -> str:
    """``'json'`` or ``'md'``, from the ending of a file's name.

    Raises:
        ConfigError: the name has another ending.
    """
    ending = osp.splitext(os.fspath(path))[1].lower().removeprefix('.')
    if ending not in REPORTS:
        raise ConfigError(f'a report is written as .json or .md; {path} ends otherwise')
    return ending


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Retrieval, kNN and linear probe of a checkpoint of any method, from one extraction.'
    )
    parser.add_argument('checkpoint', help='checkpoint file; its backbone is read from the config in it')
    parser.add_argument('--config', help='config file, for a checkpoint that holds none')
    parser.add_argument('--data-root', required=True, help='folder of videos')
    parser.add_argument('--train-list', required=True, help='list of the train split, relative to --data-root')
    parser.add_argument('--test-list', required=True, help='list of the test split, relative to --data-root')
    parser.add_argument('--protocol', choices=list(PROTOCOLS), default='auxskd', help='of a paper; default: auxskd')
    views = parser.add_argument_group('views', "where they differ from the protocol's")
    for name, words in dict(
        num_clips='clips of each video',
        clip_len='frames of a clip',
        frame_interval='distance of these frames',
        size='side of the crop in pixels',
    ).items():
        views.add_argument(f'--{name.replace("_", "-")}', type=int, help=f'{words}; default: as the protocol')
    views.add_argument(
        '--resize',
        type=int,
        nargs='+',
        metavar='SIDE',
        help='size before the crop: the short side, or width and height',
    )
    views.add_argument('--crops', type=int, choices=list(CROPS), help='of each clip; default: as the protocol')
    views.add_argument('--pooling', choices=POOLINGS, help='over time and space; default: as the protocol')
    parser.add_argument('--average', choices=['prob', 'score'], help="of test views; default: the protocol's")
    parser.add_argument(
        '--center',
        action=argparse.BooleanOptionalAction,
        default=None,
        help="subtract each set's mean in retrieval and kNN; default: as the protocol",
    )
    parser.add_argument(
        '--evaluations', nargs='+', choices=EVALUATIONS, default=list(EVALUATIONS), help='what to measure; default: all'
    )
    parser.add_argument(
        '--ks', type=int, nargs='+', default=[1, 5, 10, 20, 50], help='of retrieval; default: 1 5 10 20 50'
    )
    parser.add_argument('--k', type=int, default=20, help='neighbours of kNN; default: 20')
    parser.add_argument('--temperature', type=float, default=0.07, help='of the votes of kNN; default: 0.07')
    parser.add_argument('--probe', choices=list(PROBES), default='logistic', help='the linear probe; default: logistic')
    parser.add_argument('--train-on', choices=TRAIN_ON, default='views', help='of the linear probe; default: views')
    parser.add_argument('--features-dir', help='folder to keep the features in, to go on after an interruption')
    parser.add_argument('--out', nargs='+', default=[], help='write the report here, .json or .md')
    parser.add_argument('--batch-size', type=int, default=32, help='clips at once; default: 32')
    parser.add_argument('--num-workers', type=int, default=8, help='processes that decode, at most; default: 8')
    parser.add_argument('--device', help='default: the accelerator, if there is one')
    return parser.parse_args(argv)


def protocol_from(args: argparse.Namespace) -> Protocol:
    """The protocol that the arguments name, with their changes."""
    names = ('num_clips', 'clip_len', 'frame_interval', 'size', 'resize', 'crops', 'pooling', 'average', 'center')
    changes = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if 'resize' in changes:
        changes['resize'] = changes['resize'][0] if len(changes['resize']) == 1 else tuple(changes['resize'])
    elif 'size' in changes:  # keep the share of the frame that is seen
        before = protocol_of(args.protocol)
        sides = (before.resize,) if isinstance(before.resize, int) else before.resize
        scaled = tuple(round(side * args.size / before.size) for side in sides)
        changes['resize'] = scaled[0] if len(scaled) == 1 else scaled
    return protocol_of(args.protocol, **changes)


def main(argv: list[str] | None = None) -> None:
    """Do what the arguments say; errors are raised as they are."""
    args = parse_args(argv)
    for path in args.out:
        report_format(path)
    protocol = protocol_from(args)
    device = args.device or get_device()
    keep_freed_memory()
    model = (
        load_backbone(args.checkpoint, device=device)
        if args.config is None
        else init_model(args.config, args.checkpoint, device)
    )
    train, test = (osp.join(args.data_root, name) for name in (args.train_list, args.test_list))
    settings = {name: getattr(args, name) for name in SETTINGS}
    results = evaluate_model(model, train, test, args.data_root, protocol=protocol, **settings)
    Console().print(report_table(results, title=osp.basename(args.checkpoint)))
    for path in args.out:
        write_report(results, path)


def command() -> None:
    """Entry point of ``tools/evaluate_features.py``."""
    run_command(main, own_errors=True)


if __name__ == '__main__':
    command()
