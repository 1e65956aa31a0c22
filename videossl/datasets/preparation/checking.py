"""Whether videos can be read. They are opened in other processes, so that a decoder that crashes ends only its own."""

import json
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from videossl.cores import available_cores
from videossl.datasets.broken_videos import stamp_of
from videossl.datasets.readers.opening import open_as_training_does
from videossl.datasets.transforms.decoding import DecodeClips

TIMEOUT = 120.0  # seconds for one video


def read_video(path: str) -> int:
    """Open a video as training does, and decode its first, middle and last frame.

    Returns:
        The number of its frames.

    Raises:
        VideoReadError: it cannot be read.
    """
    opened = open_as_training_does(path)
    total = int(opened['total_frames'])
    frames = np.unique([0, total // 2, total - 1])
    DecodeClips()(dict(video_reader=opened['video_reader'], frame_inds=frames, filename=path))
    return total


def check_videos(
    paths: Sequence[str],
    cache: str | os.PathLike,
    workers: int | None = None,
    timeout: float = TIMEOUT,
    read: Callable[[str], int] = read_video,
) -> dict[str, str]:
    """Try to read videos, several at a time.

    Each result is appended to ``cache`` at once, so that the same call continues what was cut off. A video whose size or
    time of change differs from the cached ones is read again, and so is one that took its process down.

    Args:
        paths: of the videos.
        cache: a file of JSON lines, made when missing: path (relative to the file's folder), size in bytes and mtime in
            nanoseconds (of the archive where a video lies in one), number of frames, error.
        workers: processes; None: one per processor.
        timeout: seconds after which a video counts as unreadable.
        read: what reads a video; raises whatever it likes, or returns the number of frames.

    Returns:
        The reason, by the path, for each video that cannot be read.
    """
    cache = Path(cache)
    cache.parent.mkdir(parents=True, exist_ok=True)
    known = _load(cache)
    unreadable, states, todo = {}, {}, []
    for path in dict.fromkeys(paths):
        key = os.path.relpath(path, cache.parent)
        states[path] = stamp_of(path)
        found = known.get(key)
        if found is None or states[path] is None or (found['size'], found['mtime']) != states[path]:
            todo.append(path)
        elif found['error'] is not None:
            unreadable[path] = found['error']
    with open(cache, 'a', encoding='utf-8') as file, Progress(disable=not todo) as progress:
        if file.tell() and not _ends_with_line(cache):
            file.write('\n')
        task = progress.add_task(f'Checking {len(todo)} of {len(states)} videos', total=len(todo))
        for path, outcome in read_all(todo, workers or available_cores(), timeout, read):
            if outcome.error is not None:
                unreadable[path] = outcome.error
            state = states[path]
            if not outcome.process_lost and state is not None:
                size, mtime = state
                file.write(
                    json.dumps(
                        dict(
                            path=os.path.relpath(path, cache.parent),
                            size=size,
                            mtime=mtime,
                            frames=outcome.frames,
                            error=outcome.error,
                        )
                    )
                    + '\n'
                )
                file.flush()
            progress.advance(task)
    return {path: unreadable[path] for path in states if path in unreadable}


@dataclass
class Outcome:
    """What came of reading a video; ``process_lost``: it took its process down, or had to be stopped."""

    frames: int | None = None
    error: str | None = None
    process_lost: bool = False


def _load(cache: Path) -> dict[str, dict]:
    known = {}
    if cache.exists():
        for line in cache.read_text(encoding='utf-8', errors='replace').split('\n'):
            try:
                entry = json.loads(line)
                known[entry['path']] = {name: entry[name] for name in ('size', 'mtime', 'error')}
            except (ValueError, TypeError, KeyError):  # cut off in the middle of a line
                continue
    return known


def _ends_with_line(cache: Path) -> bool:
    with open(cache, 'rb') as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b'\n'


class _Worker:
    """A process that reads one video after the other."""

    def __init__(self, context: Any, read: Callable[[str], int]) -> None:
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, read), daemon=True)
        self.process.start()
        other.close()  # else the end of the process would not be noticed
        self.path: Any = None
        self.deadline = float('inf')
        self.started = False

    def give(self, path: str, timeout: float) -> None:
        self.path, self.deadline = path, time.monotonic() + timeout
        try:
            self.connection.send(path)
        except OSError:  # the process has ended, which waiting for its answer will show
            pass

    def stop(self, patience: float = 0) -> int | None:
        """End the process, after so many seconds if it does not end by itself; its exit code."""
        self.process.join(patience)
        self.process.kill()
        self.process.join()
        self.connection.close()
        return self.process.exitcode


def _serve(connection: Connection, read: Callable[[str], int]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's affair
    connection.send(None)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the decoders' own complaints would tear the progress bar
    while True:
        try:
            path = connection.recv()
        except EOFError:
            return
        try:
            outcome = Outcome(frames=int(read(path)))
        except Exception as error:
            outcome = Outcome(error=str(error).removeprefix(f'{path}: ') or type(error).__name__)
        connection.send(outcome)


def read_all(paths: Sequence[str], number: int, timeout: float, read: Callable) -> Iterator[tuple[str, Outcome]]:
    """(path, outcome) of each video, in the order in which they are done. A process that ends or hangs costs the video that it
    was at, and another takes its place. ``read`` may be any function of one argument that pickles and returns a number; an
    entry of ``paths`` is what it is given."""
    # Not forked off this process, whose threads may hold locks; the server imports what is needed once.
    method = 'forkserver' if 'forkserver' in multiprocessing.get_all_start_methods() else 'spawn'
    context = multiprocessing.get_context(method)
    if method == 'forkserver':
        context.set_forkserver_preload(['videossl.datasets.preparation.checking'])
    waiting = deque(paths)
    workers = [_Worker(context, read) for _ in range(min(number, len(waiting)))]
    try:
        while waiting or any(worker.path is not None for worker in workers):
            for worker in workers:
                if worker.started and worker.path is None and waiting:
                    worker.give(waiting.popleft(), timeout)
            by_connection: dict[Any, _Worker] = {
                worker.connection: worker for worker in workers if worker.path is not None or not worker.started
            }
            soonest = min(worker.deadline for worker in by_connection.values())
            for connection in wait([*by_connection], max(0, min(soonest - time.monotonic(), 60))):
                worker = by_connection[connection]
                try:
                    outcome = worker.connection.recv()
                except (EOFError, OSError):
                    workers.remove(worker)
                    exit_code = worker.stop(patience=5)
                    if not worker.started:
                        raise RuntimeError(
                            f'a process for checking videos ended before it began (exit code {exit_code})'
                        )
                    yield (
                        worker.path,
                        Outcome(error=f'the decoder took its process down (exit code {exit_code})', process_lost=True),
                    )
                    continue
                if outcome is None:
                    worker.started = True
                    continue
                path, worker.path, worker.deadline = worker.path, None, float('inf')
                yield path, outcome
            for worker in [worker for worker in workers if worker.deadline < time.monotonic()]:
                workers.remove(worker)
                worker.stop()
                yield worker.path, Outcome(error=f'not read within {timeout:g} seconds', process_lost=True)
            while len(workers) < min(number, len(waiting)):
                workers.append(_Worker(context, read))
    finally:
        for worker in workers:
            worker.stop()
