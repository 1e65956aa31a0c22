"""Run a parsing network over a data set and store its maps, so that training need not run it."""

import argparse
import math
import os.path as osp
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional as F

from videossl.apis.user_errors import run_command
from videossl.checks import check_integer
from videossl.datasets.parsing_store import ParsingInfo, ParsingStoreError, map_path, quantise, verify, write_parsing
from videossl.datasets.readers.opening import open_as_training_does
from videossl.datasets.transforms import DecodeClips, VideoReadError
from videossl.errors import CheckpointError, ConfigError
from videossl.features.clip_encoder import digest_of
from videossl.features.video_list import list_videos
from videossl.files import remove_temporaries
from videossl.registry import MODELS

PROBED_VIDEOS = 5  # opened, and one frame of each parsed, to estimate the size
SHOWN_VIDEOS = 10  # unreadable ones, in the summary


@dataclass
class ExtractionReport:
    """What an extraction did.

    Attributes:
        written: videos whose parsing was stored.
        skipped: videos whose parsing was there already, whole and of the same settings.
        unreadable: videos that could not be read, with the reason.
        bytes: size of the files written.
    """

    written: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unreadable: list[VideoReadError] = field(default_factory=list)
    bytes: int = 0

    def __str__(self) -> str:
        lines = [
            f'{len(self.written)} videos parsed ({readable_size(self.bytes)}), {len(self.skipped)} were there already, '
            f'{len(self.unreadable)} could not be read'
        ]
        lines += [f'  {error}' for error in self.unreadable[:SHOWN_VIDEOS]]
        if len(self.unreadable) > SHOWN_VIDEOS:
            lines.append(f'  and {len(self.unreadable) - SHOWN_VIDEOS} more, named above')
        return '\n'.join(lines)


class OpenedVideo:
    """A video that frames are read from; whatever goes wrong is a :class:`VideoReadError`."""

    def __init__(self, filename: str) -> None:
        opened = open_as_training_does(filename)
        self.filename = filename
        self.reader = opened['video_reader']
        self.total_frames = int(opened['total_frames'])

    def frames(self, indices: Sequence[int]) -> Tensor:
        """uint8 [N, 3, H, W], RGB."""
        decoded = DecodeClips()(dict(video_reader=self.reader, frame_inds=np.asarray(indices), filename=self.filename))
        return torch.from_numpy(np.stack(decoded['imgs'])).permute(0, 3, 1, 2)


def extract_parsing(
    teacher: nn.Module,
    data_root: str,
    out: str,
    ann_file: str | None = None,
    every: int = 8,
    side: int = 60,
    device: str | None = None,
    batch_size: int = 8,
    teacher_name: str | None = None,
) -> ExtractionReport:
    """Store the parsing of every n-th frame of every video.

    Whole files of the same settings are kept, so that the same call continues an interrupted extraction. A damaged file is
    made again. A video that cannot be read is named and left out.

    Args:
        teacher: maps frames, uint8 [N, 3, H, W] RGB, to logits [N, num_classes, h, w] that cover the frame; with
            ``num_classes``, ``class_names`` and ``left_right_pairs``, as the parts of :mod:`videossl.models.teachers`.
        data_root: folder of the videos.
        out: folder for the maps; see :func:`~videossl.datasets.parsing_store.map_path` for their names.
        ann_file: list of videos, relative to ``data_root``; None: all videos of the folder.
        every: distance between stored frames.
        side: length of the maps' short side, in pixels.
        device: where the teacher runs; None: the accelerator, if there is one.
        batch_size: frames at once.
        teacher_name: what is written into the files as their maker, before a digest of its weights, so that maps of two
            teachers are never mixed; None: the class's name.

    Raises:
        ConfigError: an argument is out of range, or ``out`` holds maps of other settings or of another teacher.
    """
    for name, value in (('every', every), ('side', side), ('batch_size', batch_size)):
        check_integer(name, value)
    videos = videos_to_parse(data_root, ann_file)
    on_device = torch.device(device or get_device())
    parser: Any = teacher.to(on_device).eval()
    settings: dict[str, Any] = dict(
        class_names=tuple(parser.class_names),
        left_right_pairs=tuple(tuple(pair) for pair in parser.left_right_pairs),
        every=every,
        side=side,
        teacher=f'{teacher_name or type(teacher).__name__} (weights {digest_of(teacher)[:12]})',
    )

    report = ExtractionReport()
    missing: list[str] = []
    remove_temporaries(out, '*.npz', recursive=True)
    for video in track(videos, description='Looking for maps', disable=not osp.isdir(out)):
        (report.skipped if _is_stored(map_path(out, video), settings) else missing).append(video)
    print(
        f'{len(videos)} videos, {len(report.skipped)} of them done; {settings["teacher"]} on {on_device}, frames 0, {every}, '
        f'{2 * every}, ...'
    )
    if missing:
        print(estimate_size(teacher, [osp.join(data_root, video) for video in missing], every, side, on_device))
    for video in track(missing, description='Parsing', disable=not missing):
        path = map_path(out, video)
        try:
            opened = OpenedVideo(osp.join(data_root, video))
            height, width = opened.frames([0]).shape[-2:]
            info = ParsingInfo(total_frames=opened.total_frames, original_size=(int(height), int(width)), **settings)
            write_parsing(path, _parse(teacher, opened, info, on_device, batch_size), info)
        except VideoReadError as error:
            report.unreadable.append(error)
            print(f'left out, as it cannot be read: {error}')
            continue
        report.written.append(video)
        report.bytes += path.stat().st_size
    return report


