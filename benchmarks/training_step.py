"""Clips a second that VSPP trains on, end to end from files, against a plain PyTorch port on the same videos.

    python benchmarks/training_step.py --videos FOLDER

The plain port is the script that one writes without this project: decord, Pillow picture by picture (resized, cropped,
flipped, colours jittered), float32 clips from a ``DataLoader``, the net in fp32 with PyTorch's own layout. Of 0, 1 and 2
workers it gets what suits it best, found out first. Ours is the shipped config in the runner that ``tools/train.py``
builds, hooks and log included, in the precision (or in fp32, ``--precision fp32``), layout, workers and threads that it
chooses here; once on the same files, once on what ``tools/data/compact.py`` makes of them.

Both draw the same clips of 16 x 112 x 112 from 171 x 128, the same net, the same strengths of colour jitter, a draw for
each frame, and SGD. The batch is smaller than the config's 30, so that turns are short: ``--batch``. Each turn
begins with a batch that is not timed. The port's workers may have one ready then; ours may not. Ratios are of
neighbours in time; the median is printed, with the smallest and the largest. Without ``--videos``, some are rendered.
"""

import argparse
import copy
import statistics
import tempfile
from pathlib import Path

import decord
import numpy as np
import torch
from measuring import add_precision_argument, allocate_as_plain_scripts_do, machine, ratios, take_turns, with_spread
from mmengine.config import Config
from mmengine.device import get_device
from PIL import Image, ImageEnhance
from rendered_videos import compacted, given_or_rendered
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, RandomSampler
from training_runs import NARROW, TrainingRun, clips_a_second, wait_for_workers

from videossl.apis.doctor.measurement import synchronise
from videossl.compat import config_directory
from videossl.datasets import pipeline_steps, scan_videos
from videossl.models import R3D, R2Plus1D
from videossl.registry import TRANSFORMS

CONFIGS = {
    'R3D-10': ('vspp/vspp_r3d-10_16x1x1-20e_k100-rgb.py', R3D),
    'R(2+1)D-10': ('vspp/vspp_r2plus1d-10_16x1x1-20e_k100-rgb.py', R2Plus1D),
}
PLAIN, RAW, COMPACTED = 'plain port', 'ours, same files', 'ours, compacted'
GOALS = {'bf16': 5, 'fp32': 1.6}
WORKERS = (0, 1, 2)
MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


# ------------------------------------------------------------------------------------------------------- the plain port
class PlainClips(Dataset):
    """VSPP's clips the plain way: float32 [3, 16, 112, 112], speed, segment.

    Args:
        videos: paths.
        sampler: writes ``frame_inds``, ``gt_speed`` and ``gt_segment``.
        scale: width and height that frames are resized to.
        crop: pixels.
        jitter: strengths of brightness, contrast, saturation and hue, and ``probability``.
    """

    def __init__(self, videos: list[str], sampler, scale: tuple[int, int], crop: int, jitter: dict) -> None:
        self.videos = videos
        self.sampler = sampler
        self.scale = scale
        self.crop = crop
        self.jitter = jitter

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, index: int) -> tuple[Tensor, int, int]:
        reader = decord.VideoReader(self.videos[index], num_threads=1)
        clip = self.sampler(dict(total_frames=len(reader), start_index=0))
        left, top = (np.random.randint(size - self.crop + 1) for size in self.scale)
        flip = np.random.random() < 0.5
        frames = []
        for pixels in reader.get_batch(clip['frame_inds'].tolist()).asnumpy():
            frame = Image.fromarray(pixels).resize(self.scale, Image.Resampling.BILINEAR)
            frame = frame.crop((left, top, left + self.crop, top + self.crop))
            if flip:
                frame = frame.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            if np.random.random() < self.jitter['probability']:
                frame = jittered(
                    frame, **{key: self.jitter[key] for key in ('brightness', 'contrast', 'saturation', 'hue')}
                )
            frames.append((np.asarray(frame, np.float32) / 255 - MEAN) / STD)
        clip_of_floats = torch.from_numpy(np.stack(frames)).permute(3, 0, 1, 2).contiguous()
        return clip_of_floats, int(clip['gt_speed'][0]), int(clip['gt_segment'][0])


def jittered(frame: Image.Image, brightness: float, contrast: float, saturation: float, hue: float) -> Image.Image:
    """Brightness, contrast, saturation and hue by Pillow, in random order."""
    strengths = {ImageEnhance.Brightness: brightness, ImageEnhance.Contrast: contrast, ImageEnhance.Color: saturation}
    for turn in np.random.permutation(4):
        if turn == 3:
            frame = hue_shifted(frame, np.random.uniform(-hue, hue))
            continue
        enhance, strength = list(strengths.items())[turn]
        frame = enhance(frame).enhance(np.random.uniform(max(0, 1 - strength), 1 + strength))
    return frame


def hue_shifted(frame: Image.Image, turns: float) -> Image.Image:
    """A frame with its hue turned by this share of the colour circle."""
    hue, saturation, value = frame.convert('HSV').split()
    hue = Image.fromarray((np.asarray(hue).astype(np.int16) + round(255 * turns)).astype(np.uint8))
    return Image.merge('HSV', (hue, saturation, value)).convert('RGB')


