"""Damage videos at random and read them as training does: nothing may get lost.

    python tools/analysis/fuzz_videos.py --files 2000

Small videos in several formats are made, and copies of them damaged: bytes flipped (anywhere, or in the first and last
kilobytes, where the tables are), a piece cut off, cut out, zeroed, doubled or taken from another file. Loader workers
read them, each once a pass. Each file must be delivered or named in ``broken_videos.txt``; each draw must give a sample;
no worker may end. The table says how many files of each kind were read, were named as broken, crashed the decoder or made
it hang.
"""

import argparse
import logging
import os
import sys
import time
from collections import Counter
from pathlib import Path

import av
import numpy as np
from mmengine.logging import MMLogger
from rich.progress import track
from torch.utils.data import DataLoader

from videossl.datasets import VideoDataset
from videossl.datasets.readers import opening
from videossl.datasets.readers.opening import BACKENDS
from videossl.engine import DrawSampler

# ending, codec
FORMATS = [
    ('mp4', 'libx264'),
    ('avi', 'mpeg4'),
    ('mkv', 'libx264'),
    ('webm', 'libvpx-vp9'),
    ('mov', 'libx265'),
    ('mp4', 'mpeg4'),
    ('avi', 'mjpeg'),
    ('mpg', 'mpeg2video'),
]
EDGE = 4096  # bytes at either end
OUTCOMES = ('read', 'named', 'crashed', 'hung')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--files', type=int, default=2000, help='damaged files; default: 2000')
    parser.add_argument('--passes', type=int, default=1, help='how often each is read; default: 1')
    parser.add_argument('--workers', type=int, default=2, help='of the loader; default: 2')
    parser.add_argument('--timeout', type=float, default=20, help='seconds for a decoder; default: 20')
    parser.add_argument('--backend', choices=tuple(BACKENDS), default='pyav', help='of the reader; default: pyav')
    parser.add_argument(
        '--from-memory',
        action='store_true',
        help="open files as mmaction2's DecordInit does by itself, over which decord 0.6.0 crashes often",
    )
    parser.add_argument('--seed', type=int, default=0, help='of the damage')
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/fuzz_videos'),
        help='keeps the files that crashed a decoder or made it hang',
    )
    args = parser.parse_args()
    if args.workers < 1:
        parser.error('--workers must be at least 1: without them nothing guards against a crash')
    MMLogger.get_current_instance().setLevel(logging.ERROR)  # the list of broken videos says the same
    if args.from_memory:
        opening.open_by_path = lambda transform, results, path: transform(results)
    begun = time.monotonic()
    folder = args.work_dir / f'seed_{args.seed}'
    damages = make_files(folder, args.files, args.seed)
    outcomes, delivered, workers = read_files(folder, list(damages), args)
    print(table(damages, outcomes))
    for name, outcome in outcomes.items():
        if outcome in ('read', 'named'):
            (folder / name).unlink()
    lost = [name for name, outcome in outcomes.items() if outcome not in OUTCOMES]
    expected = args.files * args.passes
    print(
        f'{args.files} files, {delivered} of {expected} samples delivered, {len(workers)} of {args.workers} workers until the '
        f'end, {len(lost)} files lost; {time.monotonic() - begun:.0f} s'
    )
    if lost or delivered != expected or len(workers) > args.workers:
        sys.exit(f'something was lost: {lost[:10]}')


