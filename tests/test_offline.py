"""Nothing is fetched from the network when videossl is imported. (tests/configs builds every config without one.)"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import socket

def refuse(*arguments, **settings):
    asked.append(arguments)
    raise OSError('the network was asked')

asked = []
for owner, name in ((socket, 'getaddrinfo'), (socket, 'create_connection'), (socket.socket, 'connect'),
                    (socket.socket, 'connect_ex'), (socket.socket, 'sendto')):
    setattr(owner, name, refuse)
try:
    import urllib.request
    urllib.request.urlopen('https://localhost/', timeout=1)
except OSError:
    pass
assert asked, 'the trap does not work'
asked.clear()

import videossl
assert not asked, asked
print(videossl.__file__)
"""


def test_videossl_is_imported_without_the_network():
    result = subprocess.run(
        [sys.executable, '-c', SCRIPT],
        capture_output=True,
        text=True,
        timeout=240,
        env=dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1'),
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert Path(result.stdout.strip()) == ROOT / 'videossl' / '__init__.py'
