"""Train for hours and watch whether memory, open files and threads grow.

    python tools/analysis/soak.py --hours 2

``tools/train.py`` runs auxSKD's small config on rendered videos, some of them damaged, with loader workers and their guarded
decoders; a checkpoint is written every so often. Twice a minute the training process and all its children are looked at:
memory (what they share counted by halves, thirds and so on, and without libraries, which other programs share too; where
the system does not tell, what is resident), open files, threads, processes. At the end the run is stopped with SIGTERM, and
the median of the first and of the last quarter of what was seen after the warm-up are compared.

Ends with status 1 where something grew by more than ``--limit``, or where training ended by itself.
"""

import argparse
import csv
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from videossl.compat import config_directory
from videossl.datasets.moving_shapes import write_moving_shapes

CONFIG = 'laptop/aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py'
MEASURES = ('memory_mib', 'files', 'threads', 'processes')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--hours', type=float, default=2, help='how long; default: 2')
    parser.add_argument('--warm-up', type=float, default=0.1, help='hours not counted at the beginning; default: 0.1')
    parser.add_argument('--workers', type=int, default=2, help='of the loader; default: 2')
    parser.add_argument('--videos', type=int, default=240, help='whole ones; default: 240')
    parser.add_argument('--broken', type=int, default=12, help='damaged ones besides; default: 12')
    parser.add_argument('--every', type=float, default=30, help='seconds between looks; default: 30')
    parser.add_argument('--limit', type=float, default=2, help='percent that something may grow by; default: 2')
    parser.add_argument(
        '--config', default=str(Path(config_directory(), CONFIG)), help='default: the small auxSKD config'
    )
    parser.add_argument('--cfg-options', nargs='*', default=[], help='more settings for tools/train.py')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/soak'), help='default: work_dirs/soak')
    args = parser.parse_args()
    if args.warm_up >= args.hours:
        parser.error('--warm-up must be shorter than --hours')
    videos = write_moving_shapes(args.work_dir / 'videos', num_train=args.videos, num_test=0)
    ann_file = damage(videos, args.broken)
    log = args.work_dir / 'train.log'
    command = [
        sys.executable,
        str(Path(__file__).parents[1] / 'train.py'),
        args.config,
        '--data-root',
        str(videos),
        '--ann-file',
        ann_file,
        '--work-dir',
        str(args.work_dir / 'run'),
        '--cfg-options',
        f'train_dataloader.num_workers={args.workers}',
        'train_dataloader.persistent_workers=True',
        'train_cfg.max_epochs=1000000',
        *args.cfg_options,
    ]
    print(f'training for {args.hours:g} hours; its log: {log}')
    with open(log, 'w') as output:
        training = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        looks = watch(training, args.work_dir / 'soak.csv', 3600 * args.hours, args.every)
    finally:
        training.send_signal(signal.SIGTERM)
        status = training.wait()
    grown = report(looks, 3600 * args.warm_up, args.limit)
    print(f'training ended with status {status} (143: stopped by SIGTERM, with a checkpoint)')
    if grown or status != 143:
        sys.exit(1)


def damage(videos: Path, number: int) -> str:
    """Add videos that are cut off or have a piece overwritten; the name of the list with all."""
    lines = (videos / 'train.txt').read_text().splitlines()
    broken = []
    for index in range(number):
        content = bytearray((videos / lines[index].split()[0]).read_bytes())
        content = content[: len(content) // 2] if index % 2 else content[:200] + bytes(len(content) - 200)
        (videos / f'broken_{index}.mp4').write_bytes(content)
        broken.append(f'broken_{index}.mp4 0')
    (videos / 'with_broken.txt').write_text('\n'.join([*lines, *broken]) + '\n')
    return 'with_broken.txt'


def watch(training: subprocess.Popen, path: Path, seconds: float, every: float) -> list[dict[str, float]]:
    """Look at the processes until the time is over or training has ended; one line of the file a look."""
    begun, looks = time.monotonic(), []
    with open(path, 'w', newline='') as file:
        writer = csv.DictWriter(file, ['seconds', *MEASURES])
        writer.writeheader()
        while time.monotonic() - begun < seconds and training.poll() is None:
            looks.append(dict(seconds=round(time.monotonic() - begun, 1), **look_at(family(training.pid))))
            writer.writerow(looks[-1])
            file.flush()
            time.sleep(every)
    return looks


def family(process: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in Path('/proc').iterdir():
        if folder.name.isdigit():
            try:
                # The name in parentheses may hold anything.
                parent = int((folder / 'stat').read_text().rpartition(')')[2].split()[1])
            except OSError:  # it has ended
                continue
            children.setdefault(parent, []).append(int(folder.name))
    found = [process]
    for member in found:
        found += children.get(member, [])
    return found


def look_at(processes: list[int]) -> dict[str, float]:
    """What the processes hold together. Those that end meanwhile count as far as they were read."""
    seen = dict.fromkeys(MEASURES, 0)
    for process in processes:
        folder = Path('/proc', str(process))
        try:
            status = fields(folder / 'status')
            rollup = folder / 'smaps_rollup'
            parts = fields(rollup) if os.access(rollup, os.R_OK) else {}
            kib = [parts.get(name) for name in ('Pss_Anon', 'Pss_Shmem')]
            kib = kib if all(kib) else [status['VmRSS']]
            found = dict(
                memory_mib=sum(int(part.split()[0]) for part in kib) / 1024,
                files=len(os.listdir(folder / 'fd')),
                threads=int(status['Threads']),
                processes=1,
            )
        except (OSError, KeyError):
            continue
        for name, value in found.items():
            seen[name] += value
    return dict(seen, memory_mib=round(seen['memory_mib'], 1))


def fields(path: Path) -> dict[str, str]:
    """The lines ``name: value`` of a file."""
    return {name: value.strip() for name, _, value in (line.partition(':') for line in path.read_text().splitlines())}


def report(looks: list[dict[str, float]], warm_up: float, limit: float) -> bool:
    """Print how each measure went; whether one grew by more than ``limit`` percent."""
    kept = [look for look in looks if look['seconds'] >= warm_up]
    quarter = len(kept) // 4
    if not quarter:
        print(f'{len(kept)} looks after the warm-up are too few to compare')
        return True
    print(
        f'{len(looks)} looks in {looks[-1]["seconds"] / 3600:.2f} hours, {len(kept)} after the warm-up\n'
        f'{"":12} {"first quarter":>14} {"last quarter":>14} {"change":>8} {"largest":>9}'
    )
    grown = False
    for name in MEASURES:
        values = [look[name] for look in kept]
        first, last = statistics.median(values[:quarter]), statistics.median(values[-quarter:])
        change = 100 * (last / first - 1)
        grown |= change > limit
        print(
            f'{name:12} {first:14.1f} {last:14.1f} {change:+7.1f}% {max(values):9.1f}'
            + ('  GREW' if change > limit else '')
        )
    return grown


if __name__ == '__main__':
    main()
