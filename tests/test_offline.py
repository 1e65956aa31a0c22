"""Nothing is fetched from the network: neither when videossl is imported, nor when any config's model is built."""
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = '''
import socket, sys

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

import torch
import videossl
from mmengine.config import Config
from mmengine.registry import init_default_scope
from videossl.registry import MODELS
init_default_scope('videossl')
built = set()
for path in sys.argv[1:]:
    model = Config.fromfile(path).model
    if str(model) in built:  # configs that differ in other things
        continue
    built.add(str(model))
    for head in (model.get('heads') or {}).values():
        if (head.get('teacher') or {}).get('type') == 'SCHP':
            head.teacher.update(checkpoint=None, allow_random=True)  # there is no file of it here
    with torch.device('meta'):
        MODELS.build(model)
assert not asked, asked
print(len(built), 'built')
'''


def test_import_and_every_config_are_built_without_the_network(tmp_path):
    configs = sorted(path for path in (ROOT / 'configs').glob('*/**/*.py')
                     if path.relative_to(ROOT / 'configs').parts[0] not in ('_base_', 'recipes'))
    script = tmp_path / 'build.py'
    script.write_text(SCRIPT)
    result = subprocess.run([sys.executable, str(script), *map(str, configs)], capture_output=True, text=True, timeout=240,
                            env=dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1'))
    assert result.returncode == 0, result.stderr[-3000:]
    assert int(result.stdout.split()[-2]) >= 20
