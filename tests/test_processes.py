"""A process ends with its parent, whichever way the system tells it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from videossl import processes

# A parent whose child sleeps in a pipe's write that nobody reads. {how} turns Linux's signal off or leaves it on.
PARENT = """
import os, time
from videossl import processes
{how}
def child():
    processes.end_with_parent()
    print(os.getpid(), flush=True)
    reader, writer = os.pipe()
    while True:
        os.write(writer, bytes(65536))
if os.fork() == 0:
    child()
time.sleep(60)
"""


def has_ended(process: int) -> bool:
    try:
        with open(f'/proc/{process}/stat') as file:
            return file.read().rpartition(')')[2].split()[0] == 'Z'
    except FileNotFoundError:
        return True


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')
@pytest.mark.parametrize('how', ['', 'processes.ask_for_signal = lambda number: False; processes.INTERVAL = 0.05'])
def test_a_process_that_waits_for_a_pipe_ends_with_its_killed_parent(how):
    parent = subprocess.Popen([sys.executable, '-c', PARENT.format(how=how)], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    assert not has_ended(child)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while not has_ended(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert has_ended(child)
    parent.stdout.close()


def test_a_parent_that_has_ended_before_the_call_is_noticed(monkeypatch):
    sent = []
    monkeypatch.setattr(processes, '_watching', None)
    monkeypatch.setattr(processes, 'ask_for_signal', lambda number: True)
    monkeypatch.setattr(os, 'kill', lambda process, number: sent.append((process, number)))
    processes.end_with_parent(signal.SIGTERM, parent=os.getppid() + 1)
    assert sent == [(os.getpid(), signal.SIGTERM)]
