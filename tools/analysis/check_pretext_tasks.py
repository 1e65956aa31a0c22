"""Does each pretext task learn? Train each on rendered MovingShapes for a few minutes, then test it on unseen ones.

    python tools/analysis/check_pretext_tasks.py [--tasks vcop rspnet]

The configs are those of configs/laptop with a narrower net and a short schedule. What is done is not done again.
"""
import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from videossl.datasets.moving_shapes import write_moving_shapes

ROOT = Path(__file__).parents[2]
NUM_TRAIN, NUM_TEST = 320, 320
NARROW = {'model.backbone.base_channels': 16}


@dataclass
class Task:
    """One pretext task: its config, what is set otherwise, and by accuracy what guessing scores."""
    config: str
    chance: dict[str, float]
    options: dict = field(default_factory=dict)


def schedule(epochs: int, repeats: int, lr: float) -> dict:
    """A short schedule: the learning rate falls to a tenth after four fifths of it."""
    return {
        'train_cfg.max_epochs': epochs,
        'param_scheduler.0.milestones': f'[{epochs * 4 // 5}]',
        'train_dataloader.dataset.times': repeats,
        'optim_wrapper.optimizer.lr': lr
    }


TASKS = {
    'vspp':
    Task('vspp', dict(acc_speed=1 / 4, acc_segment=1 / 4), {
        'model.heads.speed.in_channels': 128, 'model.heads.segment.in_channels': 128, **schedule(5, 4, 0.03)
    }),
    'video-pace':
    Task('video-pace', dict(acc_speed=1 / 4), {'model.heads.speed.in_channels': 128, **schedule(3, 4, 0.03)}),
    'vcop':
    Task('vcop', dict(acc_order=1 / 6), {'model.heads.order.in_channels': 128, **schedule(3, 4, 0.03)}),
    'rspnet':
    Task('rspnet', dict(acc_motion=1 / 2, acc_appearance=1 / 256), {
        'model.necks.appearance.in_channels': 128, 'model.necks.motion.in_channels': 128, **schedule(5, 4, 0.03)
    }),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--tasks', nargs='+', choices=TASKS, default=list(TASKS), help='which; default: all')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/check_pretext_tasks'))
    args = parser.parse_args()
    videos = args.work_dir / 'moving_shapes'
    write_moving_shapes(videos, num_train=NUM_TRAIN, num_test=NUM_TEST)
    print('| task | accuracy on unseen videos | | chance | margin in points | minutes |\n|---|---|---|---|---|---|')
    learned = True
    for name in args.tasks:
        result = run(name, TASKS[name], videos, args.work_dir / name)
        for accuracy, chance in TASKS[name].chance.items():
            value = result[f'pretext/{accuracy}']
            learned &= value >= chance + 0.1
            print(f'| {name} | {accuracy.removeprefix("acc_")} | {100 * value:.1f} | {100 * chance:.1f} | '
                  f'{100 * (value - chance):+.1f} | {result["seconds"] / 60:.1f} |', flush=True)
    if not learned:
        raise SystemExit('not every accuracy is 10 points over chance')


def run(name: str, task: Task, videos: Path, folder: Path) -> dict[str, float]:
    """Train and test a task, or read what that gave before."""
    done = folder / 'result.json'
    if done.exists():
        return json.loads(done.read_text())
    config = f'configs/laptop/{task.config}_r3d-10_16x1x1-64px-20e_videos-rgb.py'
    common = [str(ROOT / config), '--data-root', str(videos), '--work-dir', str(folder)]
    options = [f'{key}={value}' for key, value in {**NARROW, **task.options}.items()]
    start = time.monotonic()
    call('train', *common, '--ann-file', 'train.txt', '--cfg-options', *options, log=folder / 'train.log')
    seconds = time.monotonic() - start
    checkpoint = (folder / 'last_checkpoint').read_text().strip()
    call('test', common[0], checkpoint, *common[1:], '--ann-file', 'test.txt', '--metrics-file',
         str(folder / 'metrics.json'), '--cfg-options', *options, log=folder / 'test.log')
    result = dict(json.loads((folder / 'metrics.json').read_text()), seconds=seconds)
    done.write_text(json.dumps(result, indent=2))
    return result


def call(tool: str, *arguments: str, log: Path) -> None:
    """Run tools/train.py or tools/test.py, with its output in a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, 'w') as output:
        status = subprocess.run([sys.executable, str(ROOT / 'tools' / f'{tool}.py'), *arguments], stdout=output,
                                stderr=subprocess.STDOUT).returncode
    if status:
        raise SystemExit(f'tools/{tool}.py failed; see {log}')


if __name__ == '__main__':
    main()