def videos_to_parse(data_root: str, ann_file: str | None = None) -> list[str]:
    """Paths of the videos relative to the folder, each once."""
    paths = list(dict.fromkeys(list_videos(dict(ann_file=ann_file, data_root=data_root)).paths))
    for path in paths:
        try:
            map_path('', path)
        except ValueError as error:
            raise ConfigError(str(error)) from None
    return paths


def parse_frames(teacher: nn.Module, frames: Tensor, side: int) -> Tensor:
    """Logarithms of the classes' probabilities, fp32 [N, C, h, w], the shorter of h and w being ``side``.

    Args:
        frames: uint8 [N, 3, H, W], RGB, on the teacher's device.
    """
    height, width = frames.shape[-2:]
    scale = side / min(height, width)
    size = (max(side, round(scale * height)), max(side, round(scale * width)))
    with torch.no_grad(), torch.autocast(frames.device.type, enabled=False):
        logits = teacher(frames).float()
        # Logits are resized, as the head does with a teacher that runs in training; antialiased where they shrink.
        return F.interpolate(logits, size, mode='bilinear', align_corners=False, antialias=True).log_softmax(dim=1)


def _parse(
    teacher: nn.Module, video: OpenedVideo, info: ParsingInfo, device: torch.device, batch_size: int
) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(info.frames), batch_size):
        indices = info.frames[start : start + batch_size]
        maps = parse_frames(teacher, video.frames(indices).to(device), info.side).cpu().numpy()
        yield from zip(indices, maps)


def _is_stored(path: Path, settings: dict) -> bool:
    if not path.exists():
        return False
    try:
        info = verify(path)
    except ParsingStoreError:
        print(f'{path} is damaged or cut off, and is made again')
        return False
    differing = [
        f'{name}: {getattr(info, name)} there, {value} wanted'
        for name, value in settings.items()
        if getattr(info, name) != value
    ]
    if differing:
        raise ConfigError(
            f'{path} was made with other settings ({"; ".join(differing)}). Choose another folder (--out), or '
            'the settings that are there'
        )
    return True


