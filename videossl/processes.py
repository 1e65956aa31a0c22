"""A process that ends with its parent, so that a killed run leaves nothing behind."""

import ctypes
import os
import signal
import threading
import time

PR_SET_PDEATHSIG = 1  # Linux: prctl's number for the signal that a process gets when its parent ends
INTERVAL = 1.0  # seconds between two looks at the parent, where the system sends no such signal

_watching: int | None = (
    None  # the process that called end_with_parent last; a fork copies the number but watches nothing
)


def end_with_parent(number: int = signal.SIGKILL, parent: int | None = None) -> None:
    """Send this process a signal when its parent ends, however the parent ends. Further calls do nothing.

    Linux sends the signal itself, even while this process waits for a pipe or a disk. To be exact, Linux sends it when the
    thread ends that has started this process. Elsewhere a thread looks for the parent every second.

    Args:
        number: the signal. SIGKILL needs no cooperation: no thread of this process is waited for.
        parent: id of the parent, where the caller knows it from before the fork; a parent that has ended already is
            noticed then.
    """
    global _watching
    if _watching == os.getpid():
        return
    _watching = os.getpid()
    expected = os.getppid() if parent is None else parent
    if not ask_for_signal(number):
        threading.Thread(target=_watch, args=(expected, number), daemon=True, name='end_with_parent').start()
    if os.getppid() != expected:
        os.kill(os.getpid(), number)


def ask_for_signal(number: int) -> bool:
    """Ask Linux for a signal to this process when its parent ends; False on other systems."""
    try:
        return ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0) == 0
    except (OSError, AttributeError, TypeError):
        return False


def _watch(parent: int, number: int) -> None:
    while os.getppid() == parent:
        time.sleep(INTERVAL)
    os.kill(os.getpid(), number)
