"""Does each pretext task learn? Train each on rendered MovingShapes for a few minutes, then test it on unseen ones.

    python tools/analysis/check_pretext_tasks.py [--tasks vcop rspnet] [--out docs/data/pretext_tasks.json]

The configs are those of configs/laptop with a narrower net and a short schedule. What is done is not done again. An
accuracy passes 10 points over chance. Regressed labels pass when the net explains a tenth of their variance over the test
videos: its squared error is less than nine tenths of that of the best constants. The parsing of the human prior passes when
the IoU of the shape is twice that of the best constant map, the one set of pixels that fits the test videos best, and the mean
IoU with the background is better than that of calling everything background (which is high, as a shape covers 3 % of a frame).
Of tasks with an averaged teacher the spread and the effective rank of the embeddings are read from the log, at the start, a
quarter, half and the end of the run. tools/make_results.py writes the tables of docs/results.md from the file of --out.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from mmengine.registry import DefaultScope
from torch.nn import functional

from videossl.apis.studies.reader import UNTRAINED
from videossl.checkpoints.checkpoint_files import POINTER, read_pointer
from videossl.config_files import load_config
from videossl.datasets.moving_shapes import write_moving_shapes
from videossl.datasets.transforms.clip_sampler import IGNORED_LABEL
from videossl.registry import DATASETS
from videossl.visualization.curves import read_scalars
from videossl.wrappers import innermost_dataset

ROOT = Path(__file__).parents[2]
NUM_TRAIN, NUM_TEST = 320, 320


@dataclass
class Task:
    """One pretext task: its title and config, by accuracy what guessing scores (or the name under which the test measures
    that), what is set otherwise, where the net's width stands, the data, and the net and clips, in the config's name, and
    by accuracy what it is, where its name does not say it."""

    title: str
    config: str
    chance: dict[str, float | str]
    options: dict = field(default_factory=dict)
    backbone: str = 'model.backbone'
    data: str = 'videos'
    net: str = 'r3d-10_16x1x1'
    words: dict[str, str] = field(default_factory=dict)


def schedule(epochs: int, repeats: int, lr: float) -> dict:
    """A short schedule: the learning rate falls to a tenth after four fifths of it."""
    return {
        'train_cfg.max_epochs': epochs,
        'param_scheduler.0.milestones': f'[{epochs * 4 // 5}]',
        'train_dataloader.sampler.repeats': repeats,
        'optim_wrapper.optimizer.lr': lr,
    }


TASKS = {
    'vspp': Task(
        'VSPP',
        'vspp',
        dict(acc_speed=1 / 4, acc_segment=1 / 4),
        {'model.heads.speed.in_channels': 128, 'model.heads.segment.in_channels': 128, **schedule(5, 4, 0.03)},
    ),
    'video-pace': Task(
        'VideoPace', 'video-pace', dict(acc_speed=1 / 4), {'model.heads.speed.in_channels': 128, **schedule(3, 4, 0.03)}
    ),
    'vcop': Task('VCOP', 'vcop', dict(acc_order=1 / 6), {'model.heads.order.in_channels': 128, **schedule(3, 4, 0.03)}),
    'rspnet': Task(
        'RSPNet',
        'rspnet',
        dict(acc_motion=1 / 2, acc_appearance=1 / 256),
        {'model.necks.appearance.in_channels': 128, 'model.necks.motion.in_channels': 128, **schedule(5, 4, 0.03)},
        words=dict(
            acc_motion='motion: the key at the same speed is nearer',
            acc_appearance='appearance: the key is the nearest of 256 candidates',
        ),
    ),
    # In 96 frames a tuple without gaps leaves place for a remote clip in 34 of its 49 places, and the other four
    # operations are equally likely.
    'vcp': Task(
        'VCP',
        'vcp',
        dict(acc_operation=(1 - 34 / 49 / 5) / 4),
        {
            'model.heads.operation.in_channels': 128,
            'train_dataloader.dataset.pipeline.sample.gap': 0,
            **schedule(4, 4, 0.03),
        },
    ),
    # 96 frames are enough for the first three rates.
    'rtt': Task(
        'RTT',
        'rtt',
        dict(acc_transform=1 / 4, acc_rate=1 / 3),
        {'model.heads.transform.in_channels': 128, 'model.heads.rate.in_channels': 128, **schedule(3, 4, 0.03)},
    ),
    'speednet': Task(
        'SpeedNet',
        'speednet',
        dict(acc_speediness=1 / 2),
        {'model.heads.speediness.in_channels': 128, **schedule(2, 3, 0.03)},
    ),
    'psp': Task('PSP', 'psp', dict(acc_order=1 / 6), {'model.heads.order.in_channels': 128, **schedule(3, 4, 0.03)}),
    'prp': Task(
        'PRP',
        'prp',
        dict(acc_rate=1 / 4),
        {'model.necks.rate.in_channels': 128, 'model.heads.reconstruction.in_channels': 128, **schedule(2, 3, 0.03)},
    ),
    # The larger class is as good as three tuples in four.
    'shuffle-and-learn': Task(
        'Shuffle & Learn',
        'shuffle-and-learn',
        dict(acc_tuple=3 / 4),
        {'model.heads.tuple.in_channels': 256, **schedule(4, 10, 0.01)},
        net='caffenet_1x1x1',
    ),
    'opn': Task(
        'OPN',
        'opn',
        dict(acc_frame_order=1 / 12),
        {'model.heads.order.in_channels': 256, **schedule(5, 10, 0.003)},
        net='caffenet_1x1x1',
    ),
    # The shapes have no upright position, so that their rotation cannot be learnt.
    'transrank': Task(
        'TransRank',
        'transrank',
        dict(acc_ranking=1 / 3),
        {
            'model.heads.ranking.in_channels': 128,
            'model.heads.rotation.in_channels': 128,
            'model.heads.rotation.loss_weight': 0.0,
            **schedule(4, 4, 0.03),
        },
    ),
    'transrank-classification': Task(
        'TransRank, as classification',
        'transrank-classification',
        dict(acc_transformation=1 / 3),
        {
            'model.heads.transformation.in_channels': 128,
            'model.heads.rotation.in_channels': 128,
            'model.heads.rotation.loss_weight': 0.0,
            **schedule(4, 4, 0.03),
        },
    ),
    'clip-consistency': Task(
        'clip consistency',
        'clip-consistency',
        dict(acc_video=1 / 256),
        {'model.necks.projection.in_channels': 128, **schedule(5, 4, 0.03)},
    ),
    'video-moco': Task(
        'VideoMoCo without generator',
        'video-moco',
        dict(acc_video=1 / 256),
        {'model.necks.projection.in_channels': 128, **schedule(5, 4, 0.03)},
    ),
    # Left out: acc_direction, which stays at chance in so short a run.
    'cep': Task(
        'CEP',
        'cep',
        dict(acc_appearance=1 / 256),
        {'model.necks.appearance.in_channels': 128, 'model.necks.cycle.in_channels': 128, **schedule(3, 2, 0.03)},
        words=dict(acc_appearance='appearance: the key is the nearest of 256 candidates'),
    ),
    'ascnet': Task(
        'ASCNet',
        'ascnet',
        dict(acc_video=1 / 256, acc_same_speed=1 / 2),
        {'model.necks.appearance.in_channels': 128, 'model.necks.speed.in_channels': 128, **schedule(5, 4, 0.03)},
        words=dict(acc_same_speed="speed: the nearest of other videos' clips has the same"),
    ),
    # The generator begins half way.
    'video-moco-generator': Task(
        'VideoMoCo',
        'video-moco',
        dict(acc_video=1 / 256),
        {'model.necks.projection.in_channels': 128, **schedule(6, 4, 0.03)},
        net='r3d-10_generator_16x1x1',
    ),
    'mas': Task(
        'MAS',
        'mas',
        dict(explained_motion_statistics=0.0, explained_appearance_statistics=0.0),
        {'model.heads.motion.in_channels': 128, 'model.heads.appearance.in_channels': 128, **schedule(5, 4, 0.03)},
        words=dict(
            explained_motion_statistics='motion: explained variance of the labels',
            explained_appearance_statistics='appearance: explained variance of the labels',
        ),
    ),
    'masked-autoencoder': Task(
        'masked autoencoder',
        'masked-autoencoder',
        dict(acc_pixels='acc_guess'),
        {
            'model.backbone.depth': 4,
            'model.backbone.positions': 'numbers',
            'model.heads.pixels.in_channels': 48,
            'model.heads.pixels.decoder_channels': 48,
            'model.heads.pixels.decoder_depth': 1,
            'model.heads.pixels.positions': 'numbers',
            **schedule(20, 10, 2e-3),
        },
        net='vit-ti_16x1x1',
        words=dict(acc_pixels='share of the variance of masked cubes that is explained; beside it by a guess'),
    ),
    'human-prior': Task(
        'human prior',
        'human-prior',
        dict(
            acc_motion=1 / 2,
            acc_appearance=1 / 256,
            miou_parts='miou_parts_constant',
            miou_parsing='miou_parsing_constant',
        ),
        {
            'model.necks.appearance.in_channels': 128,
            'model.necks.motion.in_channels': 128,
            'model.heads.parsing.in_channels': 128,
            **schedule(5, 4, 0.03),
        },
        backbone='model.backbone.backbone',
        data='moving-shapes',
        words=dict(
            miou_parts='IoU of the shape; beside it the best fixed map',
            miou_parsing='mean IoU of shape and background; beside it all background',
        ),
    ),
}

# Runs only where it is named: 2000 steps with VideoMAE's positions left the masked autoencoder at the guess, and how many
# it takes is not known. The backgrounds are nearly flat, so that a normalised target is mostly a faint texture.
SLOW = ('masked-autoencoder',)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--tasks',
        nargs='+',
        choices=TASKS,
        default=[name for name in TASKS if name not in SLOW],
        help=f'which; default: all but {", ".join(SLOW)}',
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/check_pretext_tasks'))
    parser.add_argument(
        '--probe', action='store_true', help='a linear probe of each frozen net, too, and of its net before training'
    )
    parser.add_argument('--out', type=Path, help='JSON file for the results; those of other tasks stay in it')
    args = parser.parse_args()
    videos = args.work_dir / 'moving_shapes'
    write_moving_shapes(videos, num_train=NUM_TRAIN, num_test=NUM_TEST)
    print('| task | on unseen videos | | chance | margin in points | minutes |\n|---|---|---|---|---|---|')
    learned = True
    for name in args.tasks:
        folder = args.work_dir / name
        entries = describe(TASKS[name], run(TASKS[name], videos, folder))
        if collapse := watched(TASKS[name], folder):
            entries[0]['collapse'] = collapse
        if args.probe:
            entries.append(probed(TASKS[name], videos, folder, entries[0]['minutes']))
        for entry in entries:
            value, chance = entry['value'], entry['chance']
            learned &= value >= {'miou_parts': 2 * chance, 'miou_parsing': chance, 'probe': 0}.get(
                entry['name'], chance + 0.1
            )
            print(
                f'| {entry["title"]} | {entry["what"]} | {100 * value:.1f} | {100 * chance:.1f} | '
                f'{100 * (value - chance):+.1f} | {entry["minutes"]:.1f} |',
                flush=True,
            )
        if args.out is not None:
            write(args.out, name, entries)
    if not learned:
        raise SystemExit('not everything was learnt')


def describe(task: Task, result: dict[str, float]) -> list[dict]:
    """One entry for each accuracy of a task: its name and words, value, chance, and the minutes of training."""
    return [
        dict(
            title=task.title,
            name=name,
            what=task.words.get(name, name.removeprefix('acc_')),
            value=result[f'pretext/{name}'],
            chance=result[f'pretext/{chance}'] if isinstance(chance, str) else chance,
            minutes=result['seconds'] / 60,
        )
        for name, chance in task.chance.items()
    ]


def watched(task: Task, folder: Path) -> dict:
    """Whether the embeddings of a run collapsed: ``std`` and ``rank`` (see :class:`videossl.engine.CollapseHook`) at its start,
    a quarter, half and the end, and of how many clips they are; empty where the run logs none."""
    logged = [entry for entry in read_scalars(folder) if 'std_student' in entry and 'rank_student' in entry]
    if not logged:
        return {}
    last = logged[-1]['step']
    moments = [min(logged, key=lambda entry: abs(entry['step'] - share * last)) for share in (0, 1 / 4, 1 / 2, 1)]
    config = load_config(str(ROOT / config_of(task)), task.options)
    return dict(
        std=[round(entry['std_student'], 3) for entry in moments],
        rank=[round(entry['rank_student'], 2) for entry in moments],
        clips=config.train_dataloader.batch_size * len(config.model.get('student_views', (0,))),
    )


def write(path: Path, name: str, entries: list[dict]) -> None:
    """Put the entries of a task into the file, in the order of TASKS."""
    known = json.loads(path.read_text(encoding='utf-8')) if path.exists() else {}
    known[name] = entries
    ordered = {name: known[name] for name in (*TASKS, *known) if name in known}
    path.write_text(json.dumps(ordered, indent=1) + '\n', encoding='utf-8')


def run(task: Task, videos: Path, folder: Path) -> dict[str, float]:
    """Train and test a task, or read what that gave before."""
    done = folder / 'result.json'
    if done.exists():
        return json.loads(done.read_text())
    config = config_of(task)
    common = [str(ROOT / config), '--data-root', str(videos), '--work-dir', str(folder)]
    options = options_of(task)
    start = time.monotonic()
    call('train', *common, '--ann-file', 'train.txt', '--cfg-options', *options, log=folder / 'train.log')
    seconds = time.monotonic() - start
    call(
        'test',
        common[0],
        last_checkpoint(folder),
        *common[1:],
        '--ann-file',
        'test.txt',
        '--metrics-file',
        str(folder / 'metrics.json'),
        '--cfg-options',
        *options,
        log=folder / 'test.log',
    )
    result = dict(json.loads((folder / 'metrics.json').read_text()), seconds=seconds)
    if 'miou_parts' in task.chance:
        result['pretext/miou_parts_constant'] = best_constant_map(config, videos)
    if any(accuracy.startswith('explained_') for accuracy in task.chance):
        compare_with_constants(result, config, videos)
    done.write_text(json.dumps(result, indent=2))
    return result


def last_checkpoint(folder: Path) -> str:
    """Path of the last checkpoint of a finished training, whose folder may have been moved."""
    return read_pointer(str(folder)) or str(folder / POINTER)


def config_of(task: Task) -> str:
    return f'configs/laptop/{task.config}_{task.net}-64px-20e_{task.data}-rgb.py'


def options_of(task: Task, **changes) -> list[str]:
    return [
        f'{key}={value}' for key, value in {f'{task.backbone}.base_channels': 16, **task.options, **changes}.items()
    ]


def probed(task: Task, videos: Path, folder: Path, minutes: float) -> dict:
    """The entry of a linear probe of the trained net; in the place of chance that of the net before training, whose batch
    norm has measured the videos (an epoch at learning rate 0)."""
    before = folder / 'random'
    if not (before / POINTER).exists():
        options = options_of(task, **UNTRAINED, **{'train_dataloader.sampler.repeats': 1})
        data = ['--data-root', str(videos), '--ann-file', 'train.txt', '--work-dir', str(before)]
        call('train', str(ROOT / config_of(task)), *data, '--cfg-options', *options, log=before / 'train.log')
    values = []
    for place in (folder, before):
        out = place / 'probe.json'
        if not out.exists():
            lists = ['--data-root', str(videos), '--train-list', 'train.txt', '--test-list', 'test.txt']
            views = ['--size', '64', '--resize', '72', '--num-clips', '4', '--evaluations', 'linear_probe']
            checkpoint = last_checkpoint(place)
            call('evaluate_features', checkpoint, *lists, *views, '--out', str(out), log=place / 'probe.log')
        values.append(json.loads(out.read_text())['linear_probe']['top1'])
    what = 'linear probe of the frozen net; beside it the net before training'
    return dict(title=task.title, name='probe', what=what, value=values[0], chance=values[1], minutes=minutes)


def test_samples(config: str, videos: Path) -> list:
    """The data samples of the test videos, by one draw of each."""
    dataset = innermost_dataset(load_config(str(ROOT / config)).train_dataloader.dataset)
    dataset.update(data_root=str(videos), ann_file='test.txt')
    with DefaultScope.overwrite_default_scope('videossl'):
        dataset = DATASETS.build(dataset)
    np.random.seed(0)  # for the crops
    return [dataset[index]['data_samples'] for index in range(len(dataset))]


def compare_with_constants(result: dict[str, float], config: str, videos: Path) -> None:
    """Add, for the regressed labels of each head, what share of their variance over the test videos the net explains: by how
    much its squared error is below that of their means."""
    samples = test_samples(config, videos)
    for head in load_config(str(ROOT / config)).model.heads.values():
        name = head.label.removeprefix('gt_')
        labels = np.concatenate([sample.get(head.label).numpy() for sample in samples])
        columns = [column[column != IGNORED_LABEL] for column in labels.T]
        count = sum(map(len, columns))
        error = sum(((column - column.mean()) ** 2).sum() for column in columns if len(column)) / count
        result[f'pretext/explained_{name}'] = float(1 - result[f'pretext/loss_{name}'] / head.loss_weight / error)


def best_constant_map(config: str, videos: Path, side: int = 32) -> float:
    """IoU of the shape for the best map that is the same for all test clips: the pixels where a shape is most often."""
    masks = torch.stack([sample.parsing_mask for sample in test_samples(config, videos)]).float()
    masks = (functional.interpolate(masks, (side, side), mode='area') > 0.5).float()  # as the head compares them
    often = masks.mean(dim=0).flatten().sort(descending=True).values
    # The k most frequent pixels hit their share of each mask; what they miss and what they hit wrongly is in the union.
    hits, pixels = often.cumsum(0), torch.arange(1, len(often) + 1)
    return float((hits / (pixels + often.sum() - hits)).max())


def call(tool: str, *arguments: str, log: Path) -> None:
    """Run a tool, with its output in a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, 'w') as output:
        status = subprocess.run(
            [sys.executable, str(ROOT / 'tools' / f'{tool}.py'), *arguments], stdout=output, stderr=subprocess.STDOUT
        ).returncode
    if status:
        raise SystemExit(f'tools/{tool}.py failed; see {log}')


if __name__ == '__main__':
    main()
