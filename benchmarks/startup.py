"""Time and memory from a list of videos to the first index, for lists of 1,000 to 1,000,000 videos.

    python benchmarks/startup.py

Each measurement is a process of its own, which builds the data set, its sampler and the loader, and draws the first
index: for a text list, also with ten repeats of each video an epoch, for CSV and for JSON lines. The lists are written to
a temporary folder, with paths as Kinetics has them; of the videos only the first exists, so that a data set which looked
at each would be found out. Printed are seconds, by how much the resident memory has grown at its highest and in the end,
and what a loader worker has of its own after reading the list all through: the list is not copied for each.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path

from measuring import machine, memory, with_spread
from mmengine.dataset import RepeatDataset
from torch.utils.data import DataLoader

from videossl.datasets import VideoDataset
from videossl.engine import DrawSampler

NUM_CLASSES = 400
WORKERS = 4


def write_list(path: Path, number: int) -> None:
    """A list of labelled videos; the first one is there, and empty."""
    with open(path, 'w', encoding='utf-8') as file:
        if path.suffix == '.csv':
            file.write('path,label\n')
        for index in range(number):
            label = index % NUM_CLASSES
            name = f'class_{label:03d}/video_{index:08d}_000012_000022.mp4'
            if index == 0:
                (path.parent / name).parent.mkdir(exist_ok=True)
                (path.parent / name).touch()
            file.write(
                {
                    '.txt': f'{name} {label}',
                    '.csv': f'{name},{label}',
                    '.jsonl': json.dumps(dict(path=name, label=label)),
                }[path.suffix]
                + '\n'
            )


def start(ann_file: Path, repeats: int, workers: bool) -> dict[str, float]:
    """Start in this process.

    Args:
        ann_file: list.
        repeats: of each video an epoch.
        workers: let loader workers read the list all through.

    Returns:
        seconds, and MiB.
    """
    before = memory()
    began = time.perf_counter()
    dataset = VideoDataset(str(ann_file), pipeline=[], data_root=str(ann_file.parent))
    whole = RepeatDataset(dataset, repeats) if repeats > 1 else dataset
    loader = DataLoader(whole, batch_size=1, sampler=DrawSampler(whole, seed=0))
    next(iter(loader.batch_sampler))
    found = dict(seconds=time.perf_counter() - began)
    after = memory()
    found.update(peak=after['peak'] - before['resident'], end=after['resident'] - before['resident'])
    if workers:
        readers = DataLoader(Part(dataset), batch_size=1, num_workers=WORKERS, collate_fn=list)
        found['worker'] = max(own for batch in readers for own in batch)
    return found


class Part:
    """Reads the list's entries, a part at a time, and says what this process then has of its own, in MiB."""

    def __init__(self, dataset: VideoDataset, parts: int = 40) -> None:
        self.dataset, self.parts = dataset, parts

    def __len__(self) -> int:
        return self.parts

    def __getitem__(self, part: int) -> float:
        for index in range(part, len(self.dataset), self.parts):
            self.dataset.get_data_info(index)
        return memory()['own']


def measure(*arguments) -> dict[str, float]:
    """:func:`start` in a process of its own, which has the imports from this one."""
    context = multiprocessing.get_context('fork')
    results = context.SimpleQueue()
    process = context.Process(target=lambda: results.put(start(*arguments)))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit('a start failed')
    return results.get()


def report(name: str, runs: list[dict[str, float]]) -> None:
    """Print what the starts of one kind took."""
    line = (
        f'{name:34} {with_spread([run["seconds"] for run in runs])} s; memory grows by at most '
        f'{max(run["peak"] for run in runs):.0f} MiB, in the end by {max(run["end"] for run in runs):.0f} MiB'
    )
    line += ''.join(f'; a worker has {run["worker"]:.0f} MiB of its own' for run in runs if 'worker' in run)
    print(line, flush=True)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--runs', type=int, default=5, help='starts of each kind; default: 5')
    parser.add_argument('--quick', action='store_true', help='up to 10,000 videos, to see that it works')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    largest = 10_000 if args.quick else 1_000_000
    print(f'{machine()}\nthe imports take {memory()["resident"]:.0f} MiB; goals for 1,000,000 videos: 20 s, 1024 MiB')
    with tempfile.TemporaryDirectory() as folder:
        for kind, ending, size, repeats in (
            ('text', 'txt', largest // 1000, 1),
            ('text', 'txt', largest // 10, 1),
            ('text', 'txt', largest, 1),
            ('text', 'txt', largest, 10),
            ('CSV', 'csv', largest, 1),
            ('JSON lines', 'jsonl', largest, 1),
        ):
            ann_file = Path(folder, f'{size}.{ending}')
            if not ann_file.exists():
                write_list(ann_file, size)
            has_workers = (kind, size, repeats) == ('text', largest, 1)
            runs = [measure(ann_file, repeats, has_workers and run == 0) for run in range(args.runs)]
            report(f'{size:>9,} videos, {kind}' + (f', {repeats} times' if repeats > 1 else ''), runs)


if __name__ == '__main__':
    main()
