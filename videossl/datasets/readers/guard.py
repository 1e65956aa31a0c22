"""Reading videos in a process of its own, so that a decoder that crashes or hangs costs one video and nothing else."""

import logging
import mmap
import os
import resource
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from videossl.processes import ask_for_signal

from . import frame_index
from .errors import DecoderLost, VideoReadError
from .other_readers import read_frames, warn_once

LEAST_BYTES = 16 * 2**20  # of the memory that frames are handed over in
AT_WORK = 'at work'  # sent before the answer, again and again
HEARTBEAT = 0.2  # seconds from one to the next, at least
PATIENCE = 5.0  # seconds for a killed process to end; one that waits for a dead disk does not
FATAL_SIGNALS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGABRT, signal.SIGILL)


class DecoderGuard:
    """A child of this process that opens and decodes videos for it, one after the other.

    It is forked off when it is first needed, and again after it was lost. Frames come through memory that both share,
    which costs one copy. It ends with the process that it reads for.

    Args:
        open_video: takes the place of a transform in the pipeline and a file's name, and returns a dict with the reader
            (``video_reader``, with ``__len__`` and ``get_batch``) and what else the transform has found out. Only this
            function is called in the child.
        timeout: seconds for opening a video, and again for decoding frames of it. While a frame index is made, which takes as
            long as the video is, seconds without a new frame.
    """

    def __init__(self, open_video: Callable[[int, str], dict], timeout: float) -> None:
        self.open_video = open_video
        self.timeout = timeout
        self.process: int | None = None  # its id
        self.owner: int | None = None
        self.connection: Connection | None = None
        self.memory: _SharedMemory | None = None

    def open(self, place: int, filename: str) -> dict:
        """Open a video; the dict of ``open_video`` with a reader that asks the child for frames.

        Raises:
            VideoReadError: the video cannot be opened.
            DecoderLost: the child ended over it, or was ended.
        """
        if self.owner != os.getpid():  # a fork has copied this object: the child is its parent's
            self.process = self.connection = self.memory = None
        if self.process is None:
            self._start()
        found = self._ask(filename, 'open', place, filename)
        for doubt in found.pop('doubts'):
            warn_once(doubt)
        return dict(found, video_reader=GuardedReader(self, filename, *found.pop('facts')))

    def read(self, filename: str, indices: list[int], size: tuple[int, int] | None = None) -> list[np.ndarray]:
        """Frames of the video that was opened last, each uint8 [H, W, 3]; see :func:`.other_readers.read_frames`."""
        shape, dtype, capacity = self._ask(filename, 'read', indices, size)
        assert self.memory is not None
        # One by one: fresh memory for all at once would cost more than the copy.
        return [frame.copy() for frame in self.memory.array(shape, dtype, capacity)]

    def stop(self) -> int | None:
        """End the child; the status that ``os.waitpid`` gives for it, None where it does not end."""
        process, self.process = self.process, None
        if process is None or self.owner != os.getpid():
            return None
        assert self.connection is not None and self.memory is not None
        self.connection.close()
        self.memory.close()
        status = _reap(process, 0.2)  # a child that has crashed ends by itself, and how is worth knowing
        if status is None:
            os.kill(process, signal.SIGKILL)
            status = _reap(process, PATIENCE)
        return status

    def _ask(self, filename: str, *request) -> Any:
        assert self.connection is not None
        try:
            self.connection.send(request)
            answer: Any = AT_WORK
            answered = True
            while answered and answer == AT_WORK:
                answered = self.connection.poll(self.timeout)
                answer = self.connection.recv() if answered else None
        except (EOFError, OSError):
            raise DecoderLost(filename, f'the decoder took its process down ({_how(self.stop())})') from None
        except BaseException:  # Ctrl-C: the answer to this would be taken for the next one's
            self.stop()
            raise
        if not answered:
            self.stop()
            raise DecoderLost(filename, f'not read within {self.timeout:g} seconds')
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _start(self) -> None:
        self.memory = _SharedMemory()
        self.owner = os.getpid()
        self.connection, other = Pipe()
        in_main_thread = threading.current_thread() is threading.main_thread()
        with warnings.catch_warnings():
            # Python 3.12 warns of a fork beside threads. The child touches none of their locks.
            warnings.simplefilter('ignore', DeprecationWarning)
            self.process = os.fork()
        if self.process == 0:
            try:
                _detach(other.fileno(), self.memory.file, self.owner, in_main_thread)
                _serve(other, self.memory, self.open_video)
            finally:
                os._exit(0)  # nothing of what the parent wants done at its own end
        other.close()

    def __del__(self) -> None:
        if getattr(self, 'process', None) is not None:
            try:
                self.stop()
            except Exception:  # the interpreter is shutting down; the child ends with it
                pass


