"""Files that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def whole_file(path: str | os.PathLike, flush: bool = False) -> Iterator[Path]:
    """A temporary name beside ``path`` to write under; the file gets its own name when the block ends without an error, and
    with one nothing is left.

    Args:
        path: the file; its folder is made when missing.
        flush: see that the bytes are on the disk before the file gets its name.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Hidden, and of an ending that nobody looks for; of its own, as several processes may write the same file.
    temporary = path.with_name(f'.{path.name}.{uuid4().hex[:8]}.tmp')
    try:
        yield temporary
        if flush:
            with open(temporary, 'rb+') as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
