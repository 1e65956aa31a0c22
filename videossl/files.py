"""Files that appear whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from videossl.errors import UserError, WriteError

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


@contextmanager
def whole_file(path: str | os.PathLike, flush: bool = False, safe: str | None = None) -> Iterator[Path]:
    """A temporary name beside ``path`` to write under. The file gets its own name when the block ends without an error;
    after an error nothing is left, and a file that was there before is unchanged.

    Args:
        path: the file. Its folder is made when missing.
        flush: flush the bytes and the name to the disk, so that a power cut does not lose them.
        safe: what the message of a :class:`~videossl.errors.WriteError` says is safe; default: that the file from before is
            unchanged.

    Raises:
        videossl.errors.WriteError: the disk is full, a quota or a size limit is reached, or the folder is not writable.
    """
    path = Path(path)
    # Hidden, and with an ending that no search looks for; unique, since several processes may write the same file.
    temporary = path.with_name(f'.{path.name}.{uuid4().hex[:8]}.tmp')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if flush:
            with open(temporary, 'rb+') as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if flush:
            _flush_folder(path.parent)
    except Exception as error:
        cause = _disk_error(error, temporary)
        if cause is None or isinstance(error, UserError):
            raise
        number, reason = cause
        if safe is None:
            state = 'The file that was there before is unchanged' if path.exists() else 'No half-written file is left'
            safe = f'{state}; make room, and run the command again' if number in DISK_ERRORS else state
        raise WriteError(number, f'{path} could not be written: {reason}. {safe}') from error
    finally:
        try:
            temporary.unlink(missing_ok=True)
        except OSError:  # of a disk that has become read-only; the error above is the one to show
            pass


def remove_temporaries(folder: str | os.PathLike, names: str = '*', recursive: bool = False) -> list[str]:
    """Remove the temporary files that killed processes left in a folder.

    Args:
        folder: the folder; it may be missing.
        names: pattern of the names of the files that were to be written, such as ``'*.pth'``.
        recursive: also in the folders inside it.

    Returns:
        The names of these files, sorted.
    """
    pattern = f'.{names}.????????.tmp'
    found = sorted(Path(folder).rglob(pattern) if recursive else Path(folder).glob(pattern))
    for path in found:
        path.unlink(missing_ok=True)
    return [path.name[1:-13] for path in found]


def _flush_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, on the systems that can open a folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(descriptor)


def _disk_error(error: BaseException | None, temporary: Path) -> tuple[int, str] | None:
    """Number and text of the failure to write that is behind an error; None: the error has another reason.

    Some writers, such as PyTorch's, raise an error of their own in its place.
    """
    while error is not None:
        ours = isinstance(error, OSError) and os.fspath(temporary) in (error.filename, error.filename2)
        if isinstance(error, OSError) and error.errno and (error.errno in DISK_ERRORS or ours):
            return error.errno, error.strerror or str(error)
        error = error.__cause__ or error.__context__
    return None
