"""One run at a time works in a folder, and a run that has ended locks nothing."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from videossl import folder_lock as module
from videossl.errors import ConfigError
from videossl.folder_lock import folder_lock

HOLD = """
import sys, time
from videossl.folder_lock import folder_lock
with folder_lock(sys.argv[1], 'training'):
    print('held', flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    process = subprocess.Popen([sys.executable, '-c', HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'held\n'
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_run_is_refused_and_told_who_holds_the_folder(tmp_path, holder):
    with pytest.raises(ConfigError) as error, folder_lock(tmp_path, 'training'):
        pytest.fail('two runs hold the lock')
    assert f'process {holder.pid} on {socket.gethostname()}' in str(error.value)
    with folder_lock(tmp_path, 'recipe'):  # another kind of run has a lock of its own
        pass


def test_a_killed_run_leaves_no_lock(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / 'training.lock').read_text()
    with folder_lock(tmp_path, 'training'):
        assert json.loads((tmp_path / 'training.lock').read_text())['process'] == os.getpid()
    assert (tmp_path / 'training.lock').read_text() == ''


def test_without_locks_of_the_system_the_file_tells_running_from_ended_owners(tmp_path, holder, monkeypatch):
    monkeypatch.setattr(module, '_try_lock', lambda file: None)
    with pytest.raises(ConfigError, match='training.lock'), folder_lock(tmp_path, 'training'):
        pytest.fail('two runs hold the lock')
    holder.kill()
    holder.wait()
    with folder_lock(tmp_path, 'training'):
        pass
    (tmp_path / 'training.lock').write_text(json.dumps(dict(host='elsewhere', process=1, since='then')))
    with pytest.raises(ConfigError, match='process 1 on elsewhere'), folder_lock(tmp_path, 'training'):
        pytest.fail('an owner on another host cannot be known to have ended')


def test_a_forked_process_that_outlives_its_run_keeps_no_lock(tmp_path):
    reader, writer = os.pipe()
    with folder_lock(tmp_path, 'training'):
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
    with folder_lock(tmp_path, 'training'):
        pass
    os.close(writer)
    os.close(reader)
    os.waitpid(child, 0)