def estimate_size(teacher: nn.Module, filenames: Sequence[str], every: int, side: int, device: torch.device) -> str:
    """A sentence about the size of the maps, from the middle frames and the lengths of a few of the videos."""
    number = min(PROBED_VIDEOS, len(filenames))
    probed = [filenames[len(filenames) * index // number] for index in range(number)]
    raw, stored = [], []
    for filename in probed:
        try:
            video = OpenedVideo(filename)
            maps = parse_frames(teacher, video.frames([video.total_frames // 2]).to(device), side)
        except VideoReadError:
            continue
        content = quantise(maps.cpu().numpy()).tobytes()
        frames = math.ceil(video.total_frames / every)
        raw.append(frames * len(content))
        stored.append(frames * len(zlib.compress(content)))
    if not raw:
        return f'none of the {number} videos that were looked at can be read, so the size of the maps is not known'
    share = len(filenames) / len(raw)
    return (
        f'the maps will take about {readable_size(sum(stored) * share)} ({readable_size(sum(raw) * share)} before '
        f'compression), judging by {len(raw)} of the {len(filenames)} videos'
    )


def readable_size(number: float) -> str:
    """A number of bytes in a unit that keeps it short."""
    for unit in ('bytes', 'kB', 'MB', 'GB'):
        if number < 1000:
            break
        number /= 1000
    else:
        unit = 'TB'
    return f'{number:.0f} {unit}' if number >= 10 or unit == 'bytes' else f'{number:.1f} {unit}'


def build_teacher(args: argparse.Namespace) -> tuple[nn.Module, str]:
    """The teacher that the arguments name, and its description."""
    if (args.teacher is None) == (args.teacher_config is None):
        raise ConfigError(
            'name the parsing network either by --teacher NAME (with --checkpoint and --dataset) or by '
            '--teacher-config FILE'
        )
    if args.teacher_config is not None:
        if args.checkpoint is not None or args.dataset is not None:
            raise ConfigError(
                '--checkpoint and --dataset belong to --teacher; with --teacher-config they stand in the file'
            )
        if not osp.isfile(args.teacher_config):
            raise ConfigError(f'there is no file {args.teacher_config}')
        config = Config.fromfile(args.teacher_config).get('teacher')
        if not isinstance(config, dict):
            raise ConfigError(f'{args.teacher_config} must define teacher = dict(type=..., ...)')
    else:
        arguments = dict(checkpoint=args.checkpoint, dataset=args.dataset)
        config = dict(type=args.teacher, **{name: value for name, value in arguments.items() if value is not None})
    try:
        teacher = MODELS.build({'_scope_': 'videossl', **config})
    except (CheckpointError, ImportError, KeyError, TypeError, ValueError) as error:
        hint = '' if args.teacher_config else '; other networks than SCHP are described by a file, --teacher-config'
        raise ConfigError(f'the parsing network cannot be built: {error}{hint}') from error
    if hasattr(teacher, 'init_weights'):
        teacher.init_weights()
    lacking = [name for name in ('num_classes', 'class_names', 'left_right_pairs') if not hasattr(teacher, name)]
    if lacking:
        raise ConfigError(f'{type(teacher).__name__} is no parsing network for this: it has no {", ".join(lacking)}')
    files = [osp.basename(osp.normpath(config[name])) for name in ('checkpoint', 'folder') if config.get(name)]
    others = [
        f'{name}={value}'
        for name, value in sorted(config.items())
        if name not in ('type', 'checkpoint', 'folder') and isinstance(value, (str, int, float, bool, list, tuple))
    ]
    return teacher, ' '.join([type(teacher).__name__, *files, *others])


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Run a human parsing network over the videos of a data set and store its maps, for LoadParsingMap. '
        'The same command continues an interrupted run.'
    )
    parser.add_argument('--data-root', required=True, help='folder of videos; alone, it is scanned recursively')
    parser.add_argument('--ann-file', help='list of videos, relative to --data-root')
    parser.add_argument('--out', required=True, help='folder for the maps')
    parser.add_argument('--teacher', help='name of a parsing network of videossl, such as SCHP')
    parser.add_argument('--checkpoint', help="the network's weights")
    parser.add_argument('--dataset', help='for SCHP: lip, atr or pascal-person-part')
    parser.add_argument(
        '--teacher-config', help='instead of --teacher: a Python file with teacher = dict(type=..., ...)'
    )
    parser.add_argument('--every', type=int, default=8, help='store frames 0, N, 2N, ...; default: 8')
    parser.add_argument('--side', type=int, default=60, help="pixels of the maps' short side; default: 60")
    parser.add_argument('--device', help='default: the accelerator, if there is one')
    parser.add_argument('--batch-size', type=int, default=8, help='frames at once; default: 8')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Do what the arguments say; errors are raised as they are."""
    args = parse_args(argv)
    teacher, name = build_teacher(args)
    report = extract_parsing(
        teacher, args.data_root, args.out, args.ann_file, args.every, args.side, args.device, args.batch_size, name
    )
    print(report)


def command() -> None:
    """Entry point of ``tools/data/extract_parsing.py``."""
    run_command(main, own_errors=True, goes_on=True)


if __name__ == '__main__':
    command()
