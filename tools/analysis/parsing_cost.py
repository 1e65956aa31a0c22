"""What does the parsing teacher cost? Times training steps of the human prior with the teacher online and with stored maps.

    python tools/analysis/parsing_cost.py [CONFIG] [--batch-size 8] [--steps 5] [--checkpoint SCHP.pth]

Same config, same batch of noise as clips, same steps, each in a process of its own, since the peak of a process's memory
never falls. Without a checkpoint the teacher has random weights, which cost the same.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config, DictAction
from mmengine.hooks import Hook
from torch.utils.data import Dataset

from videossl.apis.running.launch import build_runner, load_config
from videossl.datasets.parsing_store import ParsingInfo, write_parsing
from videossl.registry import DATASETS, TRANSFORMS
from videossl.wrappers import innermost_dataset

ROOT = Path(__file__).parents[2]
VARIANTS = {'teacher online': True, 'stored maps': False}
MAP_SIZE = (60, 80)  # what tools/data/extract_parsing.py stores of a 4:3 video


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'config',
        nargs='?',
        help='pretraining config with heads.parsing.teacher',
        default=str(ROOT / 'configs/human_prior/human-prior_r2plus1d-10_16x1x1-200e_k400-rgb.py'),
    )
    parser.add_argument('--batch-size', type=int, default=8, help='samples of three clips each; default: 8')
    parser.add_argument('--steps', type=int, default=5, help='steps that are timed; default: 5')
    parser.add_argument('--warm-up', type=int, default=2, help='steps before them; default: 2')
    parser.add_argument('--size', type=int, default=112, help='height and width of a clip; default: 112')
    parser.add_argument('--checkpoint', help="the teacher's weights; default: random ones")
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        help='override settings of the config, such as model.heads.parsing.teacher.input_size=129',
    )
    args = parser.parse_args()
    if min(args.batch_size, args.steps, args.size) < 1 or args.warm_up < 0:
        parser.error('--batch-size, --steps and --size must be at least 1, --warm-up at least 0')
    return args


def main() -> None:
    args = parse_args()
    config = load_config(args.config, args.cfg_options)
    if config.model.get('heads', {}).get('parsing', {}).get('teacher') is None:
        raise SystemExit(f'{args.config} has no heads.parsing.teacher, whose cost could be measured')
    rows = []
    for name, online in VARIANTS.items():
        context = multiprocessing.get_context('spawn')
        with ProcessPoolExecutor(1, context) as executor:
            rows.append((name, *executor.submit(measure, args, online).result()))
    device = rows[0][-1]
    print(f'{device}, batches of {args.batch_size}, median of {args.steps} steps\n')
    print('| | seconds a step | peak memory of the process in GB | of the accelerator in GB |\n|---|---|---|---|')
    for name, seconds, memory, accelerator, _ in rows:
        print(f'| {name} | {seconds:.3f} | {memory:.2f} | {accelerator:.2f} |')
    print(f'\nReading a stored map takes a data worker {1000 * reading_time(config):.1f} ms a sample.')


def measure(args: argparse.Namespace, online: bool) -> tuple[float, float, float, str]:
    """Median seconds of a step, peak memory of the process and of the accelerator in GB, and the accelerator's name."""
    config = load_config(args.config, args.cfg_options)
    head = config.model.heads.parsing
    if not online:
        head.teacher = None
    elif head.teacher.type == 'SCHP':
        head.teacher.update(checkpoint=args.checkpoint, allow_random=True)
    timer = Timer(args.warm_up)
    with tempfile.TemporaryDirectory() as folder:
        runner = build_runner(quiet(config, args, folder))
        runner.register_hook(timer, priority='LOWEST')
        runner.train()
    accelerator = torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else 0.0
    unit = 1 if sys.platform == 'darwin' else 1024  # of ru_maxrss, in bytes
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else f'CPU, {torch.get_num_threads()} threads'
    return float(np.median(timer.seconds)), memory, accelerator, name


def quiet(config: Config, args: argparse.Namespace, folder: str) -> Config:
    """The config on noise instead of videos, for as many steps as asked for, without logs and checkpoints."""
    head = config.model.heads.parsing
    clip_len = TRANSFORMS.build(dict(innermost_dataset(config.train_dataloader.dataset).pipeline[1])).clip_len
    config.train_dataloader = dict(
        batch_size=args.batch_size,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='NoiseClips',
            number=(args.warm_up + args.steps) * args.batch_size,
            clip_len=clip_len,
            size=args.size,
            num_classes=head.num_classes,
        ),
    )
    config.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
    config.auto_scale_lr = None
    config.default_hooks.update(logger=None, checkpoint=None)
    config.env_cfg.mp_cfg = dict(mp_start_method=multiprocessing.get_start_method())
    config.log_level = 'ERROR'
    config.work_dir = folder
    # mmengine names what a run writes after the second it begins in: another run in the same second would write there too.
    config.experiment_name = Path(folder).name
    return config


@DATASETS.register_module()
class NoiseClips(Dataset):
    """One sample over and over: three clips of noise, their middle frames, and logits of noise for the first."""

    def __init__(self, number: int, clip_len: int, size: int, num_classes: int) -> None:
        self.number = number
        clips = torch.randint(0, 256, (3, 3, clip_len, size, size), dtype=torch.uint8)
        sample = ActionDataSample()
        sample.set_field(clips[:, :, clip_len // 2].clone(), 'middle_frames')
        sample.set_field(torch.randn(1, num_classes, size // 2, size // 2), 'parsing_logits')
        self.sample = dict(inputs=clips, data_samples=sample)

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, index: int) -> dict:
        return self.sample


class Timer(Hook):
    """Seconds of each step after the first few, from the batch to the updated weights."""

    def __init__(self, warm_up: int) -> None:
        self.warm_up = warm_up
        self.seconds: list[float] = []

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        self.start = self._now()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if batch_idx >= self.warm_up:
            self.seconds.append(self._now() - self.start)

    def _now(self) -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()


def reading_time(config: Config, repeats: int = 20) -> float:
    """Seconds that LoadParsingMap takes for a sample, from a file that was just written."""
    head = config.model.heads.parsing
    info = ParsingInfo(
        tuple(map(str, range(head.num_classes))),
        (),
        every=8,
        total_frames=80,
        original_size=(240, 320),
        side=MAP_SIZE[0],
        teacher='noise',
    )
    geometry = dict(crop_quadruple=(0.1, 0.2, 0.6, 0.7), size=(112, 112), flip=True, vertical_flip=False)
    with tempfile.TemporaryDirectory() as folder:
        maps = -8 * np.random.default_rng(0).random((head.num_classes, *MAP_SIZE))
        write_parsing(Path(folder, 'video.mp4.npz'), ((frame, maps) for frame in info.frames), info)
        load = TRANSFORMS.build(dict(type='LoadParsingMap', folder=folder, size=head.get('size', 56)))
        start = time.perf_counter()
        for repeat in range(repeats):
            load(dict(filename='video.mp4', frame_inds=np.arange(16) + repeat, clip_len=16, clip_geometry=[geometry]))
        return (time.perf_counter() - start) / repeats


if __name__ == '__main__':
    main()