class GuardedReader:
    """Stands for a video that is open in the guard's process.

    Args:
        guard: that process.
        filename: of the video.
        length: number of frames.
        picture_shape: (H, W) of the pictures; None if the reader does not scale them.
    """

    def __init__(
        self, guard: DecoderGuard, filename: str, length: int, picture_shape: tuple[int, int] | None = None
    ) -> None:
        self.guard = guard
        self.filename = filename
        self.length = length
        self.picture_shape = picture_shape

    def __len__(self) -> int:
        return self.length

    def get_batch(self, indices: Sequence[int]) -> np.ndarray:
        """Frames, uint8 [len(indices), H, W, 3]."""
        return np.stack(self.read_frames(indices))

    def read_frames(self, indices: Sequence[int], size: tuple[int, int] | None = None) -> list[np.ndarray]:
        """The same as a list; :class:`~videossl.datasets.DecodeClips` asks for this."""
        return self.guard.read(self.filename, [int(index) for index in indices], size)


class _SharedMemory:
    """Memory for frames that grows as needed. The child writes to it, the parent reads."""

    def __init__(self) -> None:
        # Not a file in /dev/shm, which is small in containers.
        self.file = (
            os.memfd_create('frames') if hasattr(os, 'memfd_create') else os.dup(tempfile.TemporaryFile().fileno())
        )
        self.map: mmap.mmap | None = None

    def reserve(self, size: int) -> int:
        """The child's: make room for so many bytes; the capacity. What a giant took is given back."""
        capacity = 0 if self.map is None else len(self.map)
        if size > capacity or capacity > 8 * max(size, LEAST_BYTES):
            capacity = max(size, LEAST_BYTES)
            os.ftruncate(self.file, capacity)
            self.map = mmap.mmap(self.file, capacity)
        return capacity

    def array(self, shape: tuple[int, ...], dtype: str, capacity: int) -> np.ndarray:
        """What lies at the beginning."""
        if self.map is None or len(self.map) != capacity:
            self.map = mmap.mmap(self.file, capacity)
        return np.frombuffer(self.map, dtype, int(np.prod(shape))).reshape(shape)

    def close(self) -> None:
        os.close(self.file)


def _serve(connection: Connection, memory: _SharedMemory, open_video: Callable[[int, str], dict]) -> None:
    """The child's life."""
    logging.disable()  # the log's files are closed here
    reader, filename = None, ''
    told = time.monotonic()

    def tell() -> None:
        nonlocal told
        if time.monotonic() - told > HEARTBEAT:
            told = time.monotonic()
            connection.send(AT_WORK)

    frame_index.heartbeat = tell
    while True:
        try:
            kind, *request = connection.recv()
        except (EOFError, OSError):
            return
        try:
            if kind == 'open':
                reader, filename = None, request[1]
                found = dict(open_video(*request))
                reader = found.pop('video_reader')
                answer: Any = dict(
                    found,
                    facts=(len(reader), getattr(reader, 'picture_shape', None)),
                    doubts=getattr(reader, 'doubts', []),
                )
            else:
                frames = read_frames(reader, *request)
                shape = (len(frames), *frames[0].shape)
                capacity = memory.reserve(sum(frame.nbytes for frame in frames))
                np.stack(frames, out=memory.array(shape, frames[0].dtype.str, capacity))
                answer = (shape, frames[0].dtype.str, capacity)
        except (VideoReadError, ImportError) as error:
            answer = type(error)(*error.args)
        except Exception as error:  # decoders raise errors of many types
            answer = VideoReadError(filename, f'the decoder failed: {type(error).__name__}: {error}')
        connection.send(answer)


def _detach(connection: int, memory: int, parent: int, in_main_thread: bool) -> None:
    """Keep nothing of the parent's but its memory: no open files (a pipe that stays open here hides its end), no signal
    handlers, no dumps of a crash."""
    for number in FATAL_SIGNALS + (signal.SIGCHLD,):
        signal.signal(number, signal.SIG_DFL)
    # Who asks a whole group of processes to end means training, which saves first and needs its videos until then.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    kept = sorted({0, 1, 2, connection, memory})
    for before, after in zip(kept, [*kept[1:], os.sysconf('SC_OPEN_MAX')]):
        os.closerange(before + 1, after)
    if in_main_thread:  # Linux's signal comes with the end of the thread that has forked
        ask_for_signal(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _reap(process: int, patience: float) -> int | None:
    deadline = time.monotonic() + patience
    while True:
        try:
            ended, status = os.waitpid(process, os.WNOHANG)
        except ChildProcessError:  # somebody else has waited for it
            return None
        if ended:
            return status
        if time.monotonic() > deadline:
            return None
        time.sleep(0.01)


def _how(status: int | None) -> str:
    if status is None:
        return 'how is unknown'
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        hint = ', perhaps for want of memory' if number == signal.SIGKILL else ''
        return f'{signal.Signals(number).name}{hint}'
    return f'exit code {os.WEXITSTATUS(status)}'
