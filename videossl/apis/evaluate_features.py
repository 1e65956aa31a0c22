"""What a checkpoint's features are worth: retrieval, kNN and linear probe from one extraction."""

import argparse
import hashlib
import json
import os
import os.path as osp
from collections.abc import Sequence
from typing import Any

from mmengine.device import get_device
from rich.console import Console
from torch import nn

from videossl.checkpoints.hand_off import HandOffError
from videossl.checkpoints.load_model import init_model, load_backbone
from videossl.errors import ConfigError
from videossl.evaluation.linear_probe import PROBES, TRAIN_ON
from videossl.evaluation.report import (
    EVALUATIONS,
    check_evaluations,
    evaluate_features,
    report_json,
    report_markdown,
    report_table,
)
from videossl.features.clip_protocol import CROPS, POOLINGS, ClipProtocol, training_clips
from videossl.features.extraction import digest_of, extract_features, list_videos
from videossl.features.protocols import PROTOCOLS, Protocol, protocol_of
from videossl.features.video_list import VideoList
from videossl.wrappers import unwrap

from .running.launch import keep_freed_memory

REPORTS = dict(json=report_json, md=report_markdown)


def evaluate_model(
    model: nn.Module,
    train: Any,
    test: Any,
    data_root: str | os.PathLike | None = None,
    *,
    protocol: str | Protocol = 'auxskd',
    evaluations: Sequence[str] = EVALUATIONS,
    ks: Sequence[int] = (1, 5, 10, 20, 50),
    k: int = 20,
    temperature: float = 0.07,
    probe: str = 'logistic',
    train_on: str = 'views',
    features_dir: str | os.PathLike | None = None,
    **extraction,
) -> dict[str, dict]:
    """Extract the features of both splits, once, and evaluate them.

    Args:
        model: any that :func:`~videossl.apis.extract_features` takes.
        train, test: the splits; anything that it takes for videos, with labels.
        data_root: folder that the lists' paths are relative to.
        protocol: which views of each video, and how they are averaged.
        evaluations, ks, k, temperature, probe, train_on: see
            :func:`~videossl.evaluation.evaluate_features`.
        features_dir: folder to keep the features in. The same call goes on there after an interruption, and finds whole
            features again, also for other evaluations.
        extraction: ``batch_size``, ``num_workers``, ``precision``, ``device`` and ``progress`` of
            :func:`~videossl.apis.extract_features`.

    Returns:
        For each evaluation its metrics, ``protocol`` and ``notes``.

    Raises:
        ConfigError: a split has no videos, or an argument is out of range.
        ValueError: the splits cannot be evaluated: no labels, say.
    """
    protocol = protocol_of(protocol)
    check_evaluations(evaluations)
    views = protocol.views()
    ClipProtocol(**views)  # refuses what cannot be extracted
    views['num_clips'] = views.pop('clips')
    splits = dict(train=train, test=test)
    lists = {
        name: _list_split(name, videos, data_root) for name, videos in splits.items()
    }  # before hours of extraction
    features = []
    for name, videos in splits.items():
        listed, out = lists[name], None
        if features_dir is not None:
            backbone = getattr(unwrap(model), 'backbone', model)
            key = json.dumps([views, listed.digest(), digest_of(backbone)])
            out = osp.join(features_dir, f'{name}_{hashlib.sha256(key.encode()).hexdigest()[:12]}.npz')
        features.append(extract_features(model, videos, data_root, **views, out=out, **extraction))
    results = evaluate_features(
        *features,
        protocol=protocol,
        evaluations=evaluations,
        ks=ks,
        k=k,
        temperature=temperature,
        probe=probe,
        train_on=train_on,
    )
    notes = notes_on_training(model, protocol)
    return {name: dict(result, notes=[*result['notes'], *notes]) for name, result in results.items()}


def _list_split(name: str, videos: Any, data_root: str | os.PathLike | None) -> VideoList:
    try:
        listed = list_videos(videos, data_root)
    except ConfigError as error:
        raise ConfigError(f'{name}: {error}') from error
    if listed.labels is None:
        raise ConfigError(f'{name}: {listed.name} has no labels, and without them nothing can be right or wrong')
    return listed


