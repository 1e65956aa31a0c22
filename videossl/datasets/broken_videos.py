"""The record of the videos that a data set could not read, shared by its loader's workers."""

import logging
import os
import os.path as osp
from collections.abc import Callable

import numpy as np
import torch
from mmengine.dist import all_reduce
from mmengine.logging import print_log
from torch.utils.data import get_worker_info

from videossl.errors import UserError

from .annotations import HALF_CHARACTER
from .readers.shards import place_of

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FILE_NAME = 'broken_videos.txt'
MAX_WORKERS = 512
LEAST_TRIED = 100  # videos, before a share of them means anything


class TooManyBroken(UserError, RuntimeError):
    """Too many videos cannot be read for training to go on. The message gives the reason and the remedy."""


class BrokenVideos:
    """Which videos could not be read, how many samples were replaced by another video, and which file lists them.

    The tensors lie in memory that the loader's workers share, whether they were started before or after a change.

    Args:
        length: number of videos in the data set.

    Attributes:
        named: bool [length], videos that could not be read and are in the log.
        tried: bool [length], videos that were opened or excluded.
        excluded: bool [length], videos that crashed or blocked a decoder. They are not opened again.
    """

    def __init__(self, length: int) -> None:
        self.named, self.tried, self.excluded = torch.zeros(3, length, dtype=torch.bool).share_memory_()
        # One element for each worker, which alone writes it.
        self._replaced = torch.zeros(MAX_WORKERS, dtype=torch.int64).share_memory_()
        self._file = torch.zeros(4096, dtype=torch.uint8).share_memory_()

    @property
    def replaced(self) -> int:
        """Number of samples that were replaced by another video."""
        return int(self._replaced.sum())

    def count_replaced(self) -> None:
        """Count a sample that is replaced by another video."""
        worker = get_worker_info()
        self._replaced[0 if worker is None else 1 + worker.id % (MAX_WORKERS - 1)] += 1

    @property
    def file(self) -> str | None:
        """Path of the list that broken videos are added to; None: they are in the log alone."""
        return bytes(self._file.numpy()).rstrip(b'\0').decode('utf-8', 'surrogateescape') or None

    @file.setter
    def file(self, path: str | os.PathLike | None) -> None:
        name = b'' if path is None else os.fsencode(osp.abspath(path))
        if len(name) > len(self._file):
            raise ValueError(f'the path of the list of broken videos is too long: {len(name)} bytes')
        self._file.zero_()
        self._file[: len(name)] = torch.from_numpy(np.frombuffer(name, np.uint8).copy())

    def record(self, index: int, filename: str, reason: str, consequence: str) -> None:
        """Record a video in the log and in the list, once.

        Args:
            index: of the video in the data set.
            filename: of the video.
            reason: why it cannot be read.
            consequence: what happens to its sample, for the log.
        """
        if self.named[index]:
            return
        self.named[index] = True
        # Printable in any encoding of the log.
        shown = escaped(f'{filename}: {reason}').encode('utf-8', 'backslashreplace').decode()
        print_log(f'cannot read {shown}; {consequence}', logger='current', level=logging.WARNING)
        if self.file is not None:
            try:
                add_line(self.file, filename, reason)
            except OSError as error:  # the run goes on
                print_log(f'{self.file} lacks {shown}: {error}', logger='current', level=logging.WARNING)

    def state(self, filename_of: Callable[[int], str]) -> dict:
        """The record for a resumed run, in plain types.

        Args:
            filename_of: from the index of a video in the data set to its path.
        """
        videos = [(index, filename_of(index)) for index in self.named.nonzero().flatten().tolist()]
        return dict(
            length=len(self.named),
            tried=torch.from_numpy(np.packbits(self.tried.numpy())),
            videos=[(index, path, bool(self.excluded[index]), stamp_of(path)) for index, path in videos],
        )

    def restore(self, state: dict, filename_of: Callable[[int], str]) -> None:
        """Restore a record from :meth:`state`. A video whose file has changed since is tried again. All videos are tried again
        if the data set has another length."""
        if state['length'] != len(self.named):
            return
        self.tried |= torch.from_numpy(np.unpackbits(state['tried'].cpu().numpy(), count=len(self.tried)).astype(bool))
        for index, path, is_excluded, stamp in state['videos']:
            if filename_of(index) == path and stamp_of(path) == stamp:
                self.named[index] = True
                self.excluded[index] = is_excluded

    def share(self) -> None:
        """Merge the records of all processes. All have to call this."""
        for own in (self.named, self.tried, self.excluded):
            everyones = own.to(torch.uint8)
            all_reduce(everyones, 'max')
            own[everyones.bool()] = True  # leaves alone the elements that workers may be changing

    def check_share(self, share: float) -> None:
        """Raise :class:`TooManyBroken` if more than a share of the videos that were tried are broken.

        Nothing is raised before 100 videos, or all of a smaller data set, were tried.
        """
        if not self.named.any():
            return
        tried, broken = int(self.tried.sum()), int(self.named.sum())
        if tried >= min(len(self.tried), LEAST_TRIED) and broken > share * tried:
            listed = f' {self.file} names them.' if self.file is not None else ' The log names them.'
            raise TooManyBroken(
                f'{broken} of the {tried} videos that were tried cannot be read, more than the allowed share of {share:g}, '
                f'so training stops.{listed} Check data_root and the files (videossl check tries them all), or '
                'allow more with train_dataloader.dataset.max_broken_share'
            )


def stamp_of(path: str) -> tuple[int, int] | None:
    """Size in bytes and time of change of a file; None: there is no such file."""
    try:
        status = os.stat(place_of(path).file)
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


def line_of(filename: str, reason: str) -> str:
    """A line of the list: path, tab, reason. Line breaks, tabs and backslashes in a path are escaped as in Python."""
    path = escaped(filename.replace('\\', '\\\\')).replace('\t', '\\t')
    return f'{path}\t{escaped(" ".join(reason.split()))}\n'


def parts_of(line: str) -> tuple[str, str]:
    """Path and reason of a line of the list, escaped as they are in it."""
    path, _, reason = line.partition('\t')
    return path, reason


def escaped(text: str) -> str:
    """A text on one line that can be written to a file: line breaks, and surrogates that stand for no byte of a file name,
    are escaped as in Python."""
    text = text.replace('\n', '\\n').replace('\r', '\\r')
    return HALF_CHARACTER.sub(lambda half: f'\\u{ord(half[0]):04x}', text)


def add_line(file: str, filename: str, reason: str) -> None:
    """Add a video to a list of broken videos, unless it is in it. Workers, ranks and earlier runs write to the same file."""
    line = line_of(filename, reason).encode('utf-8', 'surrogateescape')
    os.makedirs(osp.dirname(file), exist_ok=True)
    with open(file, 'ab+', buffering=0) as out:
        if fcntl is not None:
            fcntl.flock(out, fcntl.LOCK_EX)  # released when the file is closed
        out.seek(0)
        content = out.read()
        if (b'\n' + content).find(b'\n' + line.partition(b'\t')[0] + b'\t') >= 0:
            return
        out.write((b'\n' if content and not content.endswith(b'\n') else b'') + line)