def make_files(folder: Path, number: int, seed: int) -> dict[str, str]:
    """Write damaged videos; the kind of damage, by the file's name."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    sources = [(ending, make_video(folder / f'source.{ending}', codec)) for ending, codec in FORMATS]
    generator = np.random.default_rng(seed)
    damages = {}
    for index in track(range(number), 'Damaging', disable=not sys.stderr.isatty()):
        ending, content = sources[generator.integers(len(sources))]
        kind = list(DAMAGES)[index % len(DAMAGES)]
        name = f'{index:05}.{ending}'
        (folder / name).write_bytes(DAMAGES[kind](generator, content, sources[generator.integers(len(sources))][1]))
        damages[name] = kind
    return damages


def make_video(path: Path, codec: str, num_frames: int = 40, size: int = 64) -> bytes:
    """The bytes of a video of random blocks."""
    blocks = np.random.default_rng(0).integers(0, 256, (num_frames, 8, 8, 3), dtype=np.uint8)
    options = {
        'libx264': dict(preset='ultrafast', g='12'),
        'libx265': {'x265-params': 'log-level=none', 'preset': 'ultrafast'},
        'libvpx-vp9': {'cpu-used': '8', 'deadline': 'realtime'},
    }.get(codec, {})
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width = stream.height = size
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        for frame in blocks.repeat(size // 8, axis=1).repeat(size // 8, axis=2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode())
    content = path.read_bytes()
    path.unlink()
    return content


# ------------------------------------------------------------------------------------------------------------- the damage
def flip(generator, content, other, places=None):
    damaged = bytearray(content)
    places = np.arange(len(content)) if places is None else places
    for place in generator.choice(places, int(2 ** generator.uniform(0, 8))):
        damaged[place] ^= 1 << generator.integers(8)
    return damaged


def flip_tables(generator, content, other):
    edge = min(EDGE, len(content) // 2)
    return flip(generator, content, other, np.r_[:edge, len(content) - edge : len(content)])


def piece(generator, content):
    """Begin and end of a piece of up to a fourth."""
    length = int(len(content) * generator.uniform(0.001, 0.25))
    start = generator.integers(len(content) - length)
    return start, start + length


def truncate(generator, content, other):
    return content[: generator.integers(len(content))]


def cut_out(generator, content, other):
    start, end = piece(generator, content)
    return content[:start] + content[end:]


def zero(generator, content, other):
    start, end = piece(generator, content)
    return content[:start] + bytes(end - start) + content[end:]


def double(generator, content, other):
    start, end = piece(generator, content)
    return content[:end] + content[start:]


def splice(generator, content, other):
    start, end = piece(generator, content)
    begin, stop = piece(generator, other)
    return content[:start] + other[begin:stop] + content[end:]


def join(generator, content, other):
    return content[: generator.integers(len(content))] + other[generator.integers(len(other)) :]


DAMAGES = {
    'bytes flipped': flip,
    'tables flipped': flip_tables,
    'truncated': truncate,
    'cut out': cut_out,
    'zeroed': zero,
    'doubled': double,
    'spliced': splice,
    'joined': join,
}


# ------------------------------------------------------------------------------------------------------------ the reading
def facts(results: dict) -> dict:
    """Checks a sample, and keeps what is needed."""
    frames = results['imgs']
    assert len(frames) == 16 and all(frame.ndim == 3 and frame.shape[2] == 3 and frame.size for frame in frames)
    return dict(name=os.path.basename(results['filename']), process=os.getpid())


def log_complaints(path: Path) -> None:
    """Let what decoders print go to a file."""
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)


def read_files(folder: Path, names: list[str], args: argparse.Namespace) -> tuple[dict[str, str], int, set[int]]:
    """Read all files in loader workers.

    Returns:
        What came of each file, by its name; the number of samples; the workers' process ids.
    """
    good = folder / 'good.mp4'  # there is always one to take another's place
    good.write_bytes(make_video(folder / 'source.mp4', 'libx264'))
    (folder / 'list.txt').write_text(''.join(f'{name}\n' for name in [*names, good.name]))
    reader = dict(type='DecordInit') if args.from_memory else dict(type='VideoReaderInit', backend=args.backend)
    sampler = dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=16)  # all over the video
    dataset = VideoDataset(
        'list.txt',
        [reader, sampler, dict(type='DecodeClips'), facts],
        data_root=str(folder),
        max_broken_share=1,
        max_replacements=10000,
        decoder_timeout=args.timeout,
    )
    dataset.broken.file = folder / 'broken_videos.txt'
    order = DrawSampler(range(len(names)), seed=args.seed)
    loader = DataLoader(
        dataset,
        1,
        sampler=order,
        num_workers=args.workers,
        collate_fn=lambda samples: samples[0],
        persistent_workers=True,
        worker_init_fn=lambda worker: log_complaints(folder / 'decoders.log'),
    )
    drawn, processes, delivered = Counter(), set(), 0
    for epoch in range(args.passes):
        order.set_epoch(epoch)
        for sample in track(loader, 'Reading', total=len(names), disable=not sys.stderr.isatty()):
            delivered += 1
            drawn[sample['name']] += 1
            processes.add(sample['process'])
    listed = folder / 'broken_videos.txt'
    lines = listed.read_text(errors='surrogateescape').splitlines() if listed.exists() else []
    reasons = {os.path.basename(path): reason for path, reason in (line.split('\t') for line in lines)}
    assert len(reasons) == len(lines), 'a file was named twice'
    return {name: outcome_of(reasons.get(name), drawn[name]) for name in names}, delivered, processes


def outcome_of(reason: str | None, drawn: int) -> str:
    """What came of a file: why it was named as broken, if so, and how often it was delivered."""
    if reason is None:
        return 'read' if drawn else 'lost'
    return 'crashed' if 'took its process down' in reason else 'hung' if 'not read within' in reason else 'named'


def table(damages: dict[str, str], outcomes: dict[str, str]) -> str:
    """Files by damage and outcome."""
    lines = [f'| damage | files | {" | ".join(OUTCOMES)} |', f'|---|{"---|" * (len(OUTCOMES) + 1)}']
    for kind in [*DAMAGES, 'all']:
        names = [name for name in damages if kind in ('all', damages[name])]
        counts = Counter(outcomes[name] for name in names)
        lines.append(f'| {kind} | {len(names)} | {" | ".join(str(counts[outcome]) for outcome in OUTCOMES)} |')
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