def notes_on_training(model: nn.Module, protocol: Protocol) -> list[str]:
    """A note where the clips that a net was trained on, as its checkpoint's config has them, are not the protocol's."""
    model = unwrap(model)
    configs = (getattr(part, 'cfg', None) for part in (getattr(model, 'backbone', None), model))
    trained = next((values for values in map(training_clips, configs) if values), {})
    kinds = dict(
        size=('px', '--size'),
        clip_len=('frames a clip', '--clip-len'),
        frame_interval=('as interval of frames', '--frame-interval'),
    )
    there, here, options = [], [], []
    for key, (unit, option) in kinds.items():
        if key in trained and trained[key] != getattr(protocol, key):
            there.append(f'{trained[key]} {unit}')
            here.append(f'{getattr(protocol, key)} {unit}')
            options.append(f'{option} {trained[key]}')
    if not there:
        return []
    return [
        f'trained on {", ".join(there)}, evaluated at {", ".join(here)}; {" ".join(options)} evaluates as it was trained'
    ]


def write_report(results: dict[str, dict], path: str | os.PathLike) -> None:
    """Write a report as ``.json`` or ``.md``, by the name's ending.

    Raises:
        ConfigError: it ends otherwise.
    """
    with open(path, 'w', encoding='utf-8') as file:
        file.write(REPORTS[report_format(path)](results))


def report_format(path: str | os.PathLike) -> str:
    """``'json'`` or ``'md'``, by the ending of a file's name.

    Raises:
        ConfigError: it ends otherwise.
    """
    ending = osp.splitext(os.fspath(path))[1].lower().removeprefix('.')
    if ending not in REPORTS:
        raise ConfigError(f'a report is written as .json or .md; {path} ends otherwise')
    return ending


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Retrieval, kNN and linear probe of a checkpoint, of whatever method, from one extraction.'
    )
    parser.add_argument('checkpoint', help='checkpoint file; its backbone is read from the config in it')
    parser.add_argument('--config', help='config file, for a checkpoint that holds none')
    parser.add_argument('--data-root', required=True, help='folder of videos')
    parser.add_argument('--train-list', required=True, help='list of the train split, relative to --data-root')
    parser.add_argument('--test-list', required=True, help='list of the test split, relative to --data-root')
    parser.add_argument('--protocol', choices=list(PROTOCOLS), default='auxskd', help='default: auxskd')
    views = parser.add_argument_group('views', 'where they are to differ from those of the protocol')
    for name in ('--num-clips', '--clip-len', '--frame-interval', '--size'):
        views.add_argument(name, type=int)
    views.add_argument('--resize', type=int, nargs='+', metavar='SIDE', help='the short side, or width and height')
    views.add_argument('--crops', type=int, choices=list(CROPS))
    views.add_argument('--pooling', choices=POOLINGS)
    parser.add_argument('--average', choices=['prob', 'score'], help="of test views; default: the protocol's")
    parser.add_argument(
        '--centre',
        action=argparse.BooleanOptionalAction,
        default=None,
        help="subtract each set's mean in retrieval and kNN; default: as the protocol",
    )
    parser.add_argument('--evaluations', nargs='+', choices=EVALUATIONS, default=list(EVALUATIONS), help='default: all')
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
    """The protocol that the arguments name, with the changes that they name."""
    names = ('num_clips', 'clip_len', 'frame_interval', 'size', 'resize', 'crops', 'pooling', 'average', 'centre')
    changes = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if 'resize' in changes:
        changes['resize'] = changes['resize'][0] if len(changes['resize']) == 1 else tuple(changes['resize'])
    elif 'size' in changes:  # keeps the part of the frame that is seen
        before = protocol_of(args.protocol)
        sides = (before.resize,) if isinstance(before.resize, int) else before.resize
        scaled = tuple(round(side * args.size / before.size) for side in sides)
        changes['resize'] = scaled[0] if len(scaled) == 1 else scaled
    return protocol_of(args.protocol, **changes)


def main(argv: list[str] | None = None) -> None:
    """Entry point of ``tools/evaluate_features.py``."""
    args = parse_args(argv)
    try:
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
        results = evaluate_model(
            model,
            train,
            test,
            args.data_root,
            protocol=protocol,
            evaluations=args.evaluations,
            ks=args.ks,
            k=args.k,
            temperature=args.temperature,
            probe=args.probe,
            train_on=args.train_on,
            features_dir=args.features_dir,
            batch_size=args.batch_size,
            num_workers=args.num_workers,
        )
    except (ConfigError, HandOffError, ImportError, OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit('\nstopped') from None
    Console().print(report_table(results, title=osp.basename(args.checkpoint)))
    for path in args.out:
        write_report(results, path)


if __name__ == '__main__':
    main()
