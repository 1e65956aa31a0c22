"""A folder that one run at a time works in."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from videossl.errors import ConfigError


@contextmanager
def folder_lock(folder: str | Path, name: str) -> Iterator[None]:
    """Keep other runs out of a folder for as long as the context lasts.

    The lock is the system's lock on ``NAME.lock``, which ends with its process, so a killed run leaves no stale lock. The
    file says which process on which host holds it. Where the system has no such locks, the file alone decides: a process
    that has ended on this host holds nothing any more.

    Args:
        folder: made if it is missing.
        name: of what locks it, such as ``'training'``.

    Raises:
        ConfigError: another run holds the lock.
    """
    path = Path(folder, f'{name}.lock')
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'a+') as file:
        held = _try_lock(file)
        if held is False or held is None and _is_alive(_owner(file)):
            owner = _owner(file)
            who = f' (process {owner["process"]} on {owner["host"]}, since {owner["since"]})' if owner else ''
            hint = f'. If that run has ended, delete {path}' if held is None else ''
            raise ConfigError(f'another run works in {folder}{who}; wait for it, or choose another --work-dir{hint}')
        owner = dict(host=socket.gethostname(), process=os.getpid(), since=time.strftime('%Y-%m-%d %H:%M:%S'))
        # On a full disk the lock holds all the same, where it is the system's.
        with suppress(OSError) if held else nullcontext():
            file.truncate(0)
            os.write(file.fileno(), json.dumps(owner).encode())
        try:
            yield
        finally:
            file.truncate(0)
            if held:
                _unlock(file)  # forked processes have the file open too, and would keep the lock


def _try_lock(file) -> bool | None:
    """Whether the system has locked the file for this process; None where it has no such locks."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # Windows; some network file systems
        return None
    return True


def _unlock(file) -> None:
    import fcntl

    fcntl.flock(file, fcntl.LOCK_UN)


def _owner(file) -> dict | None:
    """What the lock file says of its owner; None where it says nothing."""
    file.seek(0)
    try:
        owner = json.loads(file.read())
        return owner if owner.keys() == {'host', 'process', 'since'} else None
    except (ValueError, AttributeError):
        return None


def _is_alive(owner: dict | None) -> bool:
    """Whether the owner may still run. One on another host cannot be asked."""
    if owner is None:
        return False
    if owner['host'] != socket.gethostname():
        return True
    try:
        os.kill(owner['process'], 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    return owner['process'] != os.getpid()