class PlainTraining:
    """fp32, contiguous; backbone, mean, two linear heads, SGD.

    Args:
        dataset: of clips with two labels.
        backbone: class of the net.
        batch: samples in a batch.
        channels: of the net's stem.
    """

    def __init__(self, dataset: PlainClips, backbone: type[nn.Module], batch: int, channels: int) -> None:
        self.dataset = dataset
        self.batch = batch
        self.device = get_device()
        self.net = nn.Sequential(backbone(depth=10, base_channels=channels), nn.AdaptiveAvgPool3d(1), nn.Flatten())
        self.net.to(self.device).train()
        self.heads = nn.ModuleList(nn.Linear(8 * channels, 4) for _ in range(2)).to(self.device)
        self.optimizer = torch.optim.SGD(
            [*self.net.parameters(), *self.heads.parameters()], lr=1e-3, momentum=0.9, weight_decay=5e-4
        )
        self.batches = None

    def use_workers(self, number: int) -> None:
        """Load with so many workers from now on."""
        self.close()
        endless = RandomSampler(self.dataset, replacement=True, num_samples=10**7)
        self.batches = iter(DataLoader(self.dataset, self.batch, sampler=endless, num_workers=number))

    def close(self) -> None:
        """End the workers."""
        self.batches = None

    def train(self, number: int) -> None:
        """Train on the next batches."""
        allocate_as_plain_scripts_do()
        for _ in range(number):
            clips, *labels = (part.to(self.device) for part in next(self.batches))
            features = self.net(clips)
            loss = sum(F.cross_entropy(head(features), label) for head, label in zip(self.heads, labels))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        synchronise()


def plain_dataset(config: str, videos: Path) -> PlainClips:
    """The clips that a shipped config names, the plain way."""
    pipeline = Config.fromfile(Path(config_directory(), config)).train_dataloader.dataset.pipeline
    resize, crop, flip, jitter = transforms = pipeline_steps(pipeline.clips.transforms)
    assert [part.type for part in transforms] == ['Resize', 'RandomCrop', 'Flip', 'VideoColorJitter']
    assert flip.flip_ratio == 0.5 and not jitter.get('consistent')
    sampler = TRANSFORMS.build(copy.deepcopy(pipeline.sample))
    return PlainClips(
        [str(videos / path) for path in scan_videos(str(videos))], sampler, tuple(resize.scale), crop.size, jitter
    )


# -------------------------------------------------------------------------------------------------------- the comparison
def compare(name: str, raw: Path, small: Path, scratch: Path, args: argparse.Namespace) -> None:
    """Train one net in all ways, by turns, and print what came of it."""
    config, backbone = CONFIGS[name]
    plain = PlainTraining(plain_dataset(config, raw), backbone, args.batch, NARROW if args.quick else 64)
    seconds = {}
    for workers in WORKERS:
        plain.use_workers(workers)
        plain.train(1)
        seconds[workers] = take_turns({PLAIN: lambda run: plain.train(1)}, 1)[PLAIN][0][0]
    best = min(seconds, key=seconds.get)
    print(
        f'\n{name}: the plain port with {", ".join(map(str, WORKERS))} workers: '
        f'{", ".join(f"{args.batch / value:.2f}" for value in seconds.values())} clips/s; {best} from here on'
    )
    if best != WORKERS[-1]:
        plain.use_workers(best)
        plain.train(1)
    ours = {
        kind: TrainingRun(config, videos, scratch / f'{name}, {kind}', args.batch, args.quick, precision=args.precision)
        for kind, videos in ((RAW, raw), (COMPACTED, small))
    }
    for run in ours.values():
        run.from_files(2)

    spent = {kind: [] for kind in (PLAIN, *ours)}
    for _ in range(args.runs):
        for kind in spent:
            for batches in (plain.batches, *(run.batches for run in ours.values())):
                wait_for_workers(batches)
            if kind in ours:
                ours[kind].use_up_prefetched()
            turn = plain.train if kind == PLAIN else ours[kind].from_files
            turn(1)  # the memory of the one before is not there, or not given back
            spent[kind] += take_turns({kind: lambda run: turn(args.batches)}, 1)[kind]
    one = ours[RAW]
    print(
        f'{name}: {args.runs} runs of {args.batches} batches of {args.batch} clips; ours: '
        f'{one.precision}, {one.loader.num_workers} workers, '
        f'{one.threads} threads'
    )
    for kind, turns in spent.items():
        print(f'{kind:16} {clips_a_second(turns, args.batches * args.batch)}')
        if kind != PLAIN:
            of_processors = statistics.median(ratios(spent[PLAIN], turns, 1))  # those of workers are not in it
            print(
                f'{"":16} ratio {with_spread(ratios(spent[PLAIN], turns))} times the plain port'
                f'{f"; by processors {of_processors:.2f}" if best == 0 else ""}; goal {GOALS[one.precision]}'
            )
    step = statistics.median(seconds for seconds, _ in spent[COMPACTED]) / args.batches
    print(f'{COMPACTED}: {one.share_of_peak(step)}')
    plain.close()
    for run in ours.values():
        run.close()


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--videos', type=Path, help='folder of videos as they are handed out; default: some are rendered'
    )
    parser.add_argument('--runs', type=int, default=5, help='alternating runs; default: 5')
    parser.add_argument('--batches', type=int, default=1, help='batches a run; default: 1')
    parser.add_argument('--batch', type=int, help='clips in a batch; default: 8')
    parser.add_argument('--nets', nargs='+', choices=CONFIGS, default=list(CONFIGS), help='default: all')
    add_precision_argument(parser)
    parser.add_argument('--quick', action='store_true', help='tiny nets and few short videos, to try this out')
    args = parser.parse_args()
    args.batch = args.batch or (2 if args.quick else 8)
    args.runs = min(args.runs, 2) if args.quick else args.runs
    return args


def main() -> None:
    args = parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        videos = given_or_rendered(args.videos, scratch, (2, 70) if args.quick else None)
        small = compacted(videos, scratch / 'compacted')
        for name in args.nets:
            compare(name, videos, small, scratch, args)


if __name__ == '__main__':
    main()
